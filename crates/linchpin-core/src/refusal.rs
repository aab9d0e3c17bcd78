//! A refusal: a reason, and what the answer needs to say beside it.

use std::{error::Error, fmt, time::Duration};

use crate::{Reason, Scope};

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
    scope: Option<Box<str>>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal for `reason`, with nothing beside it.
    ///
    /// For the two reasons that need more, [`insufficient_scope`](Self::insufficient_scope) and
    /// [`keys_unavailable`](Self::keys_unavailable) are the better way.
    pub const fn new(reason: Reason) -> Self {
        Self { reason, scope: None, retry_after: None }
    }

    /// The caller lacks `scope`, several separated by spaces; the challenge names it (RFC 6750 §3.1).
    ///
    /// What is not a scope (RFC 6749 §3.3) does not reach the challenge.
    pub fn insufficient_scope(scope: &str) -> Self {
        let valid = !scope.is_empty() && scope.split(' ').all(Scope::is_valid);
        Self { scope: valid.then(|| scope.into()), ..Self::new(Reason::InsufficientScope) }
    }

    /// Keys are missing, and it is worth coming back after `retry_after`.
    pub fn keys_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Reason::KeysUnavailable) }
    }

    /// Why the request is refused.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The scope that was missing, several separated by spaces.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// When it is worth coming back, for a refusal of status 503.
    ///
    /// Whole seconds, rounded up and at least one; ten where nobody knows better.
    pub fn retry_after(&self) -> Option<Duration> {
        (self.reason.status() == 503).then(|| {
            let wanted = self.retry_after.unwrap_or(Duration::from_secs(10));
            let seconds = wanted.as_secs().saturating_add(u64::from(wanted.subsec_nanos() > 0));
            Duration::from_secs(seconds.max(1))
        })
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
