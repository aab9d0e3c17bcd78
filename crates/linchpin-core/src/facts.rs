//! What a requirement decides by.

use std::fmt;

use crate::{Caller, Clock, Reason, Refusal, Requirement, Timestamp};

/// What a [`Requirement`] decides by: the caller, and the time.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Caller, Facts, SystemClock, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// let caller = Caller::builder("https://id.example").scopes(["grades:read".parse()?]).build();
/// Facts::new(&caller, &SystemClock).meet::<GradesRead>()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    caller: &'a Caller,
    clock: &'a dyn Clock,
    admits_restricted: bool,
}

impl<'a> Facts<'a> {
    /// The facts of a request by `caller`, at the time that `clock` shows when a requirement asks for it.
    pub fn new(caller: &'a Caller, clock: &'a dyn Clock) -> Self {
        Self { caller, clock, admits_restricted: false }
    }

    /// Who is calling.
    pub fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Decides whether the requirement holds.
    ///
    /// This, and not [`Requirement::check`], is what asks: it refuses the token of a restricted application where the
    /// requirement does not [let it in](crate::AdmitRestricted).
    ///
    /// # Errors
    ///
    /// The refusal that answers the request.
    pub fn meet<R: Requirement>(self) -> Result<(), Refusal> {
        if self.may_ask::<R>() { R::check(self) } else { Err(Reason::RestrictedApplication.into()) }
    }

    /// Whether the requirement holds, for those who need no refusal.
    pub fn meets<R: Requirement>(self) -> bool {
        self.may_ask::<R>() && R::holds(self)
    }

    fn may_ask<R: Requirement>(&self) -> bool {
        !self.caller.is_restricted() || self.admits_restricted || R::ADMITS_RESTRICTED
    }

    /// The same facts, for requirements that restricted applications may meet as well.
    #[must_use]
    pub(crate) fn admitting_restricted(self) -> Self {
        Self { admits_restricted: true, ..self }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("caller", &self.caller).finish_non_exhaustive()
    }
}
