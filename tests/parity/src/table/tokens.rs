//! Well-formed credentials that fail, for every reason there is.

use std::time::Duration;

use linchpin_core::Reason::{self, *};
use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_test::TokenBuilder;
use serde_json::json;

use super::{Expected, Row, row};
use crate::{Request, Service, service::REVOKED};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    [shapes(), envelopes(service), claims(service), profiles(service)].concat()
}

fn shapes() -> Vec<Row> {
    let tokens = [
        ("one part", "abc"),
        ("two parts", "abc.def"),
        ("four parts", "e30.e30.e30.e30"),
        ("the five parts of an encrypted token", "e30.e30.e30.e30.e30"),
        ("nothing but dots", ".."),
        ("an empty header", ".e30.c2ln"),
        ("padding at the end", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln="),
        ("base64 of the other alphabet", "e3/+.e30.c2ln"),
        ("an opaque token", "2YotnFZFEjr1zCsicMWpAA"),
    ];
    let rows = tokens.into_iter().map(|(name, token)| {
        // An empty header is base64url, and no JSON.
        let reason = if token.starts_with('.') { MalformedHeader } else { MalformedToken };
        row(format!("{name}: no token"), Request::get("/caller").bearer(token), reason)
    });
    rows.collect()
}

fn envelopes(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let stranger = SigningKey::generate(Algorithm::ES256).expect("a test machine has randomness");
    let refused = |name: &str, token: TokenBuilder<'_>, reason: Reason| {
        row(name, Request::get("/caller").bearer(token.sign()), reason)
    };
    vec![
        refused("a header without alg", ann().without_header("alg"), MalformedHeader),
        refused(
            "a header with a name twice",
            ann().raw_header(r#"{"alg":"ES256","alg":"ES256"}"#),
            MalformedHeader,
        ),
        refused("a header that is no JSON", ann().raw_header("alg"), MalformedHeader),
        refused("a critical extension", ann().header("crit", json!(["exp"])), CriticalHeader),
        refused("an unencoded payload", ann().header("b64", false), CriticalHeader),
        refused("a compressed payload", ann().header("zip", "DEF"), CriticalHeader),
        refused("an ID token by its typ", ann().typ("id+jwt"), WrongTokenType),
        refused("an ID token by its claims", ann().claim("at_hash", "x"), WrongTokenType),
        refused("a refresh token of keycloak", ann().claim("typ", "Refresh"), WrongTokenType),
        refused("an unsigned token", ann().unsigned(), AlgorithmNotAllowed),
        refused("an algorithm that nobody knows", ann().header("alg", "XS256"), AlgorithmNotAllowed),
        refused("an algorithm of another key", ann().header("alg", "RS256"), AlgorithmNotAllowed),
        refused(
            "a public key used as a secret",
            ann().signed_with_public_key_as_secret(),
            AlgorithmNotAllowed,
        ),
        refused("an unknown key id", ann().key_id(Some("x")), UnknownKey),
        refused("a stranger's key", ann().signed_by(&stranger).key_id(stranger.key_id()), UnknownKey),
        refused("a stranger's key under a known name", ann().signed_by(&stranger), BadSignature),
        refused("a broken signature", ann().with_broken_signature(), BadSignature),
        refused("a missing signature", ann().unsigned().header("alg", "ES256"), BadSignature),
        refused("a changed claim", ann().tampered(|claims| claims["sub"] = "ben".into()), BadSignature),
        row(
            "a token that names none of many keys",
            Request::get("/many-keys").bearer(service.many_keys.token("ann").key_id(None).sign()),
            AmbiguousKey,
        ),
        // `=` stands at the end of each part, and so within the credential, which makes that malformed already.
        refused("a padded token", ann().padded(), MalformedCredential),
    ]
}

fn claims(service: &Service) -> Vec<Row> {
    type Spoil = fn(TokenBuilder<'_>) -> TokenBuilder<'_>;
    let cases: [(&str, Spoil, Reason); 34] = [
        ("claims that are no object", |t| t.raw_payload("[]"), MalformedClaims),
        ("claims that are no JSON", |t| t.raw_payload("{"), MalformedClaims),
        ("a claim twice", |t| t.raw_payload(r#"{"sub":"ann","sub":"ben"}"#), MalformedClaims),
        ("a name twice within a claim", |t| t.raw_payload(r#"{"x":[{"a":1,"a":2}]}"#), MalformedClaims),
        ("no issuer", |t| t.without("iss"), MissingIssuer),
        ("an issuer in a list", |t| t.claim("iss", json!(["https://issuer.test"])), MalformedIssuer),
        ("another issuer", |t| t.claim("iss", "https://other.test"), WrongIssuer),
        ("an issuer with a slash more", |t| t.claim("iss", "https://issuer.test/"), WrongIssuer),
        ("no audience", |t| t.without("aud"), MissingAudience),
        ("an audience that is a number", |t| t.claim("aud", 7), MalformedAudience),
        ("an audience that is null", |t| t.claim("aud", json!(null)), MalformedAudience),
        ("another audience", |t| t.audience("other"), WrongAudience),
        ("an empty list of audiences", |t| t.audiences([]), WrongAudience),
        ("a client that is a number", |t| t.claim("client_id", 7), MalformedClientId),
        ("an authorized party that is a list", |t| t.claim("azp", json!(["x"])), MalformedClientId),
        ("no expiry", |t| t.without("exp"), MissingExpiry),
        ("an expiry that is text", |t| t.claim("exp", "1767225600"), MalformedExpiry),
        ("an expiry beyond every calendar", |t| t.claim("exp", 1e300), MalformedExpiry),
        ("an expiry that has passed", |t| t.expired(), Expired),
        ("an expiry at the end of the leeway", |t| t.claim("exp", NOW - 30), Expired),
        ("a start that is text", |t| t.claim("nbf", "1767225600"), MalformedNotBefore),
        ("a start to come", |t| t.not_yet_valid(), NotYetValid),
        ("a start one second beyond the leeway", |t| t.claim("nbf", NOW + 31), NotYetValid),
        ("a time of issue that is text", |t| t.claim("iat", "1767225600"), MalformedIssuedAt),
        ("a time of issue to come", |t| t.issued_in_future(), IssuedInFuture),
        ("a subject that is a number", |t| t.claim("sub", 7), MalformedSubject),
        ("an identifier that is a number", |t| t.claim("jti", 7), MalformedTokenId),
        ("a token that has been revoked", |t| t.claim("jti", REVOKED), Revoked),
        ("a token bound to a key", |t| t.claim("cnf", json!({"jkt": "x"})), KeyBoundToken),
        ("a token that is expired and for others", |t| t.expired().audience("other"), WrongAudience),
        ("a token that is expired and not yet valid", |t| t.expired().not_yet_valid(), Expired),
        ("a token that is expired and forged", |t| t.expired().with_broken_signature(), BadSignature),
        (
            "a token that is expired and critical",
            |t| t.expired().header("crit", json!(["exp"])),
            CriticalHeader,
        ),
        ("a claim of the service's own twice", |t| t.raw_payload(r#"{"x":1,"x":1}"#), MalformedClaims),
    ];
    let within = [
        ("an expiry within the leeway", service.issuer.token("ann").claim("exp", NOW - 29)),
        ("a start within the leeway", service.issuer.token("ann").claim("nbf", NOW + 30)),
        ("a time of issue within the leeway", service.issuer.token("ann").claim("iat", NOW + 30)),
    ];
    let refused = cases.into_iter().map(|(name, spoil, reason)| {
        row(name, Request::get("/caller").bearer(spoil(service.issuer.token("ann")).sign()), reason)
    });
    let admitted = within.into_iter().map(|(name, token)| {
        row(name, Request::get("/caller").bearer(token.sign()), Expected::json(r#"{"sub":"ann"}"#))
    });
    refused.chain(admitted).collect()
}

fn profiles(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let refused = |name: &str, path, token: TokenBuilder<'_>, reason: Reason| {
        row(name, Request::get(path).bearer(token.sign()), reason)
    };
    let in_jwt = |name: &str, token: TokenBuilder<'_>, reason: Reason| {
        let expected = Expected::refused(reason).challenge(r#"JWT error="invalid_token""#);
        row(name, Request::get("/open-edx").authorization(format!("JWT {}", token.sign())), expected)
    };
    vec![
        refused("rfc9068 demands its typ", "/rfc9068", ann().typ("JWT"), WrongTokenType),
        refused("rfc9068 demands a typ", "/rfc9068", ann().without_header("typ"), WrongTokenType),
        refused("rfc9068 demands a subject", "/rfc9068", ann().without("sub"), MissingSubject),
        refused("rfc9068 demands a client", "/rfc9068", ann().without("client_id"), MissingClientId),
        refused("rfc9068 demands a time of issue", "/rfc9068", ann().without("iat"), MissingIssuedAt),
        refused("rfc9068 demands an identifier", "/rfc9068", ann().without("jti"), MissingTokenId),
        refused("an old token", "/brief", ann().claim("iat", NOW - 1000), TokenTooOld),
        refused(
            "a token for too long",
            "/brief",
            ann().expires_in(Duration::from_secs(7201)),
            LifetimeTooLong,
        ),
        refused("a token of unknown age", "/brief", ann().without("iat"), MissingIssuedAt),
        refused("a client is demanded", "/clients", ann().without("client_id"), MissingClientId),
        refused(
            "an authorized party is no client",
            "/clients",
            ann().without("client_id").claim("azp", "other"),
            MissingClientId,
        ),
        refused("another client", "/clients", ann().claim("client_id", "stranger"), WrongClientId),
        in_jwt("a version of the future", ann().claim("version", "2.0.0"), UnsupportedVersion),
        in_jwt("a version that is none", ann().claim("version", 1), UnsupportedVersion),
        in_jwt("an expired token of open_edx", ann().expired(), Expired),
    ]
}

/// Where the service's clock stands, 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
