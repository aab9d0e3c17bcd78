//! The payload: claims read in one pass (RFC 7519).

use std::{borrow::Cow, fmt};

use linchpin_core::{Reason, Role, Scope, Timestamp};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::strict::{Ignored, MAX_MEMBERS, Name, Names, Texts, Walk};

/// The claims that verification and everybody else needs; whatever else the token holds has been walked.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) audience: Option<Vec<Box<str>>>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) token_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) authorized_party: Option<String>,
    pub(crate) acr: Option<String>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) okta_client_id: Option<String>,
    pub(crate) tenant: Tenant,
    pub(crate) roles: Vec<Role>,
    pub(crate) version: Version,
    pub(crate) filters: Vec<Box<str>>,
    pub(crate) is_restricted: bool,
    /// The token has the marks of an ID token, a refresh token, a logout token or a security event.
    pub(crate) is_of_other_kind: bool,
    pub(crate) is_bound_to_key: bool,
    scope: Option<Vec<Scope>>,
    scp: Option<Vec<Scope>>,
    scopes: Option<Vec<Scope>>,
}

/// The `version` of an Open edX token.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) enum Version {
    #[default]
    Absent,
    Major(u64),
    Malformed,
}

/// The `tid` of a token of Microsoft Entra.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) enum Tenant {
    #[default]
    Absent,
    Named(String),
    Malformed,
}

impl Claims {
    /// Reads a payload; `roles_at` is the path of member names at which the list of roles stands, and `open_edx` says
    /// whether the claims that only Open edX defines have a meaning.
    pub(crate) fn read(payload: &str, roles_at: &[String], open_edx: bool) -> Result<Self, Reason> {
        let mut claims = Self::default();
        // Serde's errors know where, not which claim: the visitor notes what it is reading.
        let mut reading = Reason::MalformedClaims;
        let mut deserializer = serde_json::Deserializer::from_str(payload);
        let reader = Reader { claims: &mut claims, reading: &mut reading, roles_at, open_edx };
        let result = deserializer.deserialize_map(reader).and_then(|()| deserializer.end());
        result.map_err(|_| reading)?;
        Ok(claims)
    }

    /// Exactly one scope claim counts: the first present of `scope`, `scp` and `scopes`.
    pub(crate) fn take_scopes(&mut self) -> Vec<Scope> {
        let (scope, scp, scopes) = (self.scope.take(), self.scp.take(), self.scopes.take());
        scope.or(scp).or(scopes).unwrap_or_default()
    }
}

struct Reader<'c, 'p> {
    claims: &'c mut Claims,
    reading: &'c mut Reason,
    roles_at: &'p [String],
    open_edx: bool,
}

impl<'de> Visitor<'de> for Reader<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWT Claims Set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { claims, reading, roles_at, open_edx } = self;
        let mut names = Names::at_most(MAX_MEMBERS);
        while let Some(name) = names.next(&mut map)? {
            *reading = malformed(&name);
            match &*name {
                "iss" => claims.issuer = Some(map.next_value()?),
                "sub" => claims.subject = Some(map.next_value()?),
                "aud" => claims.audience = Some(map.next_value::<OneOrMany>()?.0),
                "exp" => claims.expires_at = Some(map.next_value::<NumericDate>()?.0),
                "nbf" => claims.not_before = Some(map.next_value::<NumericDate>()?.0),
                "iat" => claims.issued_at = Some(map.next_value::<NumericDate>()?.0),
                "jti" => claims.token_id = Some(map.next_value()?),
                "client_id" => claims.client_id = Some(map.next_value()?),
                "azp" => claims.authorized_party = Some(map.next_value()?),
                "acr" => claims.acr = Some(map.next_value()?),
                "auth_time" => claims.auth_time = Some(map.next_value::<NumericDate>()?.0),
                // Both belong to one provider each: of another's token, whatever shape they have is not our business.
                "cid" => {
                    let mut found = |client: &str| claims.okta_client_id = Some(client.to_owned());
                    map.next_value_seed(Walk { looking_for: Texts::Itself, found: &mut found })?;
                }
                "tid" => {
                    claims.tenant = Tenant::Malformed;
                    let mut found = |tenant: &str| claims.tenant = Tenant::Named(tenant.to_owned());
                    map.next_value_seed(Walk { looking_for: Texts::Itself, found: &mut found })?;
                }
                "scope" => claims.scope = Some(next_scopes(&mut map)?),
                "scp" => claims.scp = Some(next_scopes(&mut map)?),
                "scopes" => claims.scopes = Some(next_scopes(&mut map)?),
                "typ" => {
                    let mut found = |typ: &str| claims.is_of_other_kind |= OTHER_KINDS.contains(&typ);
                    map.next_value_seed(Walk { looking_for: Texts::Itself, found: &mut found })?;
                }
                "token_use" => {
                    let mut found = |token_use: &str| claims.is_of_other_kind |= token_use == "id";
                    map.next_value_seed(Walk { looking_for: Texts::Itself, found: &mut found })?;
                }
                "events" | "at_hash" | "c_hash" => {
                    claims.is_of_other_kind = true;
                    map.next_value::<Ignored>()?;
                }
                "cnf" => {
                    claims.is_bound_to_key = true;
                    map.next_value::<Ignored>()?;
                }
                "version" if open_edx => {
                    claims.version = Version::Malformed;
                    let mut found = |text: &str| claims.version = major(text);
                    map.next_value_seed(Walk { looking_for: Texts::Itself, found: &mut found })?;
                }
                // Both narrow what the token may do: a value that is not understood must not count as no limit.
                "filters" if open_edx => claims.filters = map.next_value()?,
                "is_restricted" if open_edx => claims.is_restricted = map.next_value()?,
                other => {
                    let mut found = |role: &str| claims.roles.push(Role::new(role));
                    let looking_for = match roles_at {
                        [first, rest @ ..] if first == other => Texts::ElementsAt(rest),
                        _ => Texts::None,
                    };
                    map.next_value_seed(Walk { looking_for, found: &mut found })?;
                }
            }
            *reading = Reason::MalformedClaims;
        }
        Ok(())
    }
}

