//! OAuth 2.0 scope tokens.

use std::{error::Error, fmt, str::FromStr};

/// One OAuth 2.0 scope token, such as `courses:read`.
///
/// Scopes are compared byte for byte, as RFC 6749 §3.3 asks: case counts, and nothing is a wildcard.
///
/// # Examples
///
/// ```
/// use linchpin_core::Scope;
///
/// let scope: Scope = "courses:read".parse()?;
/// assert_eq!(scope, *"courses:read");
/// assert!("courses read".parse::<Scope>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scope(Box<str>);

impl Scope {
    /// Whether `text` is one scope token: visible ASCII without `"` and `\`, and not empty (RFC 6749 §3.3).
    pub const fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            if !matches!(bytes[i], 0x21 | 0x23..=0x5b | 0x5d..=0x7e) {
                return false;
            }
            i += 1;
        }
        !bytes.is_empty()
    }

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(InvalidScope) }
    }
}

impl PartialEq<str> for Scope {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a scope token.
///
/// It is empty, or holds a space, a quote, a backslash, a control character or something beyond ASCII.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidScope;

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scope is visible ASCII without spaces, quotes and backslashes, and not empty")
    }
}

impl Error for InvalidScope {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_characters_of_rfc_6749_make_a_scope() {
        for good in ["a", "courses:read", "https://id.example/all", "!#[]^~", "user:me"] {
            assert!(Scope::is_valid(good), "{good}");
        }
        for bad in ["", " ", "a b", "a\"b", "a\\b", "a\tb", "a\u{7f}", "ä", "a\u{a0}b"] {
            assert!(!Scope::is_valid(bad), "{bad:?}");
        }
    }
}
