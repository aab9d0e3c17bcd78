//! Any bytes as the values of `Authorization`, one a line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linchpin_core::token_from_authorization;

fuzz_target!(|bytes: &[u8]| {
    let values: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let Ok(token) = token_from_authorization(values.iter().copied(), &["Bearer", "JWT"]) else { return };

    let [value] = values[..] else { panic!("several values are one credential") };
    assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(value.ends_with(token.as_bytes()), "the token is not what was sent");
    assert_eq!(token_from_authorization([format!("Bearer {token}").as_bytes()], &["bearer"]).unwrap(), token);
});
