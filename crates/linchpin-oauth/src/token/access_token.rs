//! A credential for outgoing calls.

use std::{fmt, sync::Arc};

use crate::{TokenError, TokenErrorKind};

/// A bearer token that a call carries (RFC 6750 §2.1).
///
/// A clone shares it. Two are equal if they are the same text.
///
/// # Security
///
/// `Debug` does not show it.
#[derive(Clone, Eq, PartialEq)]
pub struct AccessToken {
    authorization: Arc<str>,
}

impl AccessToken {
    /// A token of this text.
    ///
    /// # Errors
    ///
    /// [`Malformed`](TokenErrorKind::Malformed), if it is empty, above 16 KiB, or has a byte that is not visible ASCII: no
    /// space, no control character.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        if token.is_empty() || token.len() > MAX_BYTES || !token.bytes().all(|b| b.is_ascii_graphic()) {
            let problem =
                "the text is no token: it is empty, too long, or has a byte that is not visible ASCII";
            return Err(TokenError::new(TokenErrorKind::Malformed, problem));
        }
        Ok(Self { authorization: format!("{SCHEME}{token}").into() })
    }

    /// The value of the header `Authorization`: `Bearer `, and the token. It is visible ASCII and one space.
    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        &self.authorization[SCHEME.len()..]
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

const SCHEME: &str = "Bearer ";

/// Beyond it no server takes a header.
const MAX_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_visible_ascii_of_a_bounded_length() {
        for good in ["a", "a.b-c_d~e+f/g==", "17|abc:def", &"x".repeat(MAX_BYTES)] {
            let token = AccessToken::new(good).unwrap();
            assert_eq!((token.secret(), token.authorization()), (good, &*format!("Bearer {good}")));
        }
        for bad in
            ["", " ", "a b", "a\n", "a\r\nx-admin: 1", "\0", "a\u{7f}", "ä", &"x".repeat(MAX_BYTES + 1)]
        {
            let error = AccessToken::new(bad).unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::Malformed, "{bad:?}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        assert_eq!(format!("{:?}", AccessToken::new("s3cret").unwrap()), "AccessToken([redacted])");
    }
}
