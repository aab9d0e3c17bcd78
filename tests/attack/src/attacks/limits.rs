//! What may be demanded beyond the profile: known clients, a greatest age, a longest lifetime.

use std::time::Duration;

use linchpin_core::Reason::{self, *};
use serde_json::{Value, json};

use super::token;
use crate::{Attack, Scene};

/// How long ago a token may have been issued; the leeway of 30 seconds comes on top.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(600);

/// How long a token may be valid as a whole.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(3600);

pub(crate) fn attacks(scene: &Scene) -> Vec<Attack> {
    [clients(scene), times(scene)].concat()
}

fn clients(scene: &Scene) -> Vec<Attack> {
    let near = [
        "",
        "test",
        "test-client2",
        "Test-Client",
        "test-client ",
        " test-client",
        "test-client\0",
        "test_client",
        "*",
    ];
    let near = near.map(|client| (json!(client), WrongClientId));
    let malformed = [json!(null), json!(7), json!(["test-client"]), json!({"id": "test-client"})];
    let malformed = malformed.map(|client| (client, MalformedClientId));
    let attack = |(client, reason): (Value, Reason)| {
        let name = format!("from the client {client}");
        // The twin has the same value in a claim that nobody reads.
        let twin = scene.token().claim("client", client.clone()).sign();
        token(name, scene.token().claim("client_id", client).sign(), reason, twin)
    };
    let absent = || scene.token().without("client_id");
    let others = [
        token("no client_id", absent().sign(), MissingClientId, scene.good()),
        token(
            "azp instead of client_id",
            absent().claim("azp", "test-client").sign(),
            MissingClientId,
            scene.good(),
        ),
        token(
            "the right client and the wrong audience",
            scene.token().audience("test-client").sign(),
            WrongAudience,
            scene.token().audiences(["test-client", "tests"]).sign(),
        ),
    ];
    near.into_iter().chain(malformed).map(attack).chain(others).collect()
}

fn times(scene: &Scene) -> Vec<Attack> {
    let now = scene.now();
    let signed = |iat: String, exp: i64| {
        let more = format!(r#","client_id":"test-client","iat":{iat}"#);
        scene.exactly(&scene.header(""), &scene.payload_with("exp", &exp.to_string(), &more))
    };
    let at = |seconds: i64, fraction: &str| format!("{}{fraction}", now + seconds);
    let without_iat = || scene.token().without("iat");
    vec![
        token(
            "older than may be by a second",
            signed(at(-631, ""), now + 60),
            TokenTooOld,
            signed(at(-630, ""), now + 60),
        ),
        token(
            "older than may be by a microsecond",
            signed(at(-631, ".999999"), now + 60),
            TokenTooOld,
            signed(at(-630, ".000000"), now + 60),
        ),
        token(
            "issued an hour ago",
            signed(at(-3500, ""), now + 60),
            TokenTooOld,
            signed(at(0, ""), now + 60),
        ),
        token("issued at the epoch", signed("0".into(), now + 60), TokenTooOld, signed(at(-1, ""), now + 60)),
        token(
            "issued before the epoch",
            signed("-1e9".into(), now + 60),
            TokenTooOld,
            signed(at(-2, ""), now + 60),
        ),
        token(
            "valid a second too long",
            signed(at(0, ""), now + 3601),
            LifetimeTooLong,
            signed(at(0, ""), now + 3600),
        ),
        token(
            "valid too long, and issued a while ago",
            signed(at(-600, ""), now + 3001),
            LifetimeTooLong,
            signed(at(-600, ""), now + 3000),
        ),
        token(
            "valid until the calendar ends",
            signed(at(0, ""), 253_402_300_799),
            LifetimeTooLong,
            signed(at(0, ""), now + 1),
        ),
        token("of unknown age", without_iat().sign(), MissingIssuedAt, scene.good()),
        token(
            "of an age that is null",
            scene.token().claim("iat", json!(null)).sign(),
            MalformedIssuedAt,
            scene.good(),
        ),
        token(
            "issued in the future",
            signed(at(31, ""), now + 60),
            IssuedInFuture,
            signed(at(30, ""), now + 60),
        ),
    ]
}
