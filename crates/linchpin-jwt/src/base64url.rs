//! Base64url as JOSE uses it: no padding, no white space, and one encoding per value (RFC 7515 §2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes; `None` for what is not the one canonical encoding of something.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(any(feature = "sign", test))]
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_encoding_is_taken() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode(""), Some(vec![]));
        // Padding, the other alphabet, white space, a lone character, and bits set after the last byte.
        for bad in ["-_8=", "+/8", "-_ 8", "-_8\n", "-", "-_9", "-_8-_"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
