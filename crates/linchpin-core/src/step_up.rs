//! Step-up authentication (RFC 9470).

use std::{fmt, time::Duration};

use crate::{Facts, Refusal};

/// How, and how recently, the user must have signed in: the challenge of OAuth 2.0 step-up authentication (RFC 9470).
///
/// A token meets it with an `acr` that is one of the `acr_values`, byte for byte, and an `auth_time` that lies no more than
/// `max_age` back, each as far as it is set. Whoever does not is answered 401 with `insufficient_user_authentication`, so
/// that the client sends its user through the authorization server again. [`step_up!`](crate::step_up!) makes a type of it.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Caller, Facts, Problem, StepUp, SystemClock};
///
/// const MFA: StepUp = StepUp::new().acr_values(&["urn:example:mfa"]).max_age(300);
///
/// let caller = Caller::builder("https://id.example").acr("urn:example:password").build();
/// let refusal = MFA.check(Facts::new(&caller, &SystemClock)).unwrap_err();
/// let answer = Problem::from(refusal).into_answer();
/// assert!(answer.headers().any(|(name, value)| name == "www-authenticate" && value
///     == r#"Bearer error="insufficient_user_authentication", acr_values="urn:example:mfa", max_age="300""#));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct StepUp {
    acr_values: &'static [&'static str],
    max_age: Option<u32>,
}

impl StepUp {
    /// Asks for nothing yet; as long as that is so, nobody meets it.
    pub const fn new() -> Self {
        Self { acr_values: &[], max_age: None }
    }

    /// Asks for one of these authentication contexts, the preferred one first.
    ///
    /// # Panics
    ///
    /// If one of them is empty, or holds anything but visible ASCII without quotes and backslashes; in a constant, this is
    /// a compile error.
    pub const fn acr_values(self, acr_values: &'static [&'static str]) -> Self {
        let mut i = 0;
        while i < acr_values.len() {
            assert!(
                crate::Scope::is_valid(acr_values[i]),
                "an `acr` is visible ASCII without spaces, quotes and backslashes"
            );
            i += 1;
        }
        Self { acr_values, ..self }
    }

    /// Asks for a sign-in that lies at most this many seconds back.
    pub const fn max_age(self, seconds: u32) -> Self {
        Self { max_age: Some(seconds), ..self }
    }

    /// Whether it asks for nothing, so that nobody meets it.
    pub const fn is_empty(&self) -> bool {
        self.acr_values.is_empty() && self.max_age.is_none()
    }

    /// Whether the caller has signed in as this asks.
    ///
    /// # Errors
    ///
    /// [`InsufficientAuthentication`](crate::Reason::InsufficientAuthentication) if not, which answers 401 and tells what is asked.
    pub fn check(&self, facts: Facts<'_>) -> Result<(), Refusal> {
        if self.holds(facts) { Ok(()) } else { Err(Refusal::step_up(*self)) }
    }

    /// Whether the caller has signed in as this asks.
    pub fn holds(&self, facts: Facts<'_>) -> bool {
        let caller = facts.caller();
        let has_context =
            self.acr_values.is_empty() || caller.acr().is_some_and(|acr| self.acr_values.contains(&acr));
        let is_recent = self.max_age.is_none_or(|max_age| {
            caller.auth_time().is_some_and(|at| {
                let now = facts.now();
                at <= now.saturating_add(FUTURE)
                    && now.saturating_duration_since(at) <= Duration::from_secs(max_age.into())
            })
        });
        has_context && is_recent && !self.is_empty()
    }

    /// What is asked for as a value of the challenge's `acr_values`: separated by spaces.
    pub(crate) fn acr_text(&self) -> Option<String> {
        (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "))
    }

    /// The `max_age` of the challenge, in seconds.
    pub(crate) fn max_age_text(&self) -> Option<String> {
        self.max_age.map(|seconds| seconds.to_string())
    }

    /// What somebody is asked for who has to meet both: the contexts of the first that names any, and the shorter age.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            acr_values: if self.acr_values.is_empty() { other.acr_values } else { self.acr_values },
            max_age: [self.max_age, other.max_age].into_iter().flatten().min(),
        }
    }
}

impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.acr_text(), self.max_age) {
            (Some(acr), Some(age)) => write!(f, "signed in with {acr} within {age} s"),
            (Some(acr), None) => write!(f, "signed in with {acr}"),
            (None, Some(age)) => write!(f, "signed in within {age} s"),
            (None, None) => f.write_str("nobody"),
        }
    }
}

impl From<StepUp> for Refusal {
    fn from(step_up: StepUp) -> Self {
        Self::step_up(step_up)
    }
}

/// How far the issuer's clock may be ahead of ours; an `auth_time` beyond that is no time at which anyone signed in.
const FUTURE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Clock, FakeClock};

    fn check(step_up: StepUp, acr: Option<&str>, seconds_ago: Option<i64>) -> bool {
        let clock = FakeClock::default();
        let now = clock.now().as_unix_seconds();
        let mut caller = Caller::builder("i");
        if let Some(acr) = acr {
            caller = caller.acr(acr);
        }
        if let Some(ago) = seconds_ago {
            caller = caller.auth_time(crate::Timestamp::from_unix_seconds(now - ago));
        }
        step_up.check(Facts::new(&caller.build(), &clock)).is_ok()
    }

    #[test]
    fn the_context_is_one_of_the_values_byte_for_byte() {
        let step_up = StepUp::new().acr_values(&["gold", "silver"]);

        assert!(check(step_up, Some("silver"), None));
        for other in [None, Some(""), Some("Silver"), Some("silver "), Some("gold silver"), Some("bronze")] {
            assert!(!check(step_up, other, Some(0)), "{other:?}");
        }
    }

    #[test]
    fn a_sign_in_counts_up_to_its_age_and_not_from_the_future() {
        let step_up = StepUp::new().max_age(300);

        assert!(check(step_up, None, Some(300)) && check(step_up, None, Some(0)));
        assert!(check(step_up, None, Some(-60)), "clocks differ a little");
        for other in [None, Some(301), Some(-61), Some(i64::from(i32::MAX))] {
            assert!(!check(step_up, Some("gold"), other), "{other:?}");
        }
    }

    #[test]
    fn both_are_needed_where_both_are_asked_and_nothing_is_never_enough() {
        let both = StepUp::new().acr_values(&["gold"]).max_age(300);

        assert!(check(both, Some("gold"), Some(10)));
        assert!(!check(both, Some("gold"), None) && !check(both, None, Some(10)));
        assert!(!check(StepUp::new(), Some("gold"), Some(10)));
    }
}
