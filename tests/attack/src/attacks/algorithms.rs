//! `alg`: no signature at all, a public key used as a secret, one algorithm in the name of another.

use base64::{Engine, engine::general_purpose::STANDARD};
use linchpin_core::Reason::{AlgorithmNotAllowed, BadSignature};
use linchpin_jwt::{
    Algorithm::{self, *},
    SigningKey,
};
use serde_json::json;

use super::token;
use crate::{Attack, Scene, text::encode};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [none(scene), public_keys_as_secrets(scene), mistaken(scene)].concat()
}

fn none(scene: &Scene) -> Vec<Attack> {
    let spellings = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "nonE",
        " none",
        "none ",
        "none\u{0}",
        "n\u{43e}ne",
        "null",
        "nil",
        "plain",
        "",
    ];
    let unsigned = spellings.map(|alg| {
        let name = format!("no signature, under the algorithm {alg:?}");
        token(name, scene.token().unsigned().header("alg", alg).sign(), AlgorithmNotAllowed, scene.good())
    });
    let escaped = |alg: &str| scene.header("").replace("ES256", alg);
    let none = || scene.token().header("alg", "none");
    let others = [
        token("a good signature, under none", none().sign(), AlgorithmNotAllowed, scene.good()),
        token(
            "none, spelt with an escape",
            format!("{}.{}.", encode(escaped("\\u006eone")), encode(scene.payload(""))),
            AlgorithmNotAllowed,
            scene.exactly(&escaped("\\u0045S256"), &scene.payload("")),
        ),
        token(
            "none, without a key id",
            scene.token().unsigned().key_id(None).sign(),
            AlgorithmNotAllowed,
            scene.token().key_id(None).sign(),
        ),
        token(
            "the signature left away",
            crate::text::with_signature(&scene.good(), |_| Vec::new()),
            BadSignature,
            scene.good(),
        ),
    ];
    unsigned.into_iter().chain(others).collect()
}

/// Whoever verifies HMAC with what was given to it as a public key takes these.
fn public_keys_as_secrets(scene: &Scene) -> Vec<Attack> {
    let rsa_pem = scene.issuer.public_pem();
    let ec_pem = scene.own.public_pem().unwrap_or_default();
    let rsa_jwk = scene.jwk(RS256);
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).expect("a PEM is base64")
    };
    let text = |json: &serde_json::Value| json.as_str().unwrap_or_default().as_bytes().to_vec();
    let secrets: Vec<(&str, Algorithm, Vec<u8>)> = vec![
        ("its PEM", RS256, rsa_pem.clone().into()),
        ("its PEM without the last line feed", RS256, rsa_pem.trim_end().into()),
        ("its PEM with carriage returns", RS256, rsa_pem.replace('\n', "\r\n").into()),
        ("the body of its PEM", RS256, STANDARD.encode(der(&rsa_pem)).into()),
        ("its DER", RS256, der(&rsa_pem)),
        ("its JWK", RS256, rsa_jwk.to_string().into()),
        ("its JWK Set", RS256, json!({"keys": [rsa_jwk]}).to_string().into()),
        ("its modulus", RS256, crate::text::decode(rsa_jwk["n"].as_str().unwrap_or_default())),
        ("its modulus in base64url", RS256, text(&rsa_jwk["n"])),
        ("its PEM", ES256, ec_pem.clone().into()),
        ("its DER", ES256, der(&ec_pem)),
        ("its JWK", ES256, scene.own.public_jwk().to_string().into()),
        ("its point", EdDSA, crate::text::decode(scene.jwk(EdDSA)["x"].as_str().unwrap_or_default())),
    ];
    let attacks = secrets.iter().flat_map(|(what, algorithm, secret)| {
        [HS256, HS384, HS512].into_iter().filter_map(move |hmac| {
            let forger = SigningKey::from_secret(hmac, secret).ok()?; // too short for the longer hashes
            let forged =
                scene.token().signed_by(&forger).key_id(scene.jwk(*algorithm)["kid"].as_str()).sign();
            let good = scene.token().algorithm(*algorithm).sign();
            let name = format!("{hmac} with the {algorithm} key as the secret: {what}");
            Some(token(name, forged, AlgorithmNotAllowed, good))
        })
    });
    attacks.collect()
}

fn mistaken(scene: &Scene) -> Vec<Attack> {
    let good = |algorithm| scene.token().algorithm(algorithm).sign();
    let lies = |key: Algorithm, says: &str| scene.token().algorithm(key).header("alg", says).sign();
    let both = |key: Algorithm, says: &str| {
        scene.token().algorithm(key).header("alg", says).key_id(Some("both")).sign()
    };
    let mut attacks = vec![
        token(
            "a PSS signature under RS256, by a key for both",
            both(PS256, "RS256"),
            BadSignature,
            both(PS256, "PS256"),
        ),
        token(
            "a PKCS #1 signature under PS256, by the name of a key for both",
            both(RS256, "PS256"),
            BadSignature,
            both(PS256, "PS256"),
        ),
    ];
    for (key, says) in [
        (PS256, "RS256"),
        (RS256, "PS256"),
        (RS256, "ES256"),
        (ES256, "RS256"),
        (ES256, "ES384"),
        (ES384, "ES256"),
        (ES512, "ES384"),
        (EdDSA, "ES256"),
        (ES256, "EdDSA"),
    ] {
        let name = format!("a signature by the key for {key} under {says}");
        attacks.push(token(name, lies(key, says), AlgorithmNotAllowed, good(key)));
    }
    for says in [
        "RS1",
        "RS384",
        "RS512",
        "PS512",
        "rs256",
        "RS256 ",
        "RSA1_5",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ] {
        let name = format!("an RS256 signature under {says:?}, which is not allowed");
        attacks.push(token(name, lies(RS256, says), AlgorithmNotAllowed, good(RS256)));
    }
    for says in ["ES256K", "es256", "HS256", "dir", "ECDH-ES", "A256GCMKW", "PBES2-HS256+A128KW"] {
        let name = format!("an ES256 signature under {says:?}, which is not allowed");
        attacks.push(token(name, lies(ES256, says), AlgorithmNotAllowed, good(ES256)));
    }
    attacks
}
