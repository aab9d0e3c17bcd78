//! Text that may come from anybody, on its way into a line.

use std::fmt::Write;

/// The beginning of a text, at most `max` bytes of it, cut between characters.
pub(crate) fn clipped(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A JSON string, in which nothing can end the line, the string, or the reader's trust in what it sees.
///
/// Beyond what JSON asks for, all control characters, line separators and those that change the direction of text are
/// escaped.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    push_json_part(out, text);
    out.push('"');
}

/// The inside of a JSON string.
pub(crate) fn push_json_part(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, char) in text.char_indices() {
        if !(matches!(char, '"' | '\\') || is_unsafe(char)) {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + char.len_utf8();
        // A String takes whatever it is given.
        let _ = match char {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            // The whole list lies in the basic plane, except tags, which JSON writes as a pair of surrogates.
            _ => char.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        };
    }
    out.push_str(&text[plain..]);
}

/// Text for a terminal: what could move its cursor, change its colours or forge a line is escaped.
pub(crate) fn push_visible(out: &mut String, text: &str) {
    for char in text.chars() {
        if is_unsafe(char) {
            let _ = write!(out, "{}", char.escape_unicode());
        } else {
            out.push(char);
        }
    }
}

/// Controls, line and paragraph separators, direction marks, invisible characters and tags.
fn is_unsafe(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_control();
    }
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "a\"b\\c\r\n\t\0\x1b[31m\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}é😀";

    #[test]
    fn a_json_string_gives_the_same_text_back_and_holds_nothing_raw() {
        let mut json = String::new();
        push_json_string(&mut json, HOSTILE);

        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), HOSTILE);
        assert!(!json.chars().any(is_unsafe), "{json:?}");
        assert!(json.ends_with("é😀\""));
    }

    #[test]
    fn text_for_a_terminal_holds_nothing_raw() {
        let mut text = String::new();
        push_visible(&mut text, HOSTILE);

        assert!(!text.chars().any(is_unsafe), "{text:?}");
        assert!(text.contains(r"\u{1b}[31m") && text.contains(r"\u{a}"), "{text}");
    }

    #[test]
    fn clipping_cuts_between_characters() {
        assert_eq!(clipped("aé", 2), "a");
        assert_eq!(clipped("aé", 3), "aé");
    }
}
