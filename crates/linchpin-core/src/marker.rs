//! Scopes, roles and step-ups as types.

/// Declares scopes as types, each a [`Requirement`](crate::Requirement).
///
/// A name that is no scope (RFC 6749 §3.3) does not compile. Attributes, doc comments among them, go to the type.
///
/// # Examples
///
/// ```
/// use linchpin_core::scopes;
///
/// scopes! {
///     /// May look at grades.
///     pub GradesRead = "grades:read";
///     pub(crate) GradesWrite = "grades:write";
/// }
///
/// assert_eq!(GradesRead::NAME, "grades:read");
/// ```
///
/// ```compile_fail
/// linchpin_core::scopes! { pub Two = "grades:read grades:write"; }
/// ```
#[macro_export]
macro_rules! scopes {
    ($($(#[$attribute:meta])* $visibility:vis $type:ident = $name:literal;)*) => {$(
        #[doc = ::core::concat!("The scope `", $name, "`, as a requirement.")]
        #[doc = ""]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $type;

        impl $type {
            /// The scope as text.
            #[allow(dead_code)]
            $visibility const NAME: &'static str = $name;
        }

        const _: () = if !$crate::Scope::is_valid($name) {
            ::core::panic!("{}", ::core::concat!(
                "`", $name, "` is not a scope: a scope is visible ASCII without spaces, quotes and backslashes, and not empty"
            ));
        };

        impl $crate::Requirement for $type {
            fn check(facts: $crate::Facts<'_>) -> ::core::result::Result<(), $crate::Refusal> {
                facts.caller().require_scope($name)
            }

            fn holds(facts: $crate::Facts<'_>) -> bool {
                facts.caller().has_scope($name)
            }

            fn describe() -> $crate::Description {
                $crate::Condition::Scope($name.into()).into()
            }
        }
    )*};
}

/// Declares roles as types, each a [`Requirement`](crate::Requirement).
///
/// A name that is empty, begins or ends with a space, or holds control characters does not compile: no issuer means it.
/// Attributes, doc comments among them, go to the type.
///
/// # Examples
///
/// ```
/// use linchpin_core::roles;
///
/// roles! {
///     /// Runs the place.
///     pub Admin = "admin";
/// }
///
/// assert_eq!(Admin::NAME, "admin");
/// ```
///
/// ```compile_fail
/// linchpin_core::roles! { pub Nobody = ""; }
/// ```
#[macro_export]
macro_rules! roles {
    ($($(#[$attribute:meta])* $visibility:vis $type:ident = $name:literal;)*) => {$(
        #[doc = ::core::concat!("The role `", $name, "`, as a requirement.")]
        #[doc = ""]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $type;

        impl $type {
            /// The role as text.
            #[allow(dead_code)]
            $visibility const NAME: &'static str = $name;
        }

        const _: () = if !$crate::Role::is_sound($name) {
            ::core::panic!("{}", ::core::concat!(
                "`", $name, "` is not a role: a role is not empty, without spaces around it and without control characters"
            ));
        };

        impl $crate::Requirement for $type {
            fn check(facts: $crate::Facts<'_>) -> ::core::result::Result<(), $crate::Refusal> {
                facts.caller().require_role($name)
            }

            fn holds(facts: $crate::Facts<'_>) -> bool {
                facts.caller().has_role($name)
            }

            fn describe() -> $crate::Description {
                $crate::Condition::Role($name.into()).into()
            }
        }
    )*};
}

/// Declares step-ups as types, each a [`Requirement`](crate::Requirement) on how and when the user signed in (RFC 9470).
///
/// Each names `acr_values`, `max_age` in seconds, or both; see [`StepUp`](crate::StepUp) for what they mean.
///
/// # Examples
///
/// ```
/// use linchpin_core::step_up;
///
/// step_up! {
///     /// Signed in with two factors.
///     pub TwoFactors { acr_values: ["urn:example:mfa"] }
///     /// Signed in within five minutes.
///     pub JustNow { max_age: 300 }
///     pub(crate) Both { acr_values: ["urn:example:mfa"], max_age: 300 }
/// }
/// ```
///
/// ```compile_fail
/// linchpin_core::step_up! { pub Anyhow { acr_values: [] } }
/// ```
#[macro_export]
macro_rules! step_up {
    ($($(#[$attribute:meta])* $visibility:vis $type:ident { $($setting:ident: $value:tt),+ $(,)? })*) => {$(
        #[doc = ::core::concat!("A step-up, as a requirement: ", $("`", ::core::stringify!($setting: $value), "` "),+)]
        #[doc = ""]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $type;

        impl $type {
            /// What is asked for.
            #[allow(dead_code)]
            $visibility const STEP_UP: $crate::StepUp = $crate::StepUp::new()$(.$setting($crate::step_up!(@ $value)))+;
        }

        const _: () = if $type::STEP_UP.is_empty() {
            ::core::panic!("{}", ::core::concat!("`", ::core::stringify!($type), "` asks for nothing"));
        };

        impl $crate::Requirement for $type {
            fn check(facts: $crate::Facts<'_>) -> ::core::result::Result<(), $crate::Refusal> {
                $type::STEP_UP.check(facts)
            }

            fn holds(facts: $crate::Facts<'_>) -> bool {
                $type::STEP_UP.holds(facts)
            }

            fn describe() -> $crate::Description {
                $crate::Condition::StepUp($type::STEP_UP).into()
            }
        }
    )*};
    (@ [$($value:literal),* $(,)?]) => { &[$($value),*] };
    (@ $value:literal) => { $value };
}

#[cfg(test)]
mod tests {
    use crate::{Caller, Facts, Requirement, Role, Scope, SystemClock};

    scopes! {
        /// With a doc comment of its own.
        #[derive(PartialEq)]
        Read = "grades:read";
    }
    roles! { Admin = "admin"; }

    #[test]
    fn a_marker_knows_its_name_and_asks_for_it() {
        let caller = Caller::builder("i").scopes(["grades:read".parse().unwrap()]).build();
        let facts = Facts::new(&caller, &SystemClock);

        assert_eq!((Read::NAME, Admin::NAME), ("grades:read", "admin"));
        assert_eq!(Read, Read, "attributes arrive at the type");
        assert_eq!(facts.meet::<Read>(), Ok(()));
        assert_eq!(facts.meet::<Admin>().unwrap_err().roles().collect::<Vec<_>>(), ["admin"]);
        assert_eq!(Read::describe().to_string(), "scope grades:read");
    }

    #[test]
    fn only_names_that_an_issuer_may_mean_are_roles() {
        for good in ["admin", "enterprise admin", "a:b:*", "Räte"] {
            assert!(Role::is_sound(good), "{good}");
        }
        for bad in ["", " ", " admin", "admin ", "a\nb", "a\u{7f}", "\u{0}"] {
            assert!(!Role::is_sound(bad), "{bad:?}");
        }
        assert!(!Scope::is_valid("grades:read "));
    }
}
