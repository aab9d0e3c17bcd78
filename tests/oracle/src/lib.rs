//! The same token through three libraries: linchpin-jwt, jsonwebtoken (the same cryptography, other rules) and jwt-simple
//! (pure Rust, so other cryptography as well).
//!
//! It is a package of its own because the other two must not come near the dependencies of what is published.

mod jsonwebtoken;
mod jwt_simple;

use std::sync::Arc;

use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, SigningKey, Verifier};

/// The issuer that every library expects.
pub const ISSUER: &str = "https://id.example";
/// The audience that every library expects.
pub const AUDIENCE: &str = "grades";
/// The leeway, in seconds, that every library grants.
pub const LEEWAY: u32 = 30;

/// The algorithms that another library has as well: all but ES512, which neither has and the vectors of the RFCs cover.
pub const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
];

/// The subject of an accepted token, or why it was refused.
pub type Verdict<E> = Result<Option<String>, E>;

/// One key, prepared for every library.
pub struct Bench {
    key: SigningKey,
    ours: Verifier,
    jsonwebtoken: jsonwebtoken::Oracle,
    jwt_simple: jwt_simple::Oracle,
}

impl Bench {
    /// A new random key for `algorithm`.
    ///
    /// # Panics
    ///
    /// If `algorithm` is none of [`ALGORITHMS`].
    pub fn new(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap().with_key_id(Some("test"));
        let jwk = key.public_jwk();
        let keys = KeySet::builder([algorithm]).jwk(&jwk.to_string()).build().unwrap();
        Self {
            ours: Verifier::builder(ISSUER, Arc::new(keys)).audience(AUDIENCE).build().unwrap(),
            jsonwebtoken: jsonwebtoken::Oracle::new(&jwk),
            jwt_simple: jwt_simple::Oracle::new(&jwk),
            key,
        }
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Our own verdict.
    ///
    /// # Panics
    ///
    /// If it is not ready at once, although the keys are all there.
    pub fn ours(&self, token: &str, now: i64) -> Verdict<Reason> {
        match self.ours.verify(token, Timestamp::from_unix_seconds(now)) {
            Outcome::Ready(Ok(caller)) => Ok(caller.subject().map(str::to_owned)),
            Outcome::Ready(Err(refusal)) => Err(refusal.reason()),
            Outcome::Pending(_) => panic!("waits for keys that are all there"),
        }
    }

    /// The verdict of jsonwebtoken, which reads the wall clock.
    pub fn jsonwebtoken(&self, token: &str) -> Verdict<String> {
        self.jsonwebtoken.verdict(token)
    }

    /// The verdict of jwt-simple.
    pub fn jwt_simple(&self, token: &str, now: i64) -> Verdict<String> {
        self.jwt_simple.verdict(token, now)
    }
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("key", &self.key).finish_non_exhaustive()
    }
}
