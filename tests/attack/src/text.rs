//! Tokens as text: taken apart, changed and put together again.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a part that was encoded here.
pub(crate) fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("the part of a good token is base64url")
}

/// The three parts of a token.
pub(crate) fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().expect("a good token has three parts")
}

/// The token with another signature, made from its own.
pub(crate) fn with_signature(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let [header, payload, signature] = parts(token);
    format!("{header}.{payload}.{}", encode(change(decode(signature))))
}

/// Another encoding of the same bytes: a bit is set behind the last byte, where lenient decoders do not look.
pub(crate) fn non_canonical(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    assert_ne!(part.len() % 4, 0, "the last character of {part} has no bits to spare");
    let (rest, last) = part.split_at(part.len() - 1);
    let at = ALPHABET.iter().position(|c| last.as_bytes() == [*c]).expect("base64url");
    format!("{rest}{}", char::from(ALPHABET[at | 1]))
}

/// JSON with white space behind it, so that its encoding ends with spare bits.
pub(crate) fn with_spare_bits(mut json: String) -> String {
    while json.len() % 3 != 1 {
        json.push(' ');
    }
    json
}

/// The bytes of a hexadecimal constant.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
