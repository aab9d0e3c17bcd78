//! Whom a route admits, as a value.

use std::fmt;

use crate::{Description, Facts, Refusal, Requirement, description::RESTRICTED_TOO};

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
    admits_restricted: bool,
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
        Self::of(Kind::Public)
    }

    /// Admits whom [`authenticated`](Self::authenticated) admits, and those who bring no credential; one that fails is
    /// refused.
    pub const fn optional() -> Self {
        Self::of(Kind::Optional)
    }

    /// Admits every caller with a valid token, unless it belongs to a restricted application (profile `open_edx`).
    pub const fn authenticated() -> Self {
        Self::of(Kind::Authenticated)
    }

    /// Admits callers who meet the requirement.
    pub const fn require<R: Requirement>() -> Self {
        Self::of(Kind::Require { check: |facts| facts.meet::<R>(), describe: R::describe })
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, admits_restricted: false }
    }

    /// The same policy, open to tokens of restricted applications too (profile `open_edx`); without it they are refused.
    ///
    /// For a requirement this is what [`AdmitRestricted`](crate::AdmitRestricted) is.
    ///
    /// # Examples
    ///
    /// ```
    /// use linchpin_core::Policy;
    ///
    /// let policy = Policy::authenticated().admit_restricted();
    /// assert_eq!(policy.to_string(), "authenticated (restricted applications too)");
    /// ```
    #[must_use]
    pub const fn admit_restricted(self) -> Self {
        Self { admits_restricted: true, ..self }
    }

    /// Whether it lets restricted applications in that it would refuse otherwise.
    pub(crate) const fn admits_restricted(&self) -> bool {
        self.admits_restricted && !self.is_public()
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
        let description = match self.kind {
            Kind::Public | Kind::Optional => return None,
            Kind::Authenticated => Description::anyone(),
            Kind::Require { describe, .. } => describe(),
        };
        Some(if self.admits_restricted { description.admit_restricted() } else { description })
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
        let facts = if self.admits_restricted { facts.admitting_restricted() } else { facts };
        match self.kind {
            Kind::Public => Ok(()),
            // Handlers do more for callers whom they know: a restricted application is no more welcome for the anonymous.
            Kind::Optional | Kind::Authenticated => facts.meet::<crate::Authenticated>(),
            Kind::Require { check, .. } => check(facts),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.description()) {
            (Kind::Require { .. }, Some(description)) => description.fmt(f),
            _ if self.admits_restricted() => write!(f, "{}{RESTRICTED_TOO}", self.kind()),
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
