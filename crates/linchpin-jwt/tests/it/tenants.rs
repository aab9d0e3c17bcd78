//! One provider for many tenants, as Microsoft Entra is: one issuer for each, and keys that they share.

use std::sync::{Arc, LazyLock};

use linchpin_core::{Clock, FakeClock, Outcome, Reason, VerifyToken};
use linchpin_jwt::{Algorithm, Issuers, KeyRules, KeySet, SigningKey, Verifier};
use serde_json::{Value, json};

use crate::{AUDIENCE, now};

const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
const A: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const B: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
const STRANGER: &str = "cccccccc-0000-4000-8000-00000000000c";

/// The key of every tenant, the one of tenant A alone, and one that says nothing about it.
static SHARED: LazyLock<SigningKey> = LazyLock::new(key);
static OF_A: LazyLock<SigningKey> = LazyLock::new(key);
static UNBOUND: LazyLock<SigningKey> = LazyLock::new(key);

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn issuer(tenant: &str) -> String {
    format!("https://login.example/{tenant}/v2.0")
}

fn published() -> String {
    let with_issuer = |key: &SigningKey, issuer: &str| {
        let mut jwk = key.public_jwk();
        jwk["issuer"] = json!(issuer);
        jwk
    };
    let keys = [with_issuer(&SHARED, TEMPLATE), with_issuer(&OF_A, &issuer(A)), UNBOUND.public_jwk()];
    json!({"keys": keys}).to_string()
}

fn read(rules: KeyRules) -> Arc<KeySet> {
    Arc::new(rules.read_jwk_set(published().as_bytes()).unwrap())
}

fn tenants(keys: Arc<KeySet>) -> Issuers {
    let verifier = |tenant: &str| {
        Verifier::builder(TEMPLATE, keys.clone()).tenant(tenant).audience(AUDIENCE).build().unwrap()
    };
    Issuers::new([verifier(A), verifier(B)]).unwrap()
}

fn rules() -> KeyRules {
    KeyRules::new([Algorithm::ES256])
}

fn reason(issuers: &Issuers, key: &SigningKey, issuer: &str, tid: Value) -> Option<Reason> {
    let mut claims = json!({"iss": issuer, "aud": AUDIENCE, "exp": now() + 30});
    if !tid.is_null() {
        claims["tid"] = tid;
    }
    match issuers.verify(&key.sign_jwt(&claims), FakeClock::default().now()) {
        Outcome::Ready(result) => result.err().map(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits for keys that are all there"),
    }
}

#[test]
fn the_listed_tenants_are_accepted_and_no_other() {
    let issuers = tenants(read(rules().bind_to_issuers()));

    assert_eq!(issuers.names().collect::<Vec<_>>(), [issuer(A), issuer(B)]);
    assert_eq!(reason(&issuers, &SHARED, &issuer(A), json!(A)), None);
    assert_eq!(reason(&issuers, &SHARED, &issuer(B), json!(B)), None);
    for unlisted in [&issuer(STRANGER), TEMPLATE, &issuer(""), &issuer("common"), &issuer(&A.to_uppercase())]
    {
        assert_eq!(reason(&issuers, &SHARED, unlisted, json!(A)), Some(Reason::WrongIssuer), "{unlisted}");
    }
}

#[test]
fn a_key_that_is_kept_to_one_tenant_signs_for_no_other() {
    let issuers = tenants(read(rules().bind_to_issuers()));

    assert_eq!(reason(&issuers, &OF_A, &issuer(A), json!(A)), None);
    assert_eq!(reason(&issuers, &OF_A, &issuer(B), json!(B)), Some(Reason::UnknownKey));
    assert_eq!(reason(&issuers, &UNBOUND, &issuer(B), json!(B)), None, "it says nothing about issuers");

    // Without a name the key is not found by trying either.
    let nameless = SigningKey::generate(Algorithm::ES256).unwrap().with_key_id(None);
    let mut jwk = nameless.public_jwk();
    jwk["issuer"] = json!(issuer(A));
    let keys = rules().bind_to_issuers().read_jwk_set(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let issuers = tenants(Arc::new(keys));
    assert_eq!(reason(&issuers, &nameless, &issuer(A), json!(A)), None);
    assert_eq!(reason(&issuers, &nameless, &issuer(B), json!(B)), Some(Reason::UnknownKey));
}

#[test]
fn of_two_keys_with_one_name_only_the_partys_own_counts() {
    let (of_a, of_b) = (key().with_key_id(Some("same")), key().with_key_id(Some("same")));
    let jwk = |key: &SigningKey, tenant: &str| {
        let mut jwk = key.public_jwk();
        jwk["issuer"] = json!(issuer(tenant));
        jwk
    };
    let set = json!({"keys": [jwk(&of_a, A), jwk(&of_b, B)]}).to_string();
    let issuers = tenants(Arc::new(rules().bind_to_issuers().read_jwk_set(set.as_bytes()).unwrap()));

    assert_eq!(reason(&issuers, &of_a, &issuer(A), json!(A)), None);
    assert_eq!(reason(&issuers, &of_b, &issuer(B), json!(B)), None);
    assert_eq!(reason(&issuers, &of_a, &issuer(B), json!(B)), Some(Reason::BadSignature));
}

#[test]
fn the_issuer_of_a_key_counts_only_where_it_is_asked_for() {
    let issuers = tenants(read(rules()));

    assert_eq!(reason(&issuers, &OF_A, &issuer(B), json!(B)), None);
}

#[test]
fn a_tenant_id_that_contradicts_the_issuer_is_refused() {
    let issuers = tenants(read(rules().bind_to_issuers()));

    assert_eq!(reason(&issuers, &SHARED, &issuer(A), Value::Null), None, "it need not be there");
    for other in [json!(B), json!(STRANGER), json!(""), json!(A.to_uppercase()), json!([A]), json!(7)] {
        let refused = reason(&issuers, &SHARED, &issuer(A), other.clone());
        assert_eq!(refused, Some(Reason::WrongIssuer), "{other}");
    }
}

#[test]
fn a_key_bound_to_an_issuer_verifies_no_token_of_nobody() {
    let bound = read(rules().bind_to_issuers());

    assert!(bound.verify_jws(&SHARED.sign_jwt(&json!({}))).is_err());
    assert!(bound.verify_jws(&UNBOUND.sign_jwt(&json!({}))).is_ok());
}

#[test]
fn a_template_has_tenants_and_tenants_have_a_template() {
    let keys = read(rules());
    let told = |issuer: &str, tenant: Option<&str>| -> Vec<String> {
        let builder = Verifier::builder(issuer, keys.clone()).audience(AUDIENCE);
        let builder = match tenant {
            Some(tenant) => builder.tenant(tenant),
            None => builder,
        };
        builder.build().unwrap_err().problems().iter().map(|problem| problem.setting.clone()).collect()
    };

    assert_eq!(told(TEMPLATE, None), ["tenants"]);
    assert_eq!(told("https://login.example", Some(A)), ["tenants"]);
    assert_eq!(told("https://login.example/{tenantid}/{tenantid}", Some(A)), ["issuer"]);
    for bad in ["", "common", "contoso.example", &A.to_uppercase(), &format!("{A}/../{B}")] {
        assert_eq!(told(TEMPLATE, Some(bad)), ["tenants"], "{bad}");
    }
}
