//! The profile `rfc9068`: access tokens that say so, with all claims that they have to have.

use linchpin_core::Reason::{self, *};
use serde_json::{Value, json};

use super::{bearer, open, request, token};
use crate::{Attack, Scene};

pub(crate) fn attacks(scene: &Scene) -> Vec<Attack> {
    let own = [id_token(scene), scheme(scene)];
    [types(scene), absent(scene), null(scene), other_kinds(scene)].concat().into_iter().chain(own).collect()
}

fn types(scene: &Scene) -> Vec<Attack> {
    let types = [
        ("JWT", "at+jwt"),
        ("jwt", "AT+JWT"),
        ("application/jwt", "application/at+jwt"),
        ("Application/JWT", "Application/AT+jwt"),
        ("at-jwt", "at+jwt"),
        ("at+jwt2", "at+jwt"),
        ("at+jws", "at+jwt"),
        ("at jwt", "at+jwt"),
        ("at%2Bjwt", "at+jwt"),
        ("application/x-at+jwt", "application/at+JWT"),
        ("application/application/at+jwt", "APPLICATION/AT+JWT"),
        ("id+jwt", "at+jwt"),
        ("dpop+jwt", "at+jwt"),
        ("", "at+jwt"),
    ];
    let attack = |(bad, good): (&str, &str)| {
        let signed = |typ| scene.token().typ(typ).sign();
        token(format!("a token of the type {bad:?}"), signed(bad), WrongTokenType, signed(good))
    };
    let without = scene.token().without_header("typ").sign();
    types
        .map(attack)
        .into_iter()
        .chain([token("a token without a type", without, WrongTokenType, scene.good())])
        .collect()
}

const DEMANDED: [(&str, Reason, Reason); 7] = [
    ("iss", MissingIssuer, MalformedIssuer),
    ("exp", MissingExpiry, MalformedExpiry),
    ("aud", MissingAudience, MalformedAudience),
    ("sub", MissingSubject, MalformedSubject),
    ("client_id", MissingClientId, MalformedClientId),
    ("iat", MissingIssuedAt, MalformedIssuedAt),
    ("jti", MissingTokenId, MalformedTokenId),
];

fn absent(scene: &Scene) -> Vec<Attack> {
    let attack = |(claim, missing, _): (&str, Reason, Reason)| {
        // The twin has the claim, and the bad token one of nearly the same name.
        let bad = scene.token().without(claim).claim(&claim.to_uppercase(), "x").sign();
        let twin = scene.token().claim(&claim.to_uppercase(), "x").sign();
        token(format!("no {claim}"), bad, missing, twin)
    };
    let azp = scene.token().without("client_id").claim("azp", "test-client").sign();
    let instead = token(
        "azp instead of client_id",
        azp,
        MissingClientId,
        scene.token().claim("azp", "test-client").sign(),
    );
    DEMANDED.map(attack).into_iter().chain([instead]).collect()
}

fn null(scene: &Scene) -> Vec<Attack> {
    DEMANDED
        .map(|(claim, _, malformed)| {
            let bad = scene.token().claim(claim, Value::Null).sign();
            token(format!("{claim} is null"), bad, malformed, scene.good())
        })
        .into()
}

fn other_kinds(scene: &Scene) -> Vec<Attack> {
    let marks = [
        ("typ", json!("ID"), WrongTokenType),
        ("token_use", json!("id"), WrongTokenType),
        ("events", json!({}), WrongTokenType),
        ("at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng"), WrongTokenType),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), KeyBoundToken),
    ];
    let attack = |(claim, value, reason): (&str, Value, Reason)| {
        let with = |claim: &str| scene.token().claim(claim, value.clone()).sign();
        token(format!("an access token with {claim}"), with(claim), reason, with(&format!("x_{claim}")))
    };
    marks.map(attack).into()
}

/// Nothing but its type tells it from an access token, which is what this profile is for.
fn id_token(scene: &Scene) -> Attack {
    let signed =
        |typ| scene.token().typ(typ).claim("nonce", "n-0S6_WzA2Mj").claim("auth_time", scene.now()).sign();
    token("an ID token for a client that is called like us", signed("JWT"), WrongTokenType, signed("at+jwt"))
}

fn scheme(scene: &Scene) -> Attack {
    let bad = open().authorization(format!("JWT {}", scene.good()));
    request("a good token under the scheme JWT", bad, UnsupportedScheme, bearer(scene.good()))
}
