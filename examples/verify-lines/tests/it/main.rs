//! The program as its user runs it: lines in, verdicts out.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use linchpin_jwt::{Algorithm, SigningKey};
use serde_json::{Value, json};

fn verdicts(lines: &[String]) -> Vec<Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_verify-lines"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn line(key: &SigningKey, token: &str, algorithms: &[&str]) -> String {
    json!({"jwks": {"keys": [key.public_jwk()]}, "token": token, "algorithms": algorithms}).to_string()
}

#[test]
fn every_algorithm_verifies_and_the_payload_is_opaque() {
    let lines: Vec<String> = Algorithm::ALL
        .iter()
        .map(|algorithm| {
            let key = SigningKey::generate(*algorithm).unwrap();
            let header = json!({"alg": algorithm.name()}).to_string();
            line(&key, &key.sign_compact(&header, "not even JSON"), &[algorithm.name()])
        })
        .collect();

    assert_eq!(verdicts(&lines), vec![json!({"valid": true, "error": null}); lines.len()]);
}

#[test]
fn each_line_has_its_verdict_in_order() {
    let (key, other) =
        (SigningKey::generate(Algorithm::ES256).unwrap(), SigningKey::generate(Algorithm::EdDSA).unwrap());
    let token = key.sign_jwt(&json!({}));
    let unsigned = format!("{}.e30.", "eyJhbGciOiJub25lIn0");
    let lines = [
        line(&key, &token, &["ES256"]),
        line(&key, &token, &["RS256", "none", "ES256K"]),
        line(&key, &token, &["EdDSA", "ES256"]),
        line(&other, &token, &["EdDSA", "ES256"]),
        line(&key, &unsigned, &["none", "ES256"]),
        line(&key, &format!("{token}="), &["ES256"]),
        "{".to_owned(),
        json!({"jwks": {"keys": []}, "token": token, "algorithms": ["ES256"]}).to_string(),
    ];

    let errors: Vec<Value> = verdicts(&lines).into_iter().map(|verdict| verdict["error"].clone()).collect();

    assert_eq!(
        errors,
        [
            Value::Null,
            json!("no_usable_key"),
            Value::Null,
            json!("unknown_key"),
            json!("algorithm_not_allowed"),
            json!("malformed_token"),
            json!("malformed_line"),
            json!("no_usable_key"),
        ]
    );
}
