//! The issuer, its keys good and bad, and the services' view of them.

use linchpin::{Auth, AuthBuilder};
use linchpin_core::FakeClock;
use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_test::{TestIssuer, TokenBuilder};
use serde_json::{Value, json};

/// Who attacks whom: an issuer at a time that stands still, and all keys that an attack needs.
pub(crate) struct Scene {
    /// Whose tokens the services accept.
    pub(crate) issuer: TestIssuer,
    /// A published ES256 key, for tokens that no builder makes.
    pub(crate) own: SigningKey,
    /// An ES256 key that nobody published.
    pub(crate) stranger: SigningKey,
    /// Two EdDSA keys that are published under the same name, `twice`.
    pub(crate) twice: [SigningKey; 2],
    /// One of five ES384 keys that are published under the same name, `crowd`.
    pub(crate) crowd: SigningKey,
    /// An ES256 key that is published several times, each time as one that must not verify.
    pub(crate) unfit: SigningKey,
    clock: FakeClock,
    published: Vec<Value>,
}

impl Scene {
    /// A scene with new keys.
    pub(crate) fn new() -> Self {
        let clock = FakeClock::default();
        let issuer = TestIssuer::builder().algorithm(Algorithm::RS256).clock(clock.clone()).build();
        for algorithm in ALLOWED {
            issuer.token("ann").algorithm(algorithm).sign();
        }
        let (own, stranger) = (generate(Algorithm::ES256), generate(Algorithm::ES256));
        let twice = [(); 2].map(|()| generate(Algorithm::EdDSA).with_key_id(Some("twice")));
        let crowd = [(); 5].map(|()| generate(Algorithm::ES384).with_key_id(Some("crowd")));
        let unfit = generate(Algorithm::ES256);

        issuer.publish(own.public_jwk());
        twice.iter().chain(&crowd).for_each(|key| issuer.publish(key.public_jwk()));
        issuer.publish(for_both_paddings(&published(&issuer)));
        hostile(&unfit.public_jwk()).into_iter().for_each(|key| issuer.publish(key));

        let [crowd, ..] = crowd;
        let published = published(&issuer);
        Self { issuer, own, stranger, twice, crowd, unfit, clock, published }
    }

    /// How the services are built, but for their keys: with the scene's issuer, audience and clock.
    pub(crate) fn auth(&self) -> impl Fn() -> AuthBuilder + Clone + Send + use<> {
        let (issuer, clock) = (self.issuer.clone(), self.clock.clone());
        move || {
            Auth::issuer(issuer.issuer()).audience(issuer.audience()).algorithms(ALLOWED).clock(clock.clone())
        }
    }

