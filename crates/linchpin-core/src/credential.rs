//! From `Authorization` headers to one token.

use crate::{Reason, Refusal};

/// Takes the token out of a request's `Authorization` headers.
///
/// `values` are the values of all of them, as they came; `schemes` the schemes that are accepted, compared without case.
/// A credential is a scheme, one or more spaces, and a `b64token` (RFC 6750 §2.1).
///
/// # Errors
///
/// [`MissingCredential`](Reason::MissingCredential) without a header, [`RepeatedCredential`](Reason::RepeatedCredential)
/// with several, [`UnsupportedScheme`](Reason::UnsupportedScheme) for a scheme that is not accepted, and
/// [`MalformedCredential`](Reason::MalformedCredential) for everything else that is not a credential.
///
/// # Examples
///
/// ```
/// use linchpin_core::{token_from_authorization, Reason};
///
/// assert_eq!(token_from_authorization([b"bearer abc.def".as_slice()], &["Bearer"])?, "abc.def");
///
/// let refusal = token_from_authorization([b"Bearer a b".as_slice()], &["Bearer"]).unwrap_err();
/// assert_eq!(refusal.reason(), Reason::MalformedCredential);
/// # Ok::<(), linchpin_core::Refusal>(())
/// ```
pub fn token_from_authorization<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    schemes: &[&str],
) -> Result<&'a str, Refusal> {
    credential_from_authorization(values, schemes).map(|(_, token)| token)
}

/// The same, with the scheme as it is spelled in `schemes`.
pub(crate) fn credential_from_authorization<'a, 's>(
    values: impl IntoIterator<Item = &'a [u8]>,
    schemes: &[&'s str],
) -> Result<(&'s str, &'a str), Refusal> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(Reason::MissingCredential)?;
    if values.next().is_some() {
        return Err(Reason::RepeatedCredential.into());
    }

    // Nothing but ASCII is in any scheme or token, so bytes that are not UTF-8 need no case of their own.
    let value = std::str::from_utf8(value).map_err(|_| Reason::MalformedCredential)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !is_token(scheme) {
        return Err(Reason::MalformedCredential.into());
    }
    let accepted = schemes.iter().find(|accepted| accepted.eq_ignore_ascii_case(scheme));
    let scheme = accepted.ok_or(Reason::UnsupportedScheme)?;
    let token = token.trim_start_matches(' ');
    if is_b64token(token) { Ok((scheme, token)) } else { Err(Reason::MalformedCredential.into()) }
}

/// Whether `text` is a `token` of RFC 9110 §5.6.2, as every authentication scheme is.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether `text` is a `b64token` of RFC 6750 §2.1.
pub(crate) fn is_b64token(text: &str) -> bool {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    let body = &text.as_bytes()[..text.len() - padding];
    // Every byte is looked at, without a branch: tokens are long, nearly all of them are good, and so the compiler takes
    // sixteen bytes at a time.
    !body.is_empty() && body.iter().fold(true, |all, b| all & is_b64token_byte(*b))
}

const fn is_b64token_byte(b: u8) -> bool {
    // `-`, `.`, `/` and the digits are neighbours.
    ((b | 0x20).wrapping_sub(b'a') < 26)
        | (b.wrapping_sub(b'-') <= b'9' - b'-')
        | (b == b'_')
        | (b == b'~')
        | (b == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &[u8]) -> Result<&str, Reason> {
        token_from_authorization([value], &["Bearer", "JWT"]).map_err(|refusal| refusal.reason())
    }

    #[test]
    fn a_scheme_of_any_case_and_one_token_is_taken() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "JWT  a.b-c_d~e+f/g=="] {
            assert_eq!(one(value.as_bytes()), Ok("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn the_bytes_of_a_token_are_those_of_the_rfc() {
        for b in 0..=u8::MAX {
            let expected = b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
            assert_eq!(is_b64token_byte(b), expected, "{b:#04x}");
        }
        // At each place of a text that is longer than what is looked at at once.
        for place in 0..100 {
            let mut text = [b'a'; 100];
            text[place] = b',';
            assert!(!is_b64token(std::str::from_utf8(&text).unwrap()), "{place}");
        }
    }

    #[test]
    fn other_schemes_are_told_apart_from_malformed_ones() {
        for value in ["Basic dXNlcjpwYXNz", "Basic", "Digest a=\"b\", c=d", "eyJh.e30.c2ln", "DPoP a.b.c"] {
            assert_eq!(one(value.as_bytes()), Err(Reason::UnsupportedScheme), "{value}");
        }
        let malformed: [&[u8]; 16] = [
            b"",
            b" ",
            b"Bearer",
            b"Bearer ",
            b" Bearer a",
            b"Bearer: a",
            b"Bearer\ta",
            b"Bearer a b",
            b"Bearer a ",
            b"Bearer a,Bearer b",
            b"Bearer a, Bearer b",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer \"a\"",
            b"Bearer a\xff",
            b"B\xc3\xa4rer a",
        ];
        for value in malformed {
            assert_eq!(one(value), Err(Reason::MalformedCredential), "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_second_header_is_refused_even_when_it_is_the_same() {
        let both = token_from_authorization([b"Bearer a".as_slice(), b"Bearer a"], &["Bearer"]);

        assert_eq!(both, Err(Refusal::new(Reason::RepeatedCredential)));
        assert_eq!(token_from_authorization([], &["Bearer"]), Err(Refusal::new(Reason::MissingCredential)));
    }
}