/// Whether the claim is read for a purpose of its own, so that no roles can stand in it.
pub(crate) fn is_registered(claim: &str) -> bool {
    matches!(
        claim,
        "iss"
            | "sub"
            | "aud"
            | "exp"
            | "nbf"
            | "iat"
            | "jti"
            | "client_id"
            | "azp"
            | "acr"
            | "auth_time"
            | "cid"
            | "tid"
            | "scope"
            | "scp"
            | "scopes"
            | "typ"
            | "token_use"
            | "events"
            | "at_hash"
            | "c_hash"
            | "cnf"
    )
}

/// What a payload that is not verified yet says about its issuer.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Peeked<'p> {
    Issuer(Cow<'p, str>),
    /// None that could be taken for one, with the reason.
    Nothing(Reason),
}

/// Reads a payload up to its first `iss` and no further, and keeps nothing else of it.
///
/// What stands before it is skipped unjudged: names that are repeated there are noticed when all claims are read.
pub(crate) fn peek_issuer(payload: &[u8]) -> Peeked<'_> {
    struct ToIssuer<'s, 'p>(&'s mut Peeked<'p>);

    impl<'p> Visitor<'p> for ToIssuer<'_, 'p> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JWT Claims Set")
        }

        fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(Name(name)) = map.next_key()? {
                if name == "iss" {
                    *self.0 = Peeked::Nothing(Reason::MalformedIssuer);
                    let Name(issuer) = map.next_value()?;
                    *self.0 = Peeked::Issuer(issuer);
                    return Ok(());
                }
                map.next_value::<IgnoredAny>()?;
            }
            *self.0 = Peeked::Nothing(Reason::MissingIssuer);
            Ok(())
        }
    }

    let mut peeked = Peeked::Nothing(Reason::MalformedClaims);
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let walked = deserializer.deserialize_map(ToIssuer(&mut peeked)).and_then(|()| deserializer.end());
    match peeked {
        // Only an object that has ended is known to hold no issuer.
        Peeked::Nothing(Reason::MissingIssuer) if walked.is_err() => Peeked::Nothing(Reason::MalformedClaims),
        peeked => peeked,
    }
}

/// What it means if the value of this claim cannot be read.
fn malformed(claim: &str) -> Reason {
    match claim {
        "iss" => Reason::MalformedIssuer,
        "sub" => Reason::MalformedSubject,
        "aud" => Reason::MalformedAudience,
        "exp" => Reason::MalformedExpiry,
        "nbf" => Reason::MalformedNotBefore,
        "iat" => Reason::MalformedIssuedAt,
        "jti" => Reason::MalformedTokenId,
        "client_id" | "azp" => Reason::MalformedClientId,
        "acr" => Reason::MalformedAcr,
        "auth_time" => Reason::MalformedAuthTime,
        _ => Reason::MalformedClaims,
    }
}

