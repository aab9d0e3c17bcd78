//! Several issuers behind one verifier: who decides about which token.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use linchpin_core::{Caller, Clock, FakeClock, Outcome, Reason, Refusal, Timestamp, VerifyToken};
use linchpin_jwt::{
    Algorithm, Algorithms, Issuers, KeySet, KeySource, Profile, Refresh, RolesClaim, SigningKey, Verifier,
};
use serde_json::{Value, json};

use crate::{KEY, claims, now, verifier};

const LMS: &str = "https://lms.example/oauth2";

static LMS_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).unwrap().with_key_id(None));

fn lms() -> linchpin_jwt::VerifierBuilder {
    let keys = KeySet::builder([Algorithm::EdDSA]).pem(&LMS_KEY.public_pem().unwrap()).build().unwrap();
    Verifier::builder(LMS, Arc::new(keys))
        .audience("openedx")
        .profile(Profile::OpenEdx)
        .roles(RolesClaim::at(["lms_roles"]))
}

fn both() -> Issuers {
    Issuers::new([verifier().build().unwrap(), lms().build().unwrap()]).unwrap()
}

fn lms_claims(change: impl FnOnce(&mut Value)) -> Value {
    claims(|claims| {
        claims["iss"] = json!(LMS);
        claims["aud"] = json!("openedx");
        change(claims);
    })
}

