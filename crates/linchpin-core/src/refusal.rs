//! A refusal: a reason, and what the answer needs to say beside it.

use std::{error::Error, fmt, time::Duration};

use crate::{Reason, Scope, StepUp};

/// The reason why a request is refused, with what its answer says beside it.
///
/// It is an error that holds nothing of the token: it may be logged, and its [`Reason`] may be counted.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Reason, Refusal};
///
/// let refusal = Refusal::new(Reason::Expired);
/// assert_eq!(refusal.reason(), Reason::Expired);
/// assert_eq!(refusal.to_string(), "The token has expired.");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    reason: Reason,
    // Boxed, so that a result which holds no refusal stays small.
    more: Option<Box<More>>,
}

/// What an answer says beside the reason.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct More {
    scope: Option<String>,
    roles: Vec<Box<str>>,
    step_up: Option<StepUp>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal for `reason`, with nothing beside it.
    ///
    /// For the reasons that need more, [`insufficient_scope`](Self::insufficient_scope),
    /// [`insufficient_role`](Self::insufficient_role), [`step_up`](Self::step_up) and
    /// [`keys_unavailable`](Self::keys_unavailable) are the better way.
    pub const fn new(reason: Reason) -> Self {
        Self { reason, more: None }
    }

    /// The caller lacks `scope`, several separated by spaces; the challenge names it (RFC 6750 §3.1).
    ///
    /// What is not a scope (RFC 6749 §3.3) does not reach the challenge.
    pub fn insufficient_scope(scope: &str) -> Self {
        let valid = !scope.is_empty() && scope.split(' ').all(Scope::is_valid);
        let scope = valid.then(|| scope.to_owned());
        Self::new(Reason::InsufficientScope).with(More { scope, ..More::default() })
    }

    /// The caller lacks `role`, which reaches the caller only where a gate [names roles](crate::Gate::name_roles).
    pub fn insufficient_role(role: &str) -> Self {
        Self::new(Reason::InsufficientRole).with(More { roles: vec![role.into()], ..More::default() })
    }

    /// The user has to sign in as `step_up` asks (RFC 9470 §3).
    pub fn step_up(step_up: StepUp) -> Self {
        let more = More { step_up: Some(step_up), ..More::default() };
        Self::new(Reason::InsufficientAuthentication).with(more)
    }

    /// Keys are missing, and it is worth coming back after `retry_after`.
    pub fn keys_unavailable(retry_after: Duration) -> Self {
        let more = More { retry_after: Some(retry_after), ..More::default() };
        Self::new(Reason::KeysUnavailable).with(more)
    }

    /// Whether there is nothing beside the reason.
    pub(crate) const fn is_plain(&self) -> bool {
        self.more.is_none()
    }

    /// Why the request is refused.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The scope that was missing, several separated by spaces.
    pub fn scope(&self) -> Option<&str> {
        self.more.as_ref()?.scope.as_deref()
    }

    /// The roles that were missing, as far as they are known.
    ///
    /// They are names of the service's own, not of the token; still, they tell how it decides.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.more.iter().flat_map(|more| &more.roles).map(|role| &**role)
    }

    /// What is asked of the user's sign-in, for [`InsufficientAuthentication`](Reason::InsufficientAuthentication).
    pub fn asked_step_up(&self) -> Option<StepUp> {
        self.more.as_ref()?.step_up
    }

    /// When it is worth coming back, for a refusal of status 503.
    ///
    /// Whole seconds, rounded up and at least one; ten where nobody knows better.
    pub fn retry_after(&self) -> Option<Duration> {
        (self.reason.status() == 503).then(|| {
            let wanted =
                self.more.as_ref().and_then(|more| more.retry_after).unwrap_or(Duration::from_secs(10));
            let seconds = wanted.as_secs().saturating_add(u64::from(wanted.subsec_nanos() > 0));
            Duration::from_secs(seconds.max(1))
        })
    }

    /// The answer to whoever fails both, where both are demanded: everything that is missing.
    ///
    /// Signing in again is asked for only if nothing else is missing, since it would not help.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if self.reason != other.reason {
            return if self.reason == Reason::InsufficientAuthentication { other } else { self };
        }
        let Some(theirs) = other.more else { return self };
        let mut ours = self.more.take().unwrap_or_default();
        ours.scope = match (ours.scope, theirs.scope) {
            (Some(mut all), Some(more)) => {
                for scope in more.split(' ') {
                    if !all.split(' ').any(|known| known == scope) {
                        all.push(' ');
                        all.push_str(scope);
                    }
                }
                Some(all)
            }
            (ours, theirs) => ours.or(theirs),
        };
        for role in theirs.roles {
            if !ours.roles.contains(&role) {
                ours.roles.push(role);
            }
        }
        ours.step_up = match (ours.step_up, theirs.step_up) {
            (Some(ours), Some(theirs)) => Some(ours.and(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        self.with(*ours)
    }

    /// The answer to whoever fails both, where one would do: the one that is easier to mend.
    pub(crate) fn or(self, other: Self) -> Self {
        let trouble = |refusal: &Self| match refusal.reason {
            Reason::InsufficientAuthentication => 0,
            Reason::InsufficientScope => 1,
            _ => 2,
        };
        if trouble(&other) < trouble(&self) { other } else { self }
    }

    fn with(self, more: More) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.detail())
    }
}

impl Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        let after = |wanted| Refusal::keys_unavailable(wanted).retry_after();

        assert_eq!(after(Duration::ZERO), Some(Duration::from_secs(1)));
        assert_eq!(after(Duration::from_millis(2001)), Some(Duration::from_secs(3)));
        assert_eq!(Refusal::new(Reason::KeysUnavailable).retry_after(), Some(Duration::from_secs(10)));
        assert_eq!(Refusal::new(Reason::Expired).retry_after(), None);
    }

    #[test]
    fn what_is_not_a_scope_stays_out_of_the_challenge() {
        assert_eq!(Refusal::insufficient_scope("a b").scope(), Some("a b"));
        for bad in ["", "a\"", "a  b", "a\r\nset-cookie: x", "ä"] {
            assert_eq!(Refusal::insufficient_scope(bad).scope(), None, "{bad:?}");
        }
    }
}
