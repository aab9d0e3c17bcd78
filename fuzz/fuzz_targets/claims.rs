//! Any text as the payload of a token whose signature is valid, under each profile.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use linchpin_core::{Outcome, Timestamp, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, Profile, SigningKey, Verifier};
use serde_json::Value;

const SECRET: [u8; 32] = [7; 32];
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "grades";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret(Algorithm::HS256, &SECRET).unwrap());
static VERIFIERS: LazyLock<[Verifier; 3]> = LazyLock::new(|| {
    [Profile::Generic, Profile::Rfc9068, Profile::OpenEdx].map(|profile| {
        let keys = KeySet::builder([Algorithm::HS256]).secret(&SECRET).build().unwrap();
        Verifier::builder(ISSUER, Arc::new(keys)).audience(AUDIENCE).profile(profile).build().unwrap()
    })
});

fuzz_target!(|payload: &str| {
    let token = KEY.sign_compact(r#"{"alg":"HS256","typ":"at+jwt"}"#, payload);
    for verifier in VERIFIERS.iter() {
        let Outcome::Ready(result) = verifier.verify(&token, Timestamp::from_unix_seconds(1_767_225_600))
        else {
            panic!("waits for keys that are all there");
        };
        // What was accepted says so to a reader that shares no code with the verifier's.
        let Ok(caller) = result else { continue };
        let claims: Value = serde_json::from_str(payload).expect("accepted, and no JSON");
        assert_eq!(claims["iss"], ISSUER);
        assert!(
            claims["aud"] == AUDIENCE || claims["aud"].as_array().unwrap().iter().any(|one| one == AUDIENCE)
        );
        assert!(claims["exp"].as_f64().unwrap() > 1_767_225_600.0 - 30.001);
        assert_eq!(claims["sub"].as_str(), caller.subject());
        assert!(claims.get("cnf").is_none());
    }
});
