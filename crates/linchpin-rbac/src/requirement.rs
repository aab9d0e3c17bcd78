//! Feature roles as types, for guards and route tables.

use std::sync::{LazyLock, OnceLock};

use crate::Rbac;

/// Where [`feature_roles!`](crate::feature_roles) finds the [`Rbac`] by which it decides: a static of the service.
///
/// Until a `OnceLock` is filled, nothing is granted and the answer is 503.
pub trait RbacSource {
    /// The roles, if they are there yet.
    fn rbac(&self) -> Option<&Rbac>;
}

impl<F: FnOnce() -> Rbac> RbacSource for LazyLock<Rbac, F> {
    fn rbac(&self) -> Option<&Rbac> {
        Some(self)
    }
}

impl RbacSource for OnceLock<Rbac> {
    fn rbac(&self) -> Option<&Rbac> {
        self.get()
    }
}

/// Declares feature roles as types, each a [`Requirement`](linchpin_core::Requirement) that is met by whoever holds the role
/// in [any context](crate::ContextReq::Any).
///
/// They are for routes that are not about one thing, and show up in the route table; a handler asks
/// [`Rbac::require`](crate::Rbac::require) about the thing itself. The roles are decided by a static of the service, named first.
///
/// # Examples
///
/// ```
/// use std::sync::OnceLock;
/// use linchpin_core::{Caller, Facts, Requirement, Role, SystemClock};
/// use linchpin_rbac::{Rbac, feature_roles};
///
/// static RBAC: OnceLock<Rbac> = OnceLock::new();
///
/// feature_roles! {
///     in RBAC;
///     /// May look at reports, of some customer at least.
///     pub ReportReader = "report_reader";
/// }
///
/// let rbac = Rbac::builder([ReportReader::NAME]).system_role("enterprise_admin", [ReportReader::NAME]).build()?;
/// RBAC.set(rbac).expect("set once, at start");
///
/// let caller = Caller::builder("https://id.example").roles([Role::new("enterprise_admin:acme")]).build();
/// Facts::new(&caller, &SystemClock).meet::<ReportReader>()?;
/// assert_eq!(ReportReader::describe().to_string(), "feature role report_reader in any context");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// "Any context" lets in whoever holds the role somewhere. What is about one thing is not protected by it alone.
#[macro_export]
macro_rules! feature_roles {
    (in $rbac:path; $($(#[$attribute:meta])* $visibility:vis $type:ident = $name:literal;)+) => {$(
        $(#[$attribute])*
        $visibility struct $type;

        impl $type {
            /// The name of the feature role.
            #[allow(dead_code, reason = "not every service asks for it")]
            $visibility const NAME: &'static str = $name;
        }

        impl $crate::__private::Requirement for $type {
            fn check(facts: $crate::__private::Facts<'_>) -> ::core::result::Result<(), $crate::__private::Refusal> {
                $crate::__private::check(&$rbac, facts, $name)
            }

            fn describe() -> $crate::__private::Description {
                $crate::__private::describe($name)
            }
        }
    )+};
}

/// What [`feature_roles!`](crate::feature_roles) expands to; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    use linchpin_core::{Condition, Reason};
    pub use linchpin_core::{Description, Facts, Refusal, Requirement};

    use super::RbacSource;
    use crate::ContextReq;

    pub fn check(
        source: &impl RbacSource,
        facts: Facts<'_>,
        feature_role: &'static str,
    ) -> Result<(), Refusal> {
        let Some(rbac) = source.rbac() else {
            tracing::error!(
                feature_role,
                "the roles are not there yet: set the static before the service listens"
            );
            return Err(Reason::DecisionUnavailable.into());
        };
        // Whether restricted applications are let in has been decided by `Facts::meet`, for each requirement.
        rbac.admitting_restricted().require(facts.caller(), feature_role, ContextReq::Any)
    }

    pub fn describe(feature_role: &str) -> Description {
        Condition::Other(format!("feature role {feature_role} in any context").into()).into()
    }
}
