//! What the caller may, for handlers.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use linchpin_core::Requirement;

use crate::{Caller, Rejection, rejection::identity};

/// The verified caller, who meets the requirement `R`, as an extractor.
///
/// It derefs to [`linchpin_core::Caller`]. A handler may have several: all of them have to be met. axum reads the body
/// last of all, whatever the order of the arguments, and so never before the decision.
///
/// # Examples
///
/// ```
/// use linchpin_axum::Require;
/// use linchpin_core::scopes;
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// async fn grades(caller: Require<GradesRead>) -> String {
///     format!("The grades of {}", caller.subject().unwrap_or("everybody"))
/// }
/// ```
///
/// # Errors
///
/// 403 for a caller who does not meet the requirement, or 401 where signing in again would do; 401 for the anonymous behind
/// an optional layer; 500 without any layer, and an error event says so.
pub struct Require<R: Requirement> {
    // The bound stands here, and not on the impls alone, so that a type that is no requirement is told where it is named.
    caller: Caller,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> Require<R> {
    /// The shared caller, for instance to hand on to a task.
    pub fn into_inner(self) -> Arc<linchpin_core::Caller> {
        self.caller.into_inner()
    }

    /// For calling a handler directly, as its unit tests do: nothing is checked.
    pub fn dangerously_unchecked(caller: impl Into<Caller>) -> Self {
        Self { caller: caller.into(), requirement: PhantomData }
    }
}

impl<R: Requirement> Clone for Require<R> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), requirement: PhantomData }
    }
}

impl<R: Requirement> fmt::Debug for Require<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl<R: Requirement> Deref for Require<R> {
    type Target = linchpin_core::Caller;

    fn deref(&self) -> &linchpin_core::Caller {
        &self.caller
    }
}

impl<S: Send + Sync, R: Requirement> FromRequestParts<S> for Require<R> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let caller = identity(parts, "Require")?.authorize::<R>().map_err(Rejection::new)?;
        Ok(Self { caller: caller.into(), requirement: PhantomData })
    }
}
