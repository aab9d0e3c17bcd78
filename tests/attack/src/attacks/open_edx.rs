//! The profile `open_edx`: another scheme, a version, and claims that narrow what a token may do.

use linchpin_core::Reason::{self, *};
use serde_json::{Value, json};

use super::{bearer, open, request, token};
use crate::{Attack, Scene};

pub(crate) fn attacks(scene: &Scene) -> Vec<Attack> {
    [versions(scene), limits(scene), kinds(scene), credentials(scene)].concat()
}

fn versions(scene: &Scene) -> Vec<Attack> {
    let versions = [
        (json!("2.0.0"), json!("1.0.0")),
        (json!("0.9.0"), json!("1.9.0")),
        (json!("11.0.0"), json!("1.1.0")),
        (json!("10.0.0"), json!("1.0.10")),
        (json!("1"), json!("1.0.0")),
        (json!("1.2"), json!("1.2.0")),
        (json!("1.2.0.0"), json!("1.2.0")),
        (json!("1..0"), json!("1.0.0")),
        (json!("1.2.x"), json!("1.2.3")),
        (json!("v1.2.0"), json!("1.2.0")),
        (json!("+1.2.0"), json!("1.2.0")),
        (json!("-1.2.0"), json!("1.2.0")),
        (json!(" 1.2.0"), json!("1.2.0")),
        (json!("1.2.0 "), json!("1.2.0")),
        (json!("1.2.0\n"), json!("1.2.0")),
        (json!("1.2.0-beta"), json!("1.2.0")),
        (json!("\u{661}.2.0"), json!("1.2.0")),
        (json!("18446744073709551617.0.0"), json!("1.18446744073709551617.0")),
        (json!(""), json!("1.0.0")),
        (json!(1), json!("1.0.0")),
        (json!(1.2), json!("1.2.0")),
        (json!(null), json!("1.0.0")),
        (json!(true), json!("1.0.0")),
        (json!(["1.2.0"]), json!("1.2.0")),
        (json!({"major": 1}), json!("1.0.0")),
    ];
    let attack = |(bad, good): (Value, Value)| {
        let name = format!("a token of the version {bad}");
        let signed = |version| scene.token().claim("version", version).sign();
        token(name, signed(bad), UnsupportedVersion, signed(good))
    };
    // Absent counts as 1.0.0.
    let absent = token(
        "a token of a version to come",
        scene.token().claim("version", "3.1.4").sign(),
        UnsupportedVersion,
        scene.token().sign(),
    );
    versions.map(attack).into_iter().chain([absent]).collect()
}

/// Who does not understand a limit must not take it for none.
fn limits(scene: &Scene) -> Vec<Attack> {
    let filters = [
        json!("content_org:edX"),
        json!({"content_org": "edX"}),
        json!([["user:me"]]),
        json!([7]),
        json!(null),
    ];
    let filters = filters.map(|bad| ("filters", bad, json!(["content_org:edX", "user:me"])));
    let restricted = [json!("true"), json!(1), json!(null), json!([true]), json!({})];
    let restricted = restricted.map(|bad| ("is_restricted", bad, json!(false)));
    let attack = |(claim, bad, good): (&str, Value, Value)| {
        let name = format!("{claim} is {bad}");
        let signed = |value| scene.token().claim(claim, value).sign();
        token(name, signed(bad), MalformedClaims, signed(good))
    };
    let signed = |is_restricted: bool| scene.token().claim("is_restricted", is_restricted).sign();
    let restricted_application =
        token("a token of a restricted application", signed(true), RestrictedApplication, signed(false));
    filters.into_iter().chain(restricted).map(attack).chain([restricted_application]).collect()
}

fn kinds(scene: &Scene) -> Vec<Attack> {
    let signed = |typ: &str| scene.token().typ(typ).sign();
    let types = [("id+jwt", "JWT"), ("logout+jwt", "at+jwt"), ("JWS", "application/jwt"), ("", "jwt")];
    let types = types.map(|(bad, good)| {
        token(format!("a token of the type {bad:?}"), signed(bad), WrongTokenType, signed(good))
    });
    let marks: [(&str, Value, Reason); 4] = [
        ("typ", json!("ID"), WrongTokenType),
        ("token_use", json!("id"), WrongTokenType),
        ("at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng"), WrongTokenType),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), KeyBoundToken),
    ];
    let marks = marks.map(|(claim, value, reason)| {
        let bad = scene.token().claim(claim, value).sign();
        // As an LMS issues them, without a type.
        let twin = scene.token().without_header("typ").claim("preferred_username", "ann").sign();
        token(format!("an access token with {claim}"), bad, reason, twin)
    });
    types.into_iter().chain(marks).collect()
}

fn credentials(scene: &Scene) -> Vec<Attack> {
    let good = &scene.good();
    let jwt = || open().authorization(format!("JWT {good}"));
    let schemes = ["Basic", "Token", "JWTs", "JW", "DPoP", "JWE"].map(|scheme| {
        let bad = open().authorization(format!("{scheme} {good}"));
        request(format!("a good token under the scheme {scheme}"), bad, UnsupportedScheme, jwt())
    });
    let malformed = [
        ("both schemes", format!("JWT Bearer {good}")),
        ("both schemes, and a comma between", format!("JWT, Bearer {good}")),
        ("two tokens", format!("JWT {good} {good}")),
        ("a tab after the scheme", format!("JWT\t{good}")),
        ("a colon after the scheme", format!("JWT: {good}")),
        ("no token", "JWT".to_owned()),
    ];
    let malformed = malformed.map(|(what, value)| {
        let twin = open().authorization(format!("jwt   {good}"));
        request(format!("a credential with {what}"), open().authorization(value), MalformedCredential, twin)
    });
    let others = [
        request("a credential under each scheme", jwt().bearer(good), RepeatedCredential, bearer(good)),
        request("no credential", open(), MissingCredential, jwt()),
    ];
    schemes.into_iter().chain(malformed).chain(others).collect()
}
