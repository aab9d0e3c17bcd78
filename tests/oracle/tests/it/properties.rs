//! What holds for all bytes, and for all changes to a token.

use std::sync::LazyLock;

use linchpin_core::{Reason, token_from_authorization};
use linchpin_jwt::{Algorithm, KeyRules, KeySet, RolesClaim};
use oracle::Bench;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::{
    case::{Case, NOW, flip_bit, good, object},
    runner,
};

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(Algorithm::ES256));

/// Any text, and text that looks enough like a token, a PEM or JSON to get past the first check.
fn texts() -> impl Strategy<Value = String> {
    let look_alike = vec(select(FRAGMENTS), 0..8).prop_map(|fragments| fragments.concat());
    prop_oneof![any::<String>(), ".{0,200}", "[A-Za-z0-9_.=-]{0,200}", look_alike]
}

const FRAGMENTS: &[&str] = &[
    "eyJhbGciOiJFUzI1NiJ9",
    "e30",
    ".",
    "=",
    "-----BEGIN PUBLIC KEY-----\n",
    "-----END PUBLIC KEY-----",
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
    r#"{"keys":["#,
    r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#,
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    r#"{"kty":"EC","crv":"P-256","x":"","y":"_w"}"#,
    ",",
    "]}",
    "/",
    "~",
    "~1",
    "ä",
    "\0",
];

#[test]
fn no_text_makes_anything_panic_or_is_a_token() {
    let keys =
        KeySet::builder([Algorithm::ES256]).jwk(&BENCH.key().public_jwk().to_string()).build().unwrap();
    let rules = KeyRules::new(Algorithm::ALL).allow_secrets();
    let check = |text: String| {
        prop_assert!(BENCH.ours(&text, *NOW).is_err());
        prop_assert!(keys.verify_jws(&text).is_err());
        let _ = rules.read_jwk_set(text.as_bytes());
        let _ = KeySet::builder(Algorithm::ALL).pem(&text).jwk(&text).jwk_set(&text).build();
        let _ = text.parse::<RolesClaim>();
        Ok(())
    };
    runner(1000, 0).run(&texts(), check).unwrap();
}

#[test]
fn no_signed_text_makes_anything_panic() {
    let check = |(header, payload): (String, String)| {
        let _ = BENCH.ours(&BENCH.key().sign_compact(&header, &payload), *NOW);
        let _ = BENCH.ours(&BENCH.key().sign_compact(r#"{"alg":"ES256"}"#, &payload), *NOW);
        Ok(())
    };
    runner(300, 0).run(&(texts(), texts()), check).unwrap();
}

#[test]
fn no_bytes_make_the_reader_of_credentials_panic() {
    let values = vec(prop_oneof![vec(any::<u8>(), 0..60), texts().prop_map(String::into_bytes)], 0..3);
    let check = |mut values: Vec<Vec<u8>>| {
        if let Some(value) = values.first_mut()
            && value.len() % 2 == 0
        {
            value.splice(0..0, *b"Bearer ");
        }
        if let Ok(token) = token_from_authorization(values.iter().map(Vec::as_slice), &["Bearer", "JWT"]) {
            prop_assert!(values.len() == 1 && values[0].ends_with(token.as_bytes()));
        }
        Ok(())
    };
    runner(1000, 0).run(&values, check).unwrap();
}

#[test]
fn no_inverted_bit_gives_another_accepted_token() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256, Algorithm::RS256] {
        let bench = Bench::new(algorithm);
        let claims = json!({"iss": oracle::ISSUER, "aud": oracle::AUDIENCE, "exp": *NOW + 600});
        let token = bench.key().sign_jwt(&claims);
        bench.ours(&token, *NOW).expect("a good token");

        for bit in 0..token.len() * 8 {
            let other = flip_bit(&token, bit);
            assert!(bench.ours(&other, *NOW).is_err(), "{algorithm}: bit {bit} of {token}");
        }
    }
}

#[test]
fn what_nobody_knows_never_changes_the_verdict() {
    let names = ("x_[a-z]{1,12}", "x_[a-z]{1,12}");
    let values =
        select(vec!["null", "true", "-1.5e3", r#""ä""#, "[]", r#"{"a":[{"alg":"none"}]}"#, r#"{"iss":1}"#]);
    let cases = (good("ES256"), names, values, select(vec![-600_i64, 600]), any::<bool>());
    let check =
        |(mut case, (member, claim), value, expiry, first): (Case, (String, String), &str, i64, bool)| {
            case.claims.retain(|(name, _)| *name != "exp");
            case.claims.push(("exp", (*NOW + expiry).to_string()));
            let before = BENCH.ours(&case.token(BENCH.key()), *NOW);

            // The names are generated, so they are written into the text rather than among the members.
            let with = |object: String, name: &str| {
                let inner = &object[1..object.len() - 1];
                if first {
                    format!(r#"{{"{name}":{value},{inner}}}"#)
                } else {
                    format!(r#"{{{inner},"{name}":{value}}}"#)
                }
            };
            let header = with(object(&case.header), &member);
            let claims = with(object(&case.claims), &claim);
            let after = BENCH.ours(&BENCH.key().sign_compact(&header, &claims), *NOW);

            prop_assert_eq!(&before, &after);
            prop_assert!(matches!(before, Ok(_) | Err(Reason::Expired)));
            Ok(())
        };
    runner(300, 0).run(&cases, check).unwrap();
}
