//! Whom a route admits, as a value.

use std::fmt;

use crate::{Description, Facts, Refusal, Requirement};

/// Whom a route admits: what stands beside its method and path in a [`RouteTable`](crate::RouteTable).
///
/// # Examples
///
/// ```
/// use linchpin_core::{Policy, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// assert_eq!(Policy::public().to_string(), "public");
/// assert_eq!(Policy::authenticated().to_string(), "authenticated");
/// assert_eq!(Policy::require::<GradesRead>().to_string(), "scope grades:read");
/// ```
#[derive(Clone, Copy)]
pub struct Policy {
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Public,
    Optional,
    Authenticated,
    Require { check: fn(Facts<'_>) -> Result<(), Refusal>, describe: fn() -> Description },
}

impl Policy {
    /// Admits everybody, whatever credential is sent: nothing of it is looked at.
    ///
    /// To its handlers everybody is anonymous, whoever calls.
    pub const fn public() -> Self {
        Self { kind: Kind::Public }
    }

    /// Admits callers with a valid token and those who bring no credential; one that fails is refused.
    pub const fn optional() -> Self {
        Self { kind: Kind::Optional }
    }

    /// Admits every caller with a valid token, unless it belongs to a restricted application (profile `open_edx`).
    pub const fn authenticated() -> Self {
        Self { kind: Kind::Authenticated }
    }

    /// Admits callers who meet the requirement.
    pub const fn require<R: Requirement>() -> Self {
        Self { kind: Kind::Require { check: |facts| facts.meet::<R>(), describe: R::describe } }
    }

    /// Whether it admits everybody.
    pub const fn is_public(&self) -> bool {
        matches!(self.kind, Kind::Public)
    }

    /// Whether it admits those who bring no credential, but not one that fails.
    pub const fn is_optional(&self) -> bool {
        matches!(self.kind, Kind::Optional)
    }

    /// What is required of the caller; `None` if no caller is needed.
    pub fn description(&self) -> Option<Description> {
        match self.kind {
            Kind::Public | Kind::Optional => None,
            Kind::Authenticated => Some(Description::anyone()),
            Kind::Require { describe, .. } => Some(describe()),
        }
    }

    /// What kind of policy it is: `public`, `optional`, `authenticated` or `require`.
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Public => "public",
            Kind::Optional => "optional",
            Kind::Authenticated => "authenticated",
            Kind::Require { .. } => "require",
        }
    }

    /// Decides about a caller whose token has been verified.
    ///
    /// # Errors
    ///
    /// The refusal that answers the request.
    pub(crate) fn check(&self, facts: Facts<'_>) -> Result<(), Refusal> {
        match self.kind {
            // Whoever brings a token though none is needed is told what it is worth, not turned away for what it lacks.
            Kind::Public | Kind::Optional => Ok(()),
            Kind::Authenticated => facts.meet::<crate::Authenticated>(),
            Kind::Require { check, .. } => check(facts),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Require { describe, .. } => describe().fmt(f),
            _ => f.write_str(self.kind()),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}

/// What can be a route's policy: what the adapters' `public()`, `authenticated()` and `require::<R>()` return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    label = "expected `public()`, `optional()`, `authenticated()` or `require::<..>()`",
    note = "every route names its policy first: `get(require::<GradesRead>(), list)`"
)]
pub trait IntoPolicy {
    /// The policy.
    fn into_policy(self) -> Policy;
}

impl IntoPolicy for Policy {
    fn into_policy(self) -> Policy {
        self
    }
}
