//! Strangers' text in logs and errors.

/// The beginning of a text, at most `max_bytes` of it in whole characters, escaped.
pub(crate) fn printable(text: &str, max_bytes: usize) -> String {
    let end = (0..=max_bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text[..end].escape_debug().to_string()
}