/// The scopes of a claim: a string of them separated by spaces (RFC 6749 §3.3), or a list with one in each element.
///
/// What is not a scope is none; a claim of another shape grants nothing.
fn next_scopes<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<Scope>, A::Error> {
    let mut scopes = Vec::new();
    let mut found = |text: &str| scopes.extend(text.parse());
    map.next_value_seed(Walk { looking_for: Texts::WordsOrElements, found: &mut found })?;
    Ok(scopes)
}

/// The major of a semantic version.
fn major(version: &str) -> Version {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = version.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(major), Some(minor), Some(patch), None) if [major, minor, patch].into_iter().all(is_number) => {
            major.parse().map_or(Version::Malformed, Version::Major)
        }
        _ => Version::Malformed,
    }
}

/// A NumericDate: seconds since the epoch as any JSON number, fractions and exponents included (RFC 7519 §2).
struct NumericDate(Timestamp);

/// The year 9999 in seconds; what lies beyond is no date that anyone meant.
const LAST_SECOND: i64 = 253_402_300_799;

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl<'de> Visitor<'de> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a NumericDate")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                if (-LAST_SECOND..=LAST_SECOND).contains(&seconds) {
                    Ok(NumericDate(Timestamp::from_unix_seconds(seconds)))
                } else {
                    Err(E::custom("beyond every calendar"))
                }
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                self.visit_i64(i64::try_from(seconds).map_err(E::custom)?)
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // Also false for NaN. Below the bound, microseconds fit both an f64's mantissa closely enough and an i64.
                if seconds.abs() <= LAST_SECOND as f64 {
                    Ok(NumericDate(Timestamp::from_unix_micros((seconds * 1e6).floor() as i64)))
                } else {
                    Err(E::custom("beyond every calendar"))
                }
            }
        }

        deserializer.deserialize_f64(Seconds)
    }
}

/// A string, or a list of strings.
struct OneOrMany(Vec<Box<str>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strings;

        impl<'de> Visitor<'de> for Strings {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![one.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }

        deserializer.deserialize_any(Strings)
    }
}

