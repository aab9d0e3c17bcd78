//! Registered claims of the wrong type.

use linchpin_core::Reason::{self, *};

use super::token;
use crate::{Attack, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    let issuer = r#""https://issuer.test""#;
    [
        strings(scene, "iss", issuer, MalformedIssuer),
        strings(scene, "sub", r#""ann""#, MalformedSubject),
        strings(scene, "jti", r#""1""#, MalformedTokenId),
        strings(scene, "client_id", r#""c""#, MalformedClientId),
        strings(scene, "azp", r#""c""#, MalformedClientId),
        strings(scene, "acr", r#""silver""#, MalformedAcr),
        audiences(scene),
        dates(scene, "auth_time", MalformedAuthTime),
        dates(scene, "exp", MalformedExpiry),
        dates(scene, "nbf", MalformedNotBefore),
        dates(scene, "iat", MalformedIssuedAt),
        absent(scene),
    ]
    .concat()
}

/// A claim that has to be a string.
fn strings(scene: &Scene, claim: &str, good: &str, reason: Reason) -> Vec<Attack> {
    let wrong = ["null", "7", "true", &format!("[{good}]"), &format!(r#"{{"{claim}":{good}}}"#)];
    wrong.map(|value| typed(scene, claim, value, reason, good)).into()
}

fn audiences(scene: &Scene) -> Vec<Attack> {
    let values = [
        ("null", r#""tests""#),
        ("7", r#""tests""#),
        ("true", r#""tests""#),
        (r#"{"tests":true}"#, r#""tests""#),
        (r#"["tests",7]"#, r#"["tests","7"]"#),
        (r#"["tests",null]"#, r#"["tests","null"]"#),
        (r#"[null,"tests"]"#, r#"["","tests"]"#),
        (r#"[["tests"]]"#, r#"["tests"]"#),
        (r#"[{"aud":"tests"}]"#, r#"["tests"]"#),
    ];
    values.map(|(bad, good)| typed(scene, "aud", bad, MalformedAudience, good)).into()
}

/// A claim that has to be a number which some calendar knows.
fn dates(scene: &Scene, claim: &str, reason: Reason) -> Vec<Attack> {
    let now = scene.now();
    // All are times at which the token is valid.
    let (integer, text) = (now.to_string(), format!("\"{now}\""));
    let values = [
        ("null", &*integer),
        ("true", "1767225600"),
        (&text, &integer),
        ("\"2026-01-01T00:00:00Z\"", "1767225600.000"),
        ("[1767225600]", "1767225600"),
        ("{\"$date\":1767225600}", "1767225600"),
        ("1767225600000", "17672256e2"),
        ("253402300800", "1767225600.5"),
        ("-253402300800", "1767225600.25"),
        ("9223372036854775807", "1767225600"),
        ("9223372036854775808", "1767225600"),
        ("-9223372036854775808", "1767225600"),
        ("18446744073709551616", "1767225600"),
        ("1e12", "1.767225601e9"),
        ("1e308", "1.7672256E9"),
        ("1e309", "1.7672256E+9"),
        ("-1e999999999", "1.7672256E+0009"),
        ("NaN", "1767225600"),
        ("Infinity", "1767225600"),
        ("-Infinity", "1767225600"),
        ("01767225600", "1767225600"),
        ("+1767225600", "1767225600"),
        (".1767225600", "1767225600"),
        ("1767225600.", "1767225600.0"),
    ];
    values.map(|(bad, good)| typed(scene, claim, bad, reason, good)).into()
}

fn absent(scene: &Scene) -> Vec<Attack> {
    let required = [("iss", MissingIssuer), ("aud", MissingAudience), ("exp", MissingExpiry)];
    // What the profile does not demand may be absent.
    let twin = || scene.token().without("sub").without("client_id").without("iat").without("jti");
    required
        .map(|(claim, reason)| {
            token(format!("no {claim}"), twin().without(claim).sign(), reason, twin().sign())
        })
        .into()
}

fn typed(scene: &Scene, claim: &str, bad: &str, reason: Reason, good: &str) -> Attack {
    let signed = |value| scene.exactly(&scene.header(""), &scene.payload_with(claim, value, ""));
    token(format!("{claim} is {bad}"), signed(bad), reason, signed(good))
}