fn settled(outcome: Outcome) -> Result<Arc<Caller>, Reason> {
    match outcome {
        Outcome::Ready(result) => result.map_err(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits for keys that are all there"),
    }
}

fn verify(verifier: &impl VerifyToken, token: &str) -> Result<Arc<Caller>, Reason> {
    settled(verifier.verify(token, FakeClock::default().now()))
}

fn refused(verifier: &impl VerifyToken, token: &str) -> Option<Reason> {
    verify(verifier, token).err()
}

fn signed_raw(key: &SigningKey, payload: &str) -> String {
    let header = json!({"alg": key.algorithm().name(), "kid": key.key_id()});
    let header = if key.key_id().is_some() { header } else { json!({"alg": key.algorithm().name()}) };
    key.sign_compact(&header.to_string(), payload)
}

#[test]
fn each_issuers_tokens_are_judged_by_its_own_rules() {
    let issuers = both();
    let school = claims(|claims| claims["roles"] = json!(["admin"]));
    let lms = lms_claims(|claims| {
        claims["lms_roles"] = json!(["staff"]);
        claims["roles"] = json!(["admin"]);
        claims["is_restricted"] = json!(true);
    });

    let by_school = verify(&issuers, &KEY.sign_jwt(&school)).unwrap();
    let by_lms = verify(&issuers, &LMS_KEY.sign_jwt(&lms)).unwrap();

    assert!(by_school.has_role("admin") && !by_school.is_restricted());
    assert!(by_lms.has_role("staff") && !by_lms.has_role("admin") && by_lms.is_restricted());
    assert_eq!((by_school.issuer(), by_lms.issuer()), (crate::ISSUER, LMS));
    let audience_of_the_other = lms_claims(|claims| claims["aud"] = json!(crate::AUDIENCE));
    assert_eq!(refused(&issuers, &LMS_KEY.sign_jwt(&audience_of_the_other)), Some(Reason::WrongAudience));
}

#[test]
fn no_token_is_tried_with_the_keys_of_another_issuer() {
    let issuers = both();

    // Algorithms differ: the allow-list of one issuer says nothing about the other.
    assert_eq!(refused(&issuers, &LMS_KEY.sign_jwt(&claims(|_| {}))), Some(Reason::AlgorithmNotAllowed));
    assert_eq!(refused(&issuers, &KEY.sign_jwt(&lms_claims(|_| {}))), Some(Reason::AlgorithmNotAllowed));

    // They are the same, and the token even names the key of the issuer that it is not from.
    let other_key = SigningKey::generate(Algorithm::ES256).unwrap();
    let other_keys = KeySet::builder([Algorithm::ES256]).jwk(&other_key.public_jwk().to_string()).build();
    let other = Verifier::builder(LMS, Arc::new(other_keys.unwrap())).audience(crate::AUDIENCE);
    let issuers = Issuers::new([verifier().build().unwrap(), other.build().unwrap()]).unwrap();
    let in_the_others_name = claims(|claims| claims["iss"] = json!(LMS));
    assert_eq!(refused(&issuers, &KEY.sign_jwt(&in_the_others_name)), Some(Reason::UnknownKey));
    assert_eq!(refused(&issuers, &other_key.sign_jwt(&in_the_others_name)), None);
    assert_eq!(refused(&issuers, &other_key.sign_jwt(&claims(|_| {}))), Some(Reason::UnknownKey));
}

#[test]
fn an_issuer_is_known_byte_for_byte_or_not_at_all() {
    let issuers = both();
    let reason = |issuer: Value| verify(&issuers, &KEY.sign_jwt(&claims(|c| c["iss"] = issuer))).err();

    assert_eq!(reason(json!(crate::ISSUER)), None);
    for near in [format!("{}/", crate::ISSUER), crate::ISSUER.to_uppercase(), String::new(), " ".to_owned()] {
        assert_eq!(reason(json!(near)), Some(Reason::WrongIssuer), "{near:?}");
    }
    for mistyped in [json!(null), json!(7), json!([crate::ISSUER]), json!({"iss": crate::ISSUER})] {
        assert_eq!(reason(mistyped.clone()), Some(Reason::MalformedIssuer), "{mistyped}");
    }
    let missing = claims(|claims| drop(claims.as_object_mut().unwrap().remove("iss")));
    assert_eq!(refused(&issuers, &KEY.sign_jwt(&missing)), Some(Reason::MissingIssuer));
    assert_eq!(refused(&issuers, &signed_raw(&KEY, "[]")), Some(Reason::MalformedClaims));
}

#[test]
fn a_second_issuer_in_a_token_gains_nothing() {
    let issuers = both();
    let twice = |first: &str, second: &str| {
        let exp = now() + 30;
        format!(r#"{{"iss":"{first}","aud":["grades","openedx"],"exp":{exp},"iss":"{second}"}}"#)
    };

    for (first, second) in [(crate::ISSUER, LMS), (crate::ISSUER, crate::ISSUER), (crate::ISSUER, "x")] {
        let payload = twice(first, second);
        assert_eq!(
            refused(&issuers, &signed_raw(&KEY, &payload)),
            Some(Reason::MalformedClaims),
            "{payload}"
        );
    }
    let first_is_unknown = twice("x", crate::ISSUER);
    assert_eq!(refused(&issuers, &signed_raw(&KEY, &first_is_unknown)), Some(Reason::WrongIssuer));
    let signed_by_the_second = signed_raw(&LMS_KEY, &twice(crate::ISSUER, LMS));
    assert_eq!(refused(&issuers, &signed_by_the_second), Some(Reason::AlgorithmNotAllowed));

    let escaped = format!(
        r#"{{"\u0069ss":"{}","aud":"grades","exp":{}}}"#,
        crate::ISSUER.replace('h', "\\u0068"),
        now() + 30
    );
    assert_eq!(refused(&issuers, &signed_raw(&KEY, &escaped)), None, "it is the same text");
}

/// Everything that can be wrong with a token, valid ones among them.
fn tokens() -> Vec<String> {
    let good = KEY.sign_jwt(&claims(|_| {}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let with = |change: fn(&mut Value)| KEY.sign_jwt(&claims(change));
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    vec![
        good.clone(),
        String::new(),
        "a.b.c".to_owned(),
        format!("{signed}."),
        format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        "x".repeat(20_000),
        with(|claims| claims["iss"] = json!("https://other.example")),
        with(|claims| claims["iss"] = json!(7)),
        with(|claims| drop(claims.as_object_mut().unwrap().remove("iss"))),
        with(|claims| claims["aud"] = json!("other")),
        with(|claims| claims["exp"] = json!(0)),
        with(|claims| claims["exp"] = json!("soon")),
        with(|claims| claims["cnf"] = json!({})),
        signed_raw(&KEY, "{}{}"),
        signed_raw(&KEY, r#"{"a":1,"a":1}"#),
        stranger.sign_jwt(&claims(|_| {})),
        stranger.sign_jwt(&json!({"iss": "https://other.example"})),
        stranger.with_key_id(KEY.key_id()).sign_jwt(&claims(|_| {})),
        LMS_KEY.sign_jwt(&claims(|_| {})),
        KEY.sign_compact(r#"{"alg":"ES256","crit":["x"]}"#, "{}"),
        KEY.sign_compact(r#"{"alg":"none"}"#, "{}"),
        KEY.sign_compact(r#"{"alg":"ES256","typ":"logout+jwt"}"#, "{}"),
    ]
}

#[test]
fn one_issuer_alone_hears_exactly_what_its_verifier_says() {
    let alone = Issuers::new([verifier().build().unwrap()]).unwrap();
    let plain = verifier().build().unwrap();

    for token in tokens() {
        let of_plain = verify(&plain, &token).map(|caller| caller.subject().map(str::to_owned));
        let of_alone = verify(&alone, &token).map(|caller| caller.subject().map(str::to_owned));
        assert_eq!(of_alone, of_plain, "{token}");
    }
    assert_eq!(alone.schemes(), plain.schemes());
}

#[test]
fn a_token_of_a_known_issuer_hears_what_that_issuers_verifier_says() {
    let (issuers, plain) = (both(), verifier().build().unwrap());

    for token in tokens() {
        let (routed, alone) = (verify(&issuers, &token).err(), verify(&plain, &token).err());
        // Whose token it is comes first where there are several, so that alone may differ.
        let is_routing = matches!(
            routed,
            Some(
                Reason::WrongIssuer
                    | Reason::MissingIssuer
                    | Reason::MalformedIssuer
                    | Reason::MalformedClaims
            )
        );
        assert!(routed == alone || is_routing, "{token}: {routed:?} and {alone:?}");
    }
}

#[test]
fn the_largest_limit_bounds_what_is_decoded_and_each_issuers_own_what_is_accepted() {
    let small = verifier().max_token_bytes(300).build().unwrap();
    let issuers = Issuers::new([small, lms().max_token_bytes(2000).build().unwrap()]).unwrap();
    let of_size = |len: usize| {
        claims(|claims| claims["pad"] = json!("x".repeat(len))) // three quarters of its size in the token
    };

    assert_eq!(refused(&issuers, &KEY.sign_jwt(&of_size(300))), Some(Reason::TokenTooLarge));
    let lms_token = |len: usize| LMS_KEY.sign_jwt(&lms_claims(|c| c["pad"] = json!("x".repeat(len))));
    assert_eq!(refused(&issuers, &lms_token(300)), None);
    assert_eq!(refused(&issuers, &lms_token(2000)), Some(Reason::TokenTooLarge));
    assert_eq!(refused(&issuers, &"x".repeat(2001)), Some(Reason::TokenTooLarge), "undecoded");
    assert_eq!(refused(&issuers, &"x".repeat(2000)), Some(Reason::MalformedToken));
}

#[test]
fn a_scheme_counts_for_the_issuers_whose_profile_has_it() {
    let issuers = both();
    let under = |scheme: &str, token: &str| {
        settled(issuers.verify_under(scheme, token, FakeClock::default().now())).map(|_| ()).err()
    };
    let (school, lms) = (KEY.sign_jwt(&claims(|_| {})), LMS_KEY.sign_jwt(&lms_claims(|_| {})));

    assert_eq!(issuers.schemes(), ["Bearer", "JWT"], "in the order of the issuers");
    assert_eq!(under("Bearer", &school), None);
    assert_eq!(under("JWT", &school), Some(Reason::UnsupportedScheme));
    assert_eq!(under("Bearer", &lms), None);
    assert_eq!(under("jwt", &lms), None);
}

#[test]
fn a_set_is_neither_empty_nor_ambiguous() {
    let settings = |verifiers: Vec<Verifier>| -> Vec<String> {
        Issuers::new(verifiers)
            .unwrap_err()
            .problems()
            .iter()
            .map(Clone::clone)
            .map(|problem| problem.setting)
            .collect()
    };

    assert_eq!(settings(vec![]), ["issuer"]);
    let again = || verifier().audience("other").build().unwrap();
    assert_eq!(settings(vec![again(), lms().build().unwrap(), again()]), ["issuer"]);
}

/// Keys that never come; whoever waits for them waits for ever.
#[derive(Clone, Default)]
struct Hangs(Arc<AtomicUsize>);

impl KeySource for Hangs {
    fn algorithms(&self) -> Algorithms {
        [Algorithm::ES256].into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Err(Refusal::keys_unavailable(Duration::from_secs(5)))
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        self.0.fetch_add(1, Ordering::Relaxed);
        Refresh::Pending(Box::pin(std::future::pending()))
    }
}

#[test]
fn an_issuer_without_keys_delays_no_other() {
    let hangs = Hangs::default();
    let down = Verifier::builder("https://down.example", hangs.clone()).audience("grades").build().unwrap();
    let issuers = Issuers::new([down.clone(), verifier().build().unwrap()]).unwrap();
    let clock = FakeClock::default();
    let of_down = KEY.sign_jwt(&claims(|claims| claims["iss"] = json!("https://down.example")));

    assert!(matches!(issuers.verify(&of_down, clock.now()), Outcome::Pending(_)));
    assert_eq!(refused(&issuers, &KEY.sign_jwt(&claims(|_| {}))), None);
    // A token that nobody is known to have issued asks nobody for keys.
    let unknown = KEY.sign_jwt(&claims(|claims| claims["iss"] = json!("https://x.example")));
    assert_eq!(refused(&issuers, &unknown), Some(Reason::WrongIssuer));
    assert_eq!(hangs.0.load(Ordering::Relaxed), 1);

    assert!(issuers.is_ready(clock.now()), "the others can be answered");
    assert!(!Issuers::new([down]).unwrap().is_ready(clock.now()));
}

#[test]
fn debug_shows_the_names() {
    assert_eq!(format!("{:?}", both()), format!("[{:?}, {LMS:?}]", crate::ISSUER));
}
