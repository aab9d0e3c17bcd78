//! Times: each edge, with the last moment at which the token is still good as its twin. The leeway is 30 seconds.

use linchpin_core::Reason::{self, Expired, IssuedInFuture, NotYetValid};

use super::token;
use crate::{Attack, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    let now = scene.now();
    let at = |seconds: i64, fraction: &str| format!("{}{fraction}", now + seconds);
    let attack = |name: &str, claim: &str, bad: String, reason: Reason, good: String| {
        let signed = |value: &str| scene.exactly(&scene.header(""), &scene.payload_with(claim, value, ""));
        token(name, signed(&bad), reason, signed(&good))
    };
    vec![
        attack("expired as long ago as the leeway", "exp", at(-30, ""), Expired, at(-29, "")),
        attack("expired a microsecond too long ago", "exp", at(-30, ".0"), Expired, at(-30, ".000001")),
        attack("expired an hour ago", "exp", at(-3600, ""), Expired, at(3600, "")),
        attack("expired at the epoch", "exp", "0".into(), Expired, "253402300799".into()),
        attack("expired at minus zero", "exp", "-0.0".into(), Expired, "9e9".into()),
        attack("expired before the epoch", "exp", "-1".into(), Expired, at(1, "")),
        attack("expired when the calendar began", "exp", "-253402300799".into(), Expired, at(2, "")),
        attack("expired at a time too small to tell from zero", "exp", "1e-400".into(), Expired, at(3, "")),
        attack("expired in 32 bits", "exp", "-2147483648".into(), Expired, "2147483648".into()),
        attack("starts a second after the leeway", "nbf", at(31, ""), NotYetValid, at(30, "")),
        attack("starts a microsecond after the leeway", "nbf", at(30, ".000001"), NotYetValid, at(30, ".0")),
        attack("starts in an hour", "nbf", at(3600, ""), NotYetValid, at(-3600, "")),
        attack("starts when the calendar ends", "nbf", "253402300799".into(), NotYetValid, "-1".into()),
        attack("issued a second after the leeway", "iat", at(31, ""), IssuedInFuture, at(30, "")),
        attack(
            "issued a microsecond after the leeway",
            "iat",
            at(30, ".000001"),
            IssuedInFuture,
            at(30, ".0"),
        ),
        attack("issued in an hour", "iat", at(3600, ""), IssuedInFuture, at(-3600, "")),
        attack("issued when the calendar ends", "iat", "253402300799".into(), IssuedInFuture, "0".into()),
    ]
}
