//! The signed envelope: JSON Web Signature in its compact form (RFC 7515).

use std::fmt;

use linchpin_core::Reason;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::{
    Algorithm, base64url,
    strict::{Ignored, Names},
};

/// A token taken apart, its header read and nothing of it verified.
pub(crate) struct Jws<'t> {
    pub(crate) header: Header,
    pub(crate) algorithm: Algorithm,
    pub(crate) signing_input: &'t str,
    pub(crate) signature: Vec<u8>,
    /// Decoded, and not to be looked at before the signature has been verified.
    pub(crate) payload: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart, as far as that is possible without a key.
    pub(crate) fn parse(token: &'t str) -> Result<Self, Reason> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::MalformedToken);
        };
        let signing_input = &token[..header.len() + 1 + payload.len()];

        let header = base64url::decode(header).ok_or(Reason::MalformedToken)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| Reason::MalformedHeader)?;
        if header.asks_for_extension {
            return Err(Reason::CriticalHeader);
        }
        let algorithm = header.alg.parse().map_err(|_| Reason::AlgorithmNotAllowed)?;
        let payload = base64url::decode(payload).ok_or(Reason::MalformedToken)?;
        let signature = base64url::decode(signature).ok_or(Reason::MalformedToken)?;
        Ok(Self { header, algorithm, signing_input, signature, payload })
    }
}

/// The header members that count. All others are walked for repeated names and ignored, among them `jku`, `jwk`, `x5u` and
/// `x5c`: where the keys come from is not for the token to say.
pub(crate) struct Header {
    alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    asks_for_extension: bool,
}

/// The most members that a header may have. It is read before the signature is known, so it gets less than the claims.
const MAX_HEADER_MEMBERS: usize = 32;

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;

        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JOSE header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let (mut alg, mut kid, mut typ, mut asks_for_extension) = (None, None, None, false);
                let mut names = Names::at_most(MAX_HEADER_MEMBERS);
                while let Some(name) = names.next(&mut map)? {
                    match &*name {
                        "alg" => alg = Some(map.next_value()?),
                        "kid" => kid = Some(map.next_value()?),
                        "typ" => typ = Some(map.next_value()?),
                        other => {
                            // `b64` without `crit` and `zip` in a JWS are not extensions that anyone may ignore safely.
                            asks_for_extension |= matches!(other, "crit" | "b64" | "zip");
                            map.next_value::<Ignored>()?;
                        }
                    }
                }
                let alg = alg.ok_or_else(|| serde::de::Error::missing_field("alg"))?;
                Ok(Header { alg, kid, typ, asks_for_extension })
            }
        }

        deserializer.deserialize_map(HeaderVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<(), Reason> {
        let token = format!("{}.e30.c2ln", base64url::encode(header));
        Jws::parse(&token).map(|_| ())
    }

    #[test]
    fn a_token_has_exactly_three_parts() {
        let header = base64url::encode(r#"{"alg":"RS256"}"#);

        assert!(Jws::parse(&format!("{header}.e30.c2ln")).is_ok());
        for token in
            ["", ".", "..", "...", &header, &format!("{header}.e30"), &format!("{header}.e30.c2ln.x")]
        {
            assert!(
                matches!(Jws::parse(token), Err(Reason::MalformedToken | Reason::MalformedHeader)),
                "{token}"
            );
        }
        for bad in [
            format!("{header}=.e30.c2ln"),
            format!("{header}.e30.c2l="),
            format!("{header}.e30.c2m"),
            format!("{header}.e31.c2ln"),
        ] {
            assert_eq!(Jws::parse(&bad).err(), Some(Reason::MalformedToken), "{bad}");
        }
    }

    #[test]
    fn a_header_is_an_object_with_unique_names_and_strings_where_they_count() {
        for header in [
            "",
            "[]",
            "null",
            "\"alg\"",
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","typ":{}}"#,
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","x":{"a":1,"a":1}}"#,
            r#"{"alg":"RS256"} x"#,
            r#"{"alg":"RS256",}"#,
            "{\"alg\":\"RS256\",\"x\":\"\u{1}\"}",
        ] {
            assert_eq!(parse(header), Err(Reason::MalformedHeader), "{header}");
        }
        assert_eq!(
            parse(r#" {"kid":"k","x":[{"a":1}],"typ":"JWT","jku":"https://x","alg":"RS256"} "#),
            Ok(())
        );
    }

    #[test]
    fn extensions_that_change_the_meaning_are_refused() {
        for header in [
            r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","b64":true}"#,
            r#"{"alg":"RS256","zip":"DEF"}"#,
            r#"{"alg":"none","crit":["x"]}"#,
        ] {
            assert_eq!(parse(header), Err(Reason::CriticalHeader), "{header}");
        }
    }

    #[test]
    fn unknown_algorithms_and_every_none_are_not_allowed() {
        for alg in
            ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RSA-OAEP", "ES256K", "dir", "ML-DSA-44"]
        {
            assert_eq!(parse(&format!(r#"{{"alg":"{alg}"}}"#)), Err(Reason::AlgorithmNotAllowed), "{alg}");
        }
    }

    #[test]
    fn a_header_with_too_many_members_is_refused() {
        let header = |n: usize| {
            let members: String = (1..n).map(|i| format!(r#","{i}":0"#)).collect();
            format!(r#"{{"alg":"RS256"{members}}}"#)
        };

        assert_eq!(parse(&header(MAX_HEADER_MEMBERS)), Ok(()));
        assert_eq!(parse(&header(MAX_HEADER_MEMBERS + 1)), Err(Reason::MalformedHeader));
    }
}
