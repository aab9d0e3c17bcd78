//! Any bytes as a published key set, and as keys that are configured by hand.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linchpin_jwt::{Algorithm, KeyRules, KeySet};

fuzz_target!(|bytes: &[u8]| {
    match KeyRules::new(Algorithm::ALL).read_jwk_set(bytes) {
        Ok(keys) => assert!(!keys.is_empty() && keys.len() + keys.skipped().len() <= 100),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = KeySet::builder(Algorithm::ALL).pem(text).build();
        let _ = KeySet::builder(Algorithm::ALL).jwk(text).build();
        let _ = KeySet::builder(Algorithm::ALL).jwk_set(text).build();
    }
});
