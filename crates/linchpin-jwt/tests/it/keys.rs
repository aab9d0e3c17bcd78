//! Which key verifies which token.

use std::sync::Arc;

use linchpin_core::Reason;
use linchpin_jwt::{
    Algorithm, Algorithms, KeyErrorKind, KeyRules, KeySet, KeySetError, SigningKey, Verifier,
};
use serde_json::{Value, json};

use crate::{AUDIENCE, ISSUER, KEY, claims, verifier, verify};

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

fn token(key: &SigningKey, header: Value) -> String {
    key.sign_compact(&header.to_string(), &claims(|_| {}).to_string())
}

fn set(algorithms: impl Into<Algorithms>, keys: impl IntoIterator<Item = Value>) -> KeySet {
    let keys: Vec<Value> = keys.into_iter().collect();
    KeyRules::new(algorithms).read_jwk_set(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn reason(keys: KeySet, token: &str) -> Option<Reason> {
    verify(Verifier::builder(ISSUER, Arc::new(keys)).audience(AUDIENCE), token).err()
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

#[test]
fn every_algorithm_verifies_its_own_tokens_and_no_other() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let keys = || {
            let builder = KeySet::builder(Algorithm::ALL);
            builder.jwk(&key.public_jwk().to_string()).build().unwrap()
        };

        assert_eq!(reason(keys(), &token(&key, json!({"alg": algorithm.name()}))), None, "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let refused = reason(keys(), &token(&key, json!({"alg": other.name()})));
            assert_eq!(refused, Some(Reason::UnknownKey), "{algorithm} under the name {other}");
        }
    }
}

#[test]
fn ed25519_goes_by_both_of_its_names() {
    let key = key(Algorithm::EdDSA);
    let mut jwk = key.public_jwk();
    jwk["alg"] = json!("Ed25519");

    for name in ["EdDSA", "Ed25519"] {
        assert_eq!(
            reason(set([Algorithm::EdDSA], [jwk.clone()]), &token(&key, json!({"alg": name}))),
            None,
            "{name}"
        );
    }
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_whatever_the_keys_are() {
    let keys = || set([Algorithm::ES256], [KEY.public_jwk()]);

    for alg in ["none", "NONE", "HS256", "RS256", "ES384", "EdDSA", "PS256", "ES256K", "es256"] {
        let token = token(&KEY, json!({"alg": alg, "kid": KEY.key_id()}));
        assert_eq!(reason(keys(), &token), Some(Reason::AlgorithmNotAllowed), "{alg}");
    }
}

#[test]
fn a_key_set_asks_its_allow_list_before_it_looks_for_a_key() {
    let keys = set([Algorithm::ES256], [KEY.public_jwk()]);
    let reason =
        |alg: &str| keys.verify_jws(&token(&KEY, json!({"alg": alg}))).map_err(|refusal| refusal.reason());

    assert!(reason("ES256").is_ok());
    for alg in ["none", "HS256", "RS256", "ES384", "EdDSA"] {
        assert_eq!(reason(alg), Err(Reason::AlgorithmNotAllowed), "{alg}");
    }
}

#[test]
fn a_public_key_is_never_a_secret() {
    let rsa = key(Algorithm::RS256);
    let pem = rsa.public_pem().unwrap();
    let keys =
        || KeySet::builder(Algorithm::ALL).pem(&pem).jwk(&rsa.public_jwk().to_string()).build().unwrap();

    for secret in [pem.clone(), pem.trim().to_owned(), rsa.public_jwk().to_string()] {
        let forger = SigningKey::from_secret(Algorithm::HS256, secret.as_bytes()).unwrap();
        let nameless = token(&forger, json!({"alg": "HS256"}));
        let named = token(&forger, json!({"alg": "HS256", "kid": rsa.key_id()}));
        assert_eq!(reason(keys(), &nameless), Some(Reason::UnknownKey));
        assert_eq!(reason(keys(), &named), Some(Reason::AlgorithmNotAllowed));
    }
}

#[test]
fn the_named_key_decides_alone() {
    let (a, b) = (key(Algorithm::ES256), key(Algorithm::ES256));
    let keys = || set([Algorithm::ES256, Algorithm::RS256], [a.public_jwk(), b.public_jwk()]);

    assert_eq!(reason(keys(), &token(&a, json!({"alg": "ES256", "kid": a.key_id()}))), None);
    assert_eq!(
        reason(keys(), &token(&a, json!({"alg": "ES256", "kid": b.key_id()}))),
        Some(Reason::BadSignature)
    );
    assert_eq!(
        reason(keys(), &token(&a, json!({"alg": "RS256", "kid": a.key_id()}))),
        Some(Reason::AlgorithmNotAllowed)
    );
    for kid in ["", "other", &a.key_id().unwrap().to_uppercase()] {
        assert_eq!(
            reason(keys(), &token(&a, json!({"alg": "ES256", "kid": kid}))),
            Some(Reason::UnknownKey),
            "{kid}"
        );
    }
}

#[test]
fn the_alg_of_a_key_binds_it() {
    let rsa = key(Algorithm::RS256);
    let signs_pss = SigningKey::generate(Algorithm::PS256).unwrap();
    let allowed = [Algorithm::RS256, Algorithm::PS256];

    let bound = || set(allowed, [rsa.public_jwk()]);
    assert_eq!(reason(bound(), &token(&rsa, json!({"alg": "PS256"}))), Some(Reason::UnknownKey));
    // A provider such as Entra leaves `alg` out: the key verifies what is allowed for its type.
    let unbound = || set(allowed, [without(signs_pss.public_jwk(), "alg")]);
    assert_eq!(reason(unbound(), &token(&signs_pss, json!({"alg": "PS256"}))), None);
    assert_eq!(reason(unbound(), &token(&signs_pss, json!({"alg": "RS256"}))), Some(Reason::BadSignature));
}

#[test]
fn a_token_without_kid_is_tried_against_four_keys_at_most() {
    let keys: Vec<SigningKey> = (0..5).map(|_| key(Algorithm::ES256)).collect();
    let published =
        |n: usize| set([Algorithm::ES256, Algorithm::EdDSA], keys[..n].iter().map(SigningKey::public_jwk));
    let nameless = |key: &SigningKey| token(key, json!({"alg": "ES256"}));

    assert_eq!(reason(published(4), &nameless(&keys[3])), None);
    assert_eq!(reason(published(4), &nameless(&keys[4])), Some(Reason::BadSignature));
    assert_eq!(reason(published(5), &nameless(&keys[0])), Some(Reason::AmbiguousKey));
    assert_eq!(
        reason(published(5), &token(&keys[4], json!({"alg": "ES256", "kid": keys[4].key_id()}))),
        None
    );
    assert_eq!(reason(published(5), &token(&keys[0], json!({"alg": "EdDSA"}))), Some(Reason::UnknownKey));
}

#[test]
fn a_key_without_kid_fits_a_token_with_one() {
    let key = key(Algorithm::ES256);
    let pem = KeySet::builder([Algorithm::ES256]).pem(&key.public_pem().unwrap()).build().unwrap();

    assert_eq!(reason(pem, &token(&key, json!({"alg": "ES256", "kid": "whatever"}))), None);
    let named =
        || KeySet::builder([Algorithm::ES256]).pem_with_id("k1", &key.public_pem().unwrap()).build().unwrap();
    assert_eq!(reason(named(), &token(&key, json!({"alg": "ES256", "kid": "k1"}))), None);
    assert_eq!(reason(named(), &token(&key, json!({"alg": "ES256", "kid": "k2"}))), Some(Reason::UnknownKey));
}

#[test]
fn keys_in_the_header_and_urls_to_them_are_not_used() {
    let (ours, strangers) = (key(Algorithm::ES256), key(Algorithm::ES256));
    let keys = || set([Algorithm::ES256], [ours.public_jwk()]);
    let jwk = strangers.public_jwk();

    let embedded = json!({"alg": "ES256", "jwk": jwk, "jku": "https://evil.example/keys", "x5u": "https://evil.example/c", "x5c": ["AA"]});
    assert_eq!(reason(keys(), &token(&strangers, embedded.clone())), Some(Reason::BadSignature));
    assert_eq!(reason(keys(), &token(&ours, embedded)), None, "they do not spoil a good token either");
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let token = KEY.sign_jwt(&claims(|_| {}));

    for i in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[i] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(verify(verifier(), &changed).is_err(), "byte {i} of {token}");
        let cut = &token[..i];
        assert!(verify(verifier(), cut).is_err(), "cut at {i}");
    }
}

#[test]
fn signatures_of_another_form_are_refused() {
    let token = KEY.sign_jwt(&claims(|_| {}));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let zero = "A".repeat(86);

    for bad in ["", "AA", &zero, &signature[..84], &format!("{signature}AAAA")] {
        let refused = verify(verifier(), &format!("{input}.{bad}")).err();
        assert_eq!(refused, Some(Reason::BadSignature), "{bad}");
    }
}

#[test]
fn tokens_beyond_the_limit_are_not_decoded() {
    let token = |filling: usize| KEY.sign_jwt(&claims(|claims| claims["x"] = json!("x".repeat(filling))));
    let overhead = token(0).len();
    let largest = token((16 * 1024 - overhead) * 3 / 4 - 2);
    assert!(largest.len() <= 16 * 1024 && largest.len() > 16 * 1024 - 8, "{}", largest.len());

    assert!(verify(verifier(), &largest).is_ok());
    assert_eq!(verify(verifier(), &"a".repeat(16 * 1024 + 1)).err(), Some(Reason::TokenTooLarge));
    assert_eq!(verify(verifier(), &"a".repeat(16 * 1024)).err(), Some(Reason::MalformedToken));
    assert_eq!(verify(verifier().max_token_bytes(100), &token(0)).err(), Some(Reason::TokenTooLarge));
}

#[test]
fn published_secrets_are_skipped() {
    let (secret, public) = (key(Algorithm::HS256), key(Algorithm::ES256));
    let document = json!({"keys": [secret.public_jwk(), public.public_jwk()]}).to_string();
    let rules = KeyRules::new([Algorithm::HS256, Algorithm::ES256]);

    let keys = rules.read_jwk_set(document.as_bytes()).unwrap();
    assert_eq!((keys.len(), keys.skipped()[0].error.kind()), (1, KeyErrorKind::Symmetric));
    assert_eq!(reason(keys, &token(&secret, json!({"alg": "HS256"}))), Some(Reason::UnknownKey));
    let configured = rules.allow_secrets().read_jwk_set(document.as_bytes()).unwrap();
    assert_eq!(reason(configured, &token(&secret, json!({"alg": "HS256"}))), None);
}

#[test]
fn bad_keys_do_not_spoil_a_set_as_long_as_one_is_good() {
    let good = key(Algorithm::ES256).public_jwk();
    let off_curve = {
        let mut jwk = good.clone();
        jwk["y"] = jwk["x"].clone();
        jwk
    };
    let small_order =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    let bad = [off_curve, small_order, json!({"kty": "AKP", "alg": "ML-DSA-65"}), json!(7), json!({})];
    let rules = KeyRules::new([Algorithm::ES256, Algorithm::EdDSA]);
    let read = |keys: &[Value]| rules.read_jwk_set(json!({ "keys": keys }).to_string().as_bytes());

    let mixed = read(&[&bad[..], &[good]].concat()).unwrap();
    assert_eq!(mixed.len(), 1);
    let skipped: Vec<_> =
        mixed.skipped().iter().map(|skipped| (skipped.index, skipped.error.kind())).collect();
    use KeyErrorKind::*;
    assert_eq!(skipped, [(0, Malformed), (1, Weak), (2, Unsupported), (3, Malformed), (4, Malformed)]);
    let KeySetError::NoUsableKey { skipped } = read(&bad).unwrap_err() else { panic!("another error") };
    assert_eq!(skipped.len(), bad.len());
}

#[test]
fn sets_are_bounded_and_well_formed() {
    let rules = KeyRules::new([Algorithm::ES256]).max_keys(2);
    let jwk = key(Algorithm::ES256).public_jwk();

    let two = json!({"keys": [jwk, jwk]}).to_string();
    let three = json!({"keys": [jwk, jwk, jwk]}).to_string();
    assert_eq!(rules.read_jwk_set(two.as_bytes()).unwrap().len(), 2);
    assert_eq!(rules.read_jwk_set(three.as_bytes()).unwrap_err(), KeySetError::TooManyKeys { max: 2 });
    for malformed in
        ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", r#"{"keys":["#, "\u{feff}{}"]
    {
        assert_eq!(
            rules.read_jwk_set(malformed.as_bytes()).unwrap_err(),
            KeySetError::Malformed,
            "{malformed}"
        );
    }
}

#[test]
fn pems_of_every_kind_are_read_or_told_apart() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()) {
        let key = key(algorithm);
        let pem = format!("\n  {}\n", key.public_pem().unwrap().trim());
        let keys = KeySet::builder([algorithm]).pem(&pem).build().unwrap();
        assert_eq!(reason(keys, &token(&key, json!({"alg": algorithm.name()}))), None, "{algorithm}");
    }
    let problem = |pem: &str| KeySet::builder([Algorithm::RS256]).pem(pem).build().unwrap_err().to_string();
    assert!(problem("").contains("not one PEM block"));
    assert!(
        problem("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----")
            .contains("`openssl x509 -pubkey -noout`")
    );
    assert!(
        problem("-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----")
            .contains("`openssl pkey -pubout`")
    );
    assert!(
        problem("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----")
            .contains("well-formed public key")
    );
    assert!(
        problem(&key(Algorithm::ES256).public_pem().unwrap()).contains("no allowed algorithm fits the key")
    );
}