    /// A good token that is still to be signed, in ES256 unless changed.
    pub(crate) fn token(&self) -> TokenBuilder<'_> {
        self.issuer.token("ann").algorithm(Algorithm::ES256)
    }

    /// A good token.
    pub(crate) fn good(&self) -> String {
        self.token().sign()
    }

    /// The scene's time in seconds.
    pub(crate) fn now(&self) -> i64 {
        self.issuer.now().as_unix_seconds()
    }

    /// The published key for this algorithm as a JWK.
    pub(crate) fn jwk(&self, algorithm: Algorithm) -> &Value {
        let key = self.published.iter().find(|key| key["alg"] == algorithm.name());
        key.expect("the issuer has a key for each allowed algorithm")
    }

    /// The header of a good token by the scene's own key, with more members written as JSON: `,"name":value`.
    pub(crate) fn header(&self, more: &str) -> String {
        format!(r#"{{"alg":"ES256","kid":"{}"{more}}}"#, self.own.key_id().unwrap_or_default())
    }

    /// The payload of a good token, with more members written as JSON: `,"name":value`.
    pub(crate) fn payload(&self, more: &str) -> String {
        self.payload_with("sub", r#""ann""#, more)
    }

    /// The payload of a good token, in which one claim has this value, written as JSON.
    pub(crate) fn payload_with(&self, claim: &str, value: &str, more: &str) -> String {
        let expiry = (self.now() + 600).to_string();
        let claims = [("iss", r#""https://issuer.test""#), ("aud", r#""tests""#), ("exp", &*expiry)];
        let others = claims.iter().filter(|(name, _)| *name != claim);
        let others: String = others.map(|(name, value)| format!(r#""{name}":{value},"#)).collect();
        format!(r#"{{{others}"{claim}":{value}{more}}}"#)
    }

    /// A token of exactly this header and this payload, by the scene's own key.
    pub(crate) fn exactly(&self, header: &str, payload: &str) -> String {
        self.own.sign_compact(header, payload)
    }

    /// A token whose first two parts are these, encoded or not, by the scene's own key.
    pub(crate) fn verbatim(&self, header: &str, payload: &str) -> String {
        let input = format!("{header}.{payload}");
        let signature = crate::text::encode(self.own.sign_bytes(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

/// A new key.
pub(crate) fn generate(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).expect("a test machine has randomness")
}

/// Every key that the issuer publishes, good and bad.
fn published(issuer: &TestIssuer) -> Vec<Value> {
    let set: Value = serde_json::from_str(&issuer.jwk_set()).expect("a JWK Set is JSON");
    set["keys"].as_array().cloned().expect("a JWK Set has keys")
}

/// The PS256 key once more, as `both`, without saying which padding it is for.
fn for_both_paddings(keys: &[Value]) -> Value {
    let pss = keys.iter().find(|key| key["alg"] == "PS256").expect("the issuer has a key for PS256");
    json!({"kty": "RSA", "n": pss["n"], "e": pss["e"], "kid": "both"})
}

/// Keys that the services have to skip, under the names by which the attacks call them.
fn hostile(unfit: &Value) -> Vec<Value> {
    let changed = |kid: &str, member: &str, value: Value| {
        let mut key = unfit.clone();
        key["kid"] = kid.into();
        key[member] = value;
        key
    };
    let ed25519 = |kid: &str, x: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": crate::text::encode(crate::text::hex(x))});
    let mut keys = vec![
        changed("for-encryption", "use", json!("enc")),
        changed("for-signing", "key_ops", json!(["sign"])),
        changed("for-another-algorithm", "alg", json!("ES384")),
        changed("for-a-forbidden-algorithm", "alg", json!("ES256K")),
        changed("off-curve", "y", unfit["x"].clone()),
        json!({"kty": "oct", "kid": "secret", "k": crate::text::encode(SECRET)}),
        // With an exponent of 1, anyone can sign: a signature is the padded hash itself.
        json!({"kty": "RSA", "kid": "exponent-one", "n": crate::text::encode([0xff; 256]), "e": "AQ"}),
        json!({"kty": "RSA", "kid": "weak", "n": WEAK_MODULUS, "e": "AQAB"}),
    ];
    keys.extend(SMALL_ORDER.iter().map(|(kid, x)| ed25519(kid, x)));
    keys
}

/// What the services allow.
const ALLOWED: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
];

/// The shared secret among the published keys.
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// Points of Ed25519 under which signatures can be made without a secret.
pub(crate) const SMALL_ORDER: [(&str, &str); 4] = [
    ("the neutral point", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("the neutral point, not reduced", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("the point of order two", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("a point of order four", "0000000000000000000000000000000000000000000000000000000000000000"),
];

/// An RSA modulus of 1024 bits, in base64url.
pub(crate) const WEAK_MODULUS: &str = concat!(
    "p1ztAnfON9rrvXDbM0kb2AYTZkqbfNT_2G2SKTEH0F7nJTJqnVn1H-KFiHTeZUfinKLLenuBvjiKac3u2mDyQaZuWDUCxRFX",
    "-s9h4-XCs8YgD7Ud9xK5e6HtuWoADyNUpW_Jy20nq8ILcvXOcN26HU55qxiJNbsYw6hFqt1ySfs",
);

/// A token by that key, valid at the default time of a `FakeClock`. Its private half is lost.
pub(crate) const WEAK_TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IndlYWsifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0IiwiYXVkIjoidGVzdHMiL",
    "CJzdWIiOiJhbm4iLCJleHAiOjE3NjcyMjkyMDB9.f2qU1NDgWGyYDS_gLVqaY2Tci3qNpRgTepI6qhJSne5b4pOd_8dbrhYs",
    "Qjyq168YNDAHHTNNlFzhEtDk-LJ40aiCrwx83ELliqET_KavgaT6Lwcw-ozmZFSkDrx0xWgHKzS5VfODQwEUZIpP_QvpO3Gx",
    "B11ebMPCRweRB4tXWYU",
);
