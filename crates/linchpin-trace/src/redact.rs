//! What must not be seen.

use std::fmt;

/// A value that no `Debug`, log line or span shows.
///
/// There is no way to serialize it; [`expose`](Self::expose) names the place where it is used.
///
/// # Examples
///
/// ```
/// use linchpin_trace::Sensitive;
///
/// let card = Sensitive::new("4111 1111 1111 1111");
///
/// assert_eq!(format!("{card} {card:?}"), "[redacted] [redacted]");
/// assert_eq!(card.expose().len(), 19);
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one who needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, taken out.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether a header may be recorded, by its lower-case name: a closed list of those that carry neither credentials nor
/// personal data.
///
/// # Examples
///
/// ```
/// use linchpin_trace::is_recordable_header;
///
/// assert!(is_recordable_header("content-type"));
/// assert!(!is_recordable_header("authorization"));
/// assert!(!is_recordable_header("x-anything-else"));
/// ```
pub fn is_recordable_header(name: &str) -> bool {
    RECORDABLE.binary_search(&name).is_ok()
}

/// In order, for the search.
const RECORDABLE: [&str; 15] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "allow",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "retry-after",
    "server",
    "traceparent",
    "vary",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carries_credentials_is_not_recordable() {
        assert!(RECORDABLE.is_sorted());
        for name in RECORDABLE {
            assert!(is_recordable_header(name), "{name}");
        }
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "baggage",
            "www-authenticate",
        ] {
            assert!(!is_recordable_header(name), "{name}");
        }
    }
}
