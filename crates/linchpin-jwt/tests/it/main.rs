//! Verification through the public API: one service, one issuer, and tokens that are wrong in one way each.

mod cache;
mod claims;
mod issuers;
mod keys;
mod source;
mod tenants;
mod vectors;

use std::sync::{Arc, LazyLock};

use linchpin_core::{Caller, Clock, FakeClock, Outcome, Reason, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, SigningKey, Verifier, VerifierBuilder};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example/realms/school";
pub(crate) const AUDIENCE: &str = "grades";

/// The issuer's key. One for all tests: only its holder matters.
pub(crate) static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());

/// Seconds at which all tests take place.
pub(crate) fn now() -> i64 {
    FakeClock::default().now().as_unix_seconds()
}

pub(crate) fn keys() -> Arc<KeySet> {
    Arc::new(KeySet::builder([Algorithm::ES256]).jwk(&KEY.public_jwk().to_string()).build().unwrap())
}

pub(crate) fn verifier() -> VerifierBuilder {
    Verifier::builder(ISSUER, keys()).audience(AUDIENCE)
}

/// The claims of a token that is valid for half a minute, after `change` had its way with them.
pub(crate) fn claims(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now() + 30});
    change(&mut claims);
    claims
}

pub(crate) fn verify(builder: VerifierBuilder, token: &str) -> Result<Arc<Caller>, Reason> {
    match builder.build().unwrap().verify(token, FakeClock::default().now()) {
        Outcome::Ready(result) => result.map_err(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits for keys that are all there"),
    }
}

/// The reason for which a token with these claims is refused, if it is.
pub(crate) fn reason(builder: VerifierBuilder, claims: &Value) -> Option<Reason> {
    verify(builder, &KEY.sign_jwt(claims)).err()
}
