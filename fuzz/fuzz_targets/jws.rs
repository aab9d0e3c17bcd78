//! Any bytes as a token: no panic, and nothing is accepted that the holder of the key did not sign.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use linchpin_jwt::{Algorithm, KeySet};

/// The key of RFC 8037 A.2, and the only thing that it ever signed.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    KeySet::builder(Algorithm::ALL).jwk(key).build().unwrap()
});
const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc\
    .hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fuzz_target!(|token: &str| {
    if KEYS.verify_jws(token).is_ok() {
        assert_eq!(token, SIGNED);
    }
});
