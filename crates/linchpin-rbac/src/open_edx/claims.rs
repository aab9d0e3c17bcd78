//! What the LMS says of a user beside the registered claims.

use std::sync::Arc;

use linchpin_core::{Caller, Condition, Description, Facts, Reason, Refusal, Requirement};
use serde::{Deserialize, de::IgnoredAny};

/// Met by whom the LMS calls an administrator (`administrator`, of the scope `profile`).
///
/// # Examples
///
/// ```
/// use linchpin_core::{Caller, Facts, SystemClock};
/// use linchpin_rbac::open_edx::Staff;
///
/// let caller = Caller::builder("https://lms.example").claims_json(r#"{"administrator":true}"#).build();
/// Facts::new(&caller, &SystemClock).meet::<Staff>()?;
/// # Ok::<(), linchpin_core::Refusal>(())
/// ```
#[derive(Debug)]
pub struct Staff;

impl Requirement for Staff {
    fn check(facts: Facts<'_>) -> Result<(), Refusal> {
        if is_staff(facts.caller()) { Ok(()) } else { Err(Reason::NotAllowed.into()) }
    }

    fn describe() -> Description {
        Condition::Other("staff of the LMS".into()).into()
    }
}

/// Met by whom the LMS calls a superuser (`superuser`, of the scope `profile`).
#[derive(Debug)]
pub struct Superuser;

impl Requirement for Superuser {
    fn check(facts: Facts<'_>) -> Result<(), Refusal> {
        if is_superuser(facts.caller()) { Ok(()) } else { Err(Reason::NotAllowed.into()) }
    }

    fn describe() -> Description {
        Condition::Other("superuser of the LMS".into()).into()
    }
}

/// Whether the token says that the user is an administrator; nothing is remembered from an earlier token.
pub fn is_staff(caller: &Caller) -> bool {
    claims(caller).is_some_and(|claims| claims.administrator == Maybe::Is(true))
}

/// Whether the token says that the user is a superuser.
pub fn is_superuser(caller: &Caller) -> bool {
    claims(caller).is_some_and(|claims| claims.superuser == Maybe::Is(true))
}

/// The user's name in the LMS: `preferred_username`, else `username`; the subject is an identifier without meaning there.
pub fn username(caller: &Caller) -> Option<String> {
    claims(caller)?.username().map(ToOwned::to_owned)
}

/// Whether this is the caller's own name, without regard to ASCII case, in which the LMS knows no two users apart.
pub(super) fn is_own_username(caller: &Caller, name: &str) -> bool {
    claims(caller).is_some_and(|claims| claims.username().is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

#[derive(Deserialize)]
struct LmsClaims {
    #[serde(default)]
    administrator: Maybe<bool>,
    #[serde(default)]
    superuser: Maybe<bool>,
    #[serde(default)]
    preferred_username: Maybe<String>,
    #[serde(default)]
    username: Maybe<String>,
}

impl LmsClaims {
    fn username(&self) -> Option<&str> {
        // A `preferred_username` that is there and no name is not made good for by another claim.
        let name = match (&self.preferred_username, &self.username) {
            (Maybe::Is(name), _) | (Maybe::Absent, Maybe::Is(name)) => name,
            _ => return None,
        };
        Some(name.as_str()).filter(|name| !name.is_empty())
    }
}

/// A claim that says nothing if it is of another type than it should be.
#[derive(Default, Deserialize, PartialEq)]
#[serde(untagged)]
enum Maybe<T> {
    Is(T),
    Other(IgnoredAny),
    #[default]
    #[serde(skip)]
    Absent,
}

fn claims(caller: &Caller) -> Option<Arc<LmsClaims>> {
    caller.claims().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &str) -> Caller {
        Caller::builder("https://lms.example").subject("ann").claims_json(claims).build()
    }

    #[test]
    fn only_true_is_true() {
        assert!(is_staff(&caller(r#"{"administrator":true}"#)));
        assert!(is_superuser(&caller(r#"{"superuser":true,"administrator":7}"#)));
        for nothing in ["null", "1", r#""true""#, "[true]", r#"{"administrator":true}"#, "false"] {
            let caller =
                caller(&format!(r#"{{"administrator":{nothing},"superuser":{nothing},"is_staff":true}}"#));
            assert!(!is_staff(&caller) && !is_superuser(&caller), "{nothing}");
        }
    }

    #[test]
    fn a_username_is_a_text_that_is_not_empty() {
        let name = |claims: &str| username(&caller(claims));

        assert_eq!(name(r#"{"preferred_username":"ann","username":"bob"}"#).as_deref(), Some("ann"));
        assert_eq!(name(r#"{"username":"bob"}"#).as_deref(), Some("bob"));
        for none in [
            "{}",
            r#"{"preferred_username":""}"#,
            r#"{"preferred_username":7,"username":"bob"}"#,
            "[]",
            r#"{"sub":"ann"}"#,
        ] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    #[test]
    fn only_ascii_case_is_disregarded() {
        let kim = caller(r#"{"preferred_username":"Kim"}"#);

        assert!(is_own_username(&kim, "kim") && is_own_username(&kim, "KIM"));
        // The sign for kelvin is lower-cased to k by Unicode.
        for other in ["", "\u{212a}im", "kim ", "kimm", "кim"] {
            assert!(!is_own_username(&kim, other), "{other}");
        }
    }
}
