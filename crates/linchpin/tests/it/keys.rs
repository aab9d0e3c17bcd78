//! Keys that are given in code.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use linchpin::{
    Auth, Clock, Outcome, Reason, Refusal, SystemClock, Timestamp, VerifyToken,
    jwt::{Algorithm, Algorithms, KeySet, KeySource, Refresh},
};
use linchpin_test::TestIssuer;

const PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----";

#[test]
fn static_keys_need_no_runtime_and_are_ready_at_once() {
    let auth = Auth::issuer("https://id.example").audience("grades").pem(PEM).build().unwrap();

    assert!(auth.is_ready());
    let Outcome::Ready(Err(refusal)) = auth.verifier().verify("a.b.c", SystemClock.now()) else {
        panic!("accepted")
    };
    assert_eq!(refusal.reason(), Reason::MalformedToken);
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let error = Auth::issuer("").pem("no pem").secret(b"short".to_vec()).build().unwrap_err();

    let settings: Vec<&str> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["pem", "secret", "issuer", "audience"]);
}

#[test]
fn a_private_key_is_refused_with_the_way_out() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
    let error = Auth::issuer("i").audience("a").pem(pem).build().unwrap_err();

    assert!(error.to_string().contains("`openssl pkey -pubout`"), "{error}");
}

#[test]
fn a_key_source_of_ones_own_brings_its_own_allow_list() {
    let keys = KeySet::builder([Algorithm::EdDSA]).pem(PEM).build().unwrap();
    let auth = Auth::issuer("i").audience("a").key_source(std::sync::Arc::new(keys)).build().unwrap();

    assert!(auth.is_ready());
}

/// Fixed keys that count what they are told of failed signatures.
struct Counting {
    keys: Arc<KeySet>,
    failed: Arc<AtomicUsize>,
}

impl KeySource for Counting {
    fn algorithms(&self) -> Algorithms {
        self.keys.algorithms()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Ok(self.keys.clone())
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        Refresh::Refused(Reason::UnknownKey.into())
    }

    fn signature_failed(&self, _: Timestamp) {
        self.failed.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_key_source_of_ones_own_hears_of_failed_signatures() {
    let (issuer, failed) = (TestIssuer::new(), Arc::new(AtomicUsize::new(0)));
    let source = Counting { keys: issuer.key_set(), failed: failed.clone() };
    let auth = Auth::issuer(issuer.issuer()).audience("tests").key_source(source).build().unwrap();
    let good = issuer.token("ann").sign();
    let another = issuer.token("bob").sign();
    let ((signed, _), (_, signature)) = (good.rsplit_once('.').unwrap(), another.rsplit_once('.').unwrap());

    let outcome = auth.verifier().verify(&format!("{signed}.{signature}"), SystemClock.now());

    assert!(matches!(outcome, Outcome::Ready(Err(refusal)) if refusal.reason() == Reason::BadSignature));
    assert_eq!(failed.load(Ordering::SeqCst), 1);
}

#[test]
fn settings_that_would_be_ignored_are_reported() {
    let keys = || std::sync::Arc::new(KeySet::builder([Algorithm::EdDSA]).pem(PEM).build().unwrap());
    let auth = || Auth::issuer("i").audience("a");
    let told = |builder: linchpin::AuthBuilder| -> Vec<String> {
        builder.build().unwrap_err().problems().iter().map(|problem| problem.setting.clone()).collect()
    };

    assert_eq!(told(auth().key_source(keys()).algorithms([Algorithm::EdDSA])), ["algorithms"]);
    assert_eq!(told(auth().key_source(keys()).pem(PEM)), ["keys"]);
    assert_eq!(told(auth().pem(PEM).key_source(keys())), ["keys"]);
    assert_eq!(told(auth().pem(PEM).dangerously_accept_any_audience()), ["audience"]);
    assert_eq!(told(auth().pem(PEM).max_token_bytes(0)), ["max_token_bytes"]);
    for path in [&[][..], &["scope"], &["aud", "roles"]] {
        assert_eq!(
            told(auth().pem(PEM).roles(linchpin::jwt::RolesClaim::at(path.iter().copied()))),
            ["roles"]
        );
    }
    #[cfg(feature = "remote")]
    assert_eq!(told(auth().pem(PEM).jwks_url("https://id.example/keys")), ["jwks_url"]);
}
