//! Tokens of another kind, really signed by the issuer and meant for something else (RFC 8725 §3.11).

use linchpin_core::Reason::{KeyBoundToken, WrongTokenType};
use serde_json::{Value, json};

use super::token;
use crate::{Attack, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [types(scene), claims(scene)].concat()
}

fn types(scene: &Scene) -> Vec<Attack> {
    let types = [
        ("dpop+jwt", "at+jwt"),
        ("logout+jwt", "at+jwt"),
        ("secevent+jwt", "at+jwt"),
        ("token-introspection+jwt", "at+jwt"),
        ("oauth-authz-req+jwt", "at+jwt"),
        ("entity-statement+jwt", "at+jwt"),
        ("vc+sd-jwt", "at+jwt"),
        ("id+jwt", "at+jwt"),
        ("rt+jwt", "AT+JWT"),
        ("JWS", "JWT"),
        ("JOSE", "jwt"),
        ("application/logout+jwt", "application/at+jwt"),
        ("application/application/jwt", "application/jwt"),
        ("APPLICATION/DPOP+JWT", "APPLICATION/JWT"),
        ("text/jwt", "Application/Jwt"),
        ("", "jwt"),
        ("JWT ", "JWT"),
        (" at+jwt", "at+jwt"),
        ("at+jwt;charset=utf-8", "At+Jwt"),
        ("at+jwt\0", "at+jwt"),
        ("application/", "application/JWT"),
        ("\u{430}t+jwt", "aT+jWt"),
    ];
    types
        .map(|(bad, good)| {
            let signed = |typ| scene.token().typ(typ).sign();
            token(format!("a token of the type {bad:?}"), signed(bad), WrongTokenType, signed(good))
        })
        .into()
}

fn claims(scene: &Scene) -> Vec<Attack> {
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    // What it is, the claim that tells, and the value with which it would be an access token if any value is.
    let marks: [(&str, &str, Value, Option<Value>); 12] = [
        ("an ID token of Keycloak", "typ", json!("ID"), Some(json!("Bearer"))),
        ("a refresh token of Keycloak", "typ", json!("Refresh"), Some(json!("bearer"))),
        ("a logout token of Keycloak", "typ", json!("Logout"), Some(json!("JWT"))),
        ("an ID token of Cognito", "token_use", json!("id"), Some(json!("access"))),
        ("an ID token with the hash of an access token", "at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng"), None),
        ("an ID token with the hash of a code", "c_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng"), None),
        ("an ID token with a hash that is null", "at_hash", json!(null), None),
        ("a logout token", "events", logout, None),
        ("a security event without events", "events", json!({}), None),
        (
            "bound to a key by its thumbprint",
            "cnf",
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            None,
        ),
        (
            "bound to a certificate",
            "cnf",
            json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
            None,
        ),
        ("bound to a key that is null", "cnf", json!(null), None),
    ];
    marks
        .map(|(name, claim, bad, good)| {
            let reason = if claim == "cnf" { KeyBoundToken } else { WrongTokenType };
            let twin = match good {
                Some(good) => scene.token().claim(claim, good),
                None => scene.token().claim(&format!("x_{claim}"), bad.clone()),
            };
            token(
                format!("a token that is {name}"),
                scene.token().claim(claim, bad).sign(),
                reason,
                twin.sign(),
            )
        })
        .into()
}
