//! Names of roles and contexts, as they may be shown.

use std::fmt;

/// A name that came from outside: control characters escaped, and cut after [`MAX_SHOWN`] bytes.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

/// The most that is shown of one name, in bytes, before the mark that something is missing.
const MAX_SHOWN: usize = 128;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = MAX_SHOWN;
        for character in self.0.chars() {
            // Beyond ASCII too: a look-alike, or a mark that turns the direction of writing, is seen for what it is.
            let escaped = character.escape_default();
            let Some(left) = room.checked_sub(escaped.len()) else { return f.write_str("…") };
            room = left;
            escaped.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(Shown("course-v1:edX+Demo+2026").to_string(), "course-v1:edX+Demo+2026");
        assert_eq!(Shown("a\nb\u{202e}аdmin").to_string(), "a\\nb\\u{202e}\\u{430}dmin");

        let long = Shown(&"я".repeat(1000)).to_string();
        assert!(long.len() <= MAX_SHOWN + '…'.len_utf8() && long.ends_with('…'), "{long}");
        assert_eq!(Shown(&"a".repeat(MAX_SHOWN)).to_string(), "a".repeat(MAX_SHOWN));
    }
}
