//! The credential of whom a call is made for.

use std::{fmt, sync::Arc};

use crate::{Reason, Refusal, credential::is_b64token};

/// The bearer token with which the caller of a request was admitted, to act on the caller's behalf (RFC 8693 §1.1).
///
/// Two are equal if they are the same text, byte for byte. A clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_core::SubjectToken;
///
/// let token = SubjectToken::new("abc.def")?;
/// assert_eq!(token.secret(), "abc.def");
/// assert_eq!(format!("{token:?}"), "SubjectToken([redacted])");
/// # Ok::<(), linchpin_core::Refusal>(())
/// ```
///
/// # Security
///
/// Whoever holds it can act as the caller until it expires: it belongs into no log and to no host that is not named.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SubjectToken {
    text: Arc<str>,
}

impl SubjectToken {
    /// A token that has been verified.
    ///
    /// # Errors
    ///
    /// [`MalformedCredential`](Reason::MalformedCredential), if the text is no `b64token` (RFC 6750 §2.1).
    pub fn new(token: &str) -> Result<Self, Refusal> {
        if is_b64token(token) {
            Ok(Self { text: token.into() })
        } else {
            Err(Reason::MalformedCredential.into())
        }
    }

    /// A token that was taken out of a header, which has had its syntax checked.
    pub(crate) fn of_credential(token: impl Into<Arc<str>>) -> Self {
        Self { text: token.into() }
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectToken([redacted])")
    }
}