/// The `typ` claims by which Keycloak marks what is not an access token.
const OTHER_KINDS: [&str; 3] = ["ID", "Refresh", "Logout"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Result<Claims, Reason> {
        Claims::read(payload, &["roles".to_owned()], true)
    }

    fn reason(payload: &str) -> Option<Reason> {
        read(payload).err()
    }

    fn micros(exp: &str) -> Result<i64, Reason> {
        read(&format!(r#"{{"exp":{exp}}}"#)).map(|claims| claims.expires_at.unwrap().as_unix_micros())
    }

    #[test]
    fn a_payload_is_one_object_with_unique_names() {
        for payload in [
            "",
            " ",
            "null",
            "[]",
            "7",
            "\"{}\"",
            "{",
            "{}{}",
            "{} x",
            r#"{"a":1,}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"\u0062":1}]}"#,
            "{'a':1}",
            "{\"a\":\"\n\"}",
            r#"{"a":"\ud800"}"#,
            r#"{"iss":"a","iss":"a"}"#,
            r#"{"exp":1,"\u0065xp":1}"#,
            "\u{feff}{}",
        ] {
            assert_eq!(reason(payload), Some(Reason::MalformedClaims), "{payload:?}");
        }
        assert_eq!(reason(r#" {"a":[1,{"b":null}],"c":{"a":1.5e3}} "#), None);
    }

    #[test]
    fn registered_claims_of_another_type_have_a_reason_of_their_own() {
        let cases = [
            ("iss", Reason::MalformedIssuer),
            ("sub", Reason::MalformedSubject),
            ("aud", Reason::MalformedAudience),
            ("exp", Reason::MalformedExpiry),
            ("nbf", Reason::MalformedNotBefore),
            ("iat", Reason::MalformedIssuedAt),
            ("jti", Reason::MalformedTokenId),
            ("client_id", Reason::MalformedClientId),
            ("azp", Reason::MalformedClientId),
            ("acr", Reason::MalformedAcr),
            ("auth_time", Reason::MalformedAuthTime),
        ];
        for (claim, expected) in cases {
            for value in ["null", "true", "{}", "[7]", "[null]", "[[\"a\"]]", r#"{"a":1}"#] {
                assert_eq!(reason(&format!(r#"{{"{claim}":{value}}}"#)), Some(expected), "{claim} {value}");
            }
        }
        assert_eq!(reason(r#"{"iss":["https://id.example"]}"#), Some(Reason::MalformedIssuer));
        assert_eq!(reason(r#"{"sub":7}"#), Some(Reason::MalformedSubject));
        assert_eq!(reason(r#"{"acr":1}"#), Some(Reason::MalformedAcr));
        assert_eq!(reason(r#"{"auth_time":"1767225600"}"#), Some(Reason::MalformedAuthTime));
        assert_eq!(reason(r#"{"auth_time":1e12}"#), Some(Reason::MalformedAuthTime));
        assert_eq!(reason(r#"{"aud":["a",7]}"#), Some(Reason::MalformedAudience));
        assert_eq!(reason(r#"{"exp":"1767225600"}"#), Some(Reason::MalformedExpiry));
    }

    #[test]
    fn times_are_any_json_number_within_every_calendar() {
        assert_eq!(micros("1767225600"), Ok(1_767_225_600_000_000));
        assert_eq!(micros("1767225600.0"), Ok(1_767_225_600_000_000));
        assert_eq!(micros("1.7672256005e9"), Ok(1_767_225_600_500_000));
        assert_eq!(micros("1e9"), Ok(1_000_000_000_000_000));
        assert_eq!(micros("0"), Ok(0));
        assert_eq!(micros("-1.5"), Ok(-1_500_000));
        assert_eq!(micros("1e-400"), Ok(0));
        assert_eq!(micros("253402300799"), Ok(253_402_300_799_000_000));
        for beyond in [
            "253402300800",
            "1e12",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999",
            "-1e300",
            "1e999",
            "-1e999",
        ] {
            assert_eq!(micros(beyond), Err(Reason::MalformedExpiry), "{beyond}");
        }
        for not_json in ["NaN", "Infinity", "-Infinity", "0x10", "+1", "01", "1.", ".5"] {
            let refused = matches!(micros(not_json), Err(Reason::MalformedExpiry | Reason::MalformedClaims));
            assert!(refused, "{not_json}");
        }
    }

    #[test]
    fn the_first_present_scope_claim_counts_alone() {
        let scopes = |payload: &str| -> Vec<String> {
            read(payload).unwrap().take_scopes().iter().map(ToString::to_string).collect()
        };

        assert_eq!(scopes(r#"{"scopes":["c"],"scp":["b"],"scope":"a1 a2"}"#), ["a1", "a2"]);
        assert_eq!(scopes(r#"{"scopes":["c"],"scp":["b1","b2"]}"#), ["b1", "b2"]);
        assert_eq!(scopes(r#"{"scopes":["c"]}"#), ["c"]);
        assert!(scopes(r#"{"scope":"","scopes":["c"]}"#).is_empty(), "present and empty is present");
        assert_eq!(scopes(r#"{"scp":["a","b c"]}"#), ["a"], "an element of a list is one scope or none");
        for grants_nothing in
            ["null", "7", "true", "{}", r#"{"a":["b"]}"#, r#"[7,null,["a"],{"a":"b"}]"#, r#""\" \\ \t""#]
        {
            assert!(
                scopes(&format!(r#"{{"scope":{grants_nothing},"scp":"x"}}"#)).is_empty(),
                "{grants_nothing}"
            );
        }
    }

    #[test]
    fn roles_stand_in_a_list_at_the_configured_place() {
        let roles = |payload: &str, path: &[&str]| -> Vec<String> {
            let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
            Claims::read(payload, &path, false).unwrap().roles.iter().map(ToString::to_string).collect()
        };

        assert_eq!(roles(r#"{"roles":["admin","a b",7,null]}"#, &["roles"]), ["admin", "a b"]);
        assert_eq!(
            roles(r#"{"realm_access":{"x":1,"roles":["admin"]}}"#, &["realm_access", "roles"]),
            ["admin"]
        );
        assert_eq!(
            roles(r#"{"https://a.example/roles":["admin"]}"#, &["https://a.example/roles"]),
            ["admin"]
        );
        for nothing in [
            r#"{"roles":"admin"}"#,
            r#"{"roles":{"admin":true}}"#,
            r#"{"roles":null}"#,
            r#"{"roles":[["admin"]]}"#,
            r#"{"Roles":["admin"]}"#,
            r#"{"x":{"roles":["admin"]}}"#,
            "{}",
        ] {
            assert!(roles(nothing, &["roles"]).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn marks_of_other_kinds_of_token_are_noticed() {
        for payload in [
            r#"{"typ":"ID"}"#,
            r#"{"typ":"Refresh"}"#,
            r#"{"typ":"Logout"}"#,
            r#"{"token_use":"id"}"#,
            r#"{"events":{}}"#,
            r#"{"at_hash":"x"}"#,
            r#"{"c_hash":null}"#,
        ] {
            assert!(read(payload).unwrap().is_of_other_kind, "{payload}");
        }
        assert!(!read(r#"{"typ":"Bearer","token_use":"access"}"#).unwrap().is_of_other_kind);
        assert!(read(r#"{"cnf":{"jkt":"x"}}"#).unwrap().is_bound_to_key);
    }

    #[test]
    fn the_issuer_is_peeked_at_without_judging_the_rest() {
        let peek = |payload: &str| match peek_issuer(payload.as_bytes()) {
            Peeked::Issuer(issuer) => Ok(issuer.into_owned()),
            Peeked::Nothing(reason) => Err(reason),
        };

        for first in [
            r#"{"iss":"a"}"#,
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"x":{"iss":"b"},"y":[1,{"iss":"c"}],"iss":"a","z":"#,
            r#"{"x":1,"x":1,"\u0069ss":"\u0061"}"#,
            r#"{"iss":"a" x"#,
        ] {
            assert_eq!(peek(first).as_deref(), Ok("a"), "{first}");
        }
        for missing in ["{}", r#"{"x":{"iss":"a"}}"#, r#"{"ISS":"a"}"#, r#"{"iss ":"a"} "#] {
            assert_eq!(peek(missing), Err(Reason::MissingIssuer), "{missing}");
        }
        for malformed in ["null", "7", "{}", "[\"a\"]", "{\"x\":\"a\"}", "\"\\ud800\""] {
            let payload = format!(r#"{{"iss":{malformed},"iss":"a"}}"#);
            assert_eq!(peek(&payload), Err(Reason::MalformedIssuer), "{payload}");
        }
        for malformed in ["", "null", "[]", "\"iss\"", "{", "{} x", r#"{"x":1,}"#, r#"{"x" "iss":"a"}"#] {
            assert_eq!(peek(malformed), Err(Reason::MalformedClaims), "{malformed}");
        }
        assert_eq!(peek_issuer(b"{\"iss\":\"\xff\"}"), Peeked::Nothing(Reason::MalformedIssuer));
        // As deep as a token can be: skipping does not recurse.
        let deep = format!(r#"{{"x":{}{},"iss":"a"}}"#, "[".repeat(8000), "]".repeat(8000));
        assert_eq!(peek(&deep).as_deref(), Ok("a"));
    }

    #[test]
    fn a_version_has_three_numbers() {
        let version = |value| read(&format!(r#"{{"version":{value}}}"#)).unwrap().version;

        assert_eq!(version(r#""1.2.0""#), Version::Major(1));
        assert_eq!(version(r#""11.0.3""#), Version::Major(11));
        for malformed in [
            r#""""#,
            r#""1""#,
            r#""1.2""#,
            r#""1.2.0.1""#,
            r#""1.2.x""#,
            r#""+1.2.0""#,
            "1",
            "null",
            r#"["1.2.0"]"#,
        ] {
            assert_eq!(version(malformed), Version::Malformed, "{malformed}");
        }
        assert_eq!(read("{}").unwrap().version, Version::Absent);
    }

    #[test]
    fn what_is_not_plainly_unrestricted_is_not_taken_for_it() {
        assert!(!read("{}").unwrap().is_restricted);
        assert!(read(r#"{"is_restricted":true}"#).unwrap().is_restricted);
        assert!(!read(r#"{"is_restricted":false}"#).unwrap().is_restricted);
        for restricted in [r#""true""#, "null", "1", "[true]", "{}"] {
            let payload = format!(r#"{{"is_restricted":{restricted}}}"#);
            assert_eq!(reason(&payload), Some(Reason::MalformedClaims), "{restricted}");
        }
        for filters in
            [r#""content_org:edX""#, r#"{"content_org":"edX"}"#, r#"[["content_org:edX"]]"#, "[7]", "null"]
        {
            assert_eq!(
                reason(&format!(r#"{{"filters":{filters}}}"#)),
                Some(Reason::MalformedClaims),
                "{filters}"
            );
        }
    }
}
