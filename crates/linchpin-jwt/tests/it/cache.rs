//! What is remembered of verified tokens, and what ends it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use linchpin_core::{Caller, Clock, FakeClock, Outcome, Reason, Refusal, Timestamp, VerifyToken};
use linchpin_jwt::{
    Algorithm, Algorithms, AwsLcRs, CryptoBackend, Invalidation, Issuers, KeyError, KeyMaterial, KeySet,
    KeySource, Profile, Refresh, SigningKey, TokenCache, Verifier, VerifierBuilder, VerifySignature,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{AUDIENCE, ISSUER, claims, now};

/// Counts the signatures that are looked at: what is remembered costs none.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

struct Counted(Arc<dyn VerifySignature>, Counting);

impl CryptoBackend for Counting {
    fn prepare(&self, key: &KeyMaterial, algorithm: Algorithm) -> Result<Arc<dyn VerifySignature>, KeyError> {
        Ok(Arc::new(Counted(AwsLcRs.prepare(key, algorithm)?, self.clone())))
    }
}

impl VerifySignature for Counted {
    fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
        self.1.0.fetch_add(1, Ordering::SeqCst);
        self.0.verify(input, signature)
    }
}

impl Counting {
    fn signatures(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn keys(&self, keys: &[&SigningKey]) -> Arc<KeySet> {
        let builder = KeySet::builder_with_backend([Algorithm::HS256, Algorithm::ES256], self.clone());
        let builder = keys.iter().fold(builder, |builder, key| builder.jwk(&key.public_jwk().to_string()));
        Arc::new(builder.build().unwrap())
    }
}

/// A source whose keys are what the test put there last.
#[derive(Clone)]
struct Swapped(Arc<Mutex<Option<Arc<KeySet>>>>);

impl Swapped {
    fn of(keys: Arc<KeySet>) -> Self {
        Self(Arc::new(Mutex::new(Some(keys))))
    }

    fn set(&self, keys: Option<Arc<KeySet>>) {
        *self.0.lock().unwrap() = keys;
    }
}

impl KeySource for Swapped {
    fn algorithms(&self) -> Algorithms {
        [Algorithm::HS256, Algorithm::ES256].into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        self.0.lock().unwrap().clone().ok_or_else(|| Reason::KeysUnavailable.into())
    }

    fn refresh(&self, now: Timestamp) -> Refresh {
        match self.keys(now) {
            Ok(_) => Refresh::Refused(Reason::UnknownKey.into()),
            Err(refusal) => Refresh::Refused(refusal),
        }
    }
}

fn verdict(verifier: &impl VerifyToken, token: &str, now: Timestamp) -> Result<Arc<Caller>, Reason> {
    match verifier.verify(token, now) {
        Outcome::Ready(result) => result.map_err(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits for keys that are all there"),
    }
}

fn key() -> SigningKey {
    secret(b"an old secret of thirty-two bytes, or more", "a")
}

fn secret(secret: &[u8], key_id: &str) -> SigningKey {
    SigningKey::from_secret(Algorithm::HS256, secret).unwrap().with_key_id(Some(key_id))
}

fn start() -> Timestamp {
    FakeClock::default().now()
}

fn in_seconds(seconds: u64) -> Timestamp {
    start().saturating_add(Duration::from_secs(seconds))
}

fn builder(keys: impl KeySource) -> VerifierBuilder {
    Verifier::builder(ISSUER, keys).audience(AUDIENCE).leeway(Duration::ZERO).clock(FakeClock::default())
}

/// A verifier whose one token has been seen three times, so that this thread keeps it for itself.
fn warm(verifier: &Verifier, token: &str, counting: &Counting) {
    for _ in 0..3 {
        verdict(verifier, token, start()).unwrap();
    }
    assert_eq!(counting.signatures(), 1);
}

#[test]
fn a_token_is_verified_once_and_shared() {
    let counting = Counting::default();
    let verifier = builder(counting.keys(&[&key()])).build().unwrap();
    let token = key().sign_jwt(&claims(|claims| claims["tenant"] = json!("acme")));

    let callers: Vec<_> = (0..10).map(|_| verdict(&verifier.clone(), &token, start()).unwrap()).collect();

    assert_eq!(counting.signatures(), 1);
    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: String,
    }
    let tenants: Vec<_> = callers.iter().map(|caller| caller.claims::<Tenant>().unwrap()).collect();
    assert_eq!(tenants[9].tenant, "acme");
    assert!(tenants.iter().all(|tenant| Arc::ptr_eq(tenant, &tenants[0])), "its claims are read once");
}

#[test]
fn with_the_cache_off_each_request_verifies() {
    let counting = Counting::default();
    let verifier = builder(counting.keys(&[&key()])).token_cache(TokenCache::OFF).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));

    for _ in 0..5 {
        verdict(&verifier, &token, start()).unwrap();
    }

    assert_eq!(counting.signatures(), 5);
}

#[test]
fn refusals_are_not_remembered() {
    let counting = Counting::default();
    let verifier = builder(counting.keys(&[&key()])).build().unwrap();
    let forged = secret(b"another secret of thirty-two bytes, or more", "a").sign_jwt(&claims(|_| {}));
    let expired = key().sign_jwt(&claims(|claims| claims["exp"] = json!(now() - 1)));

    for _ in 0..4 {
        assert_eq!(verdict(&verifier, &forged, start()).err(), Some(Reason::BadSignature));
        assert_eq!(verdict(&verifier, &expired, start()).err(), Some(Reason::Expired));
    }

    assert_eq!(counting.signatures(), 8);
}

#[test]
fn times_are_checked_on_each_use() {
    let counting = Counting::default();
    let settings =
        || builder(counting.keys(&[&key()])).leeway(Duration::from_secs(5)).max_age(Duration::from_secs(20));
    let token = key().sign_jwt(&claims(|claims| {
        claims["iat"] = json!(now());
        claims["nbf"] = json!(now() + 3);
    }));

    for (at, expected) in [
        (in_seconds(0).saturating_sub(Duration::from_secs(3)), Some(Reason::NotYetValid)),
        (in_seconds(0).saturating_sub(Duration::from_secs(2)), None),
        (in_seconds(25), None),
        (in_seconds(25).saturating_add(Duration::from_micros(1)), Some(Reason::TokenTooOld)),
        (in_seconds(34), Some(Reason::TokenTooOld)),
        (in_seconds(35), Some(Reason::Expired)),
    ] {
        let remembering = settings().build().unwrap();
        for _ in 0..3 {
            verdict(&remembering, &token, start()).unwrap();
        }
        assert_eq!(verdict(&remembering, &token, at).err(), expected, "{at:?}");
        let forgetful = settings().token_cache(TokenCache::OFF).build().unwrap();
        assert_eq!(verdict(&forgetful, &token, at).err(), expected, "the same without a cache, {at:?}");
        verdict(&remembering, &token, start()).expect("a clock that is set right again finds the token");
    }
}

#[test]
fn a_withdrawn_key_ends_its_tokens_and_no_others() {
    let (counting, other) =
        (Counting::default(), secret(b"the other secret of thirty-two bytes or more", "b"));
    let source = Swapped::of(counting.keys(&[&key(), &other]));
    let verifier = builder(source.clone()).build().unwrap();
    let (token, others) = (key().sign_jwt(&claims(|_| {})), other.sign_jwt(&claims(|_| {})));
    for _ in 0..3 {
        verdict(&verifier, &token, start()).unwrap();
        verdict(&verifier, &others, start()).unwrap();
    }

    source.set(Some(counting.keys(&[&other])));

    assert_eq!(verdict(&verifier, &token, start()).err(), Some(Reason::UnknownKey));
    verdict(&verifier, &others, start()).unwrap();
    assert_eq!(counting.signatures(), 2, "the other key's token is still remembered");

    source.set(Some(counting.keys(&[&other, &key()])));

    verdict(&verifier, &token, start()).expect("the key is back");
}

#[test]
fn a_routine_refresh_voids_nothing() {
    let counting = Counting::default();
    let source = Swapped::of(counting.keys(&[&key()]));
    let verifier = builder(source.clone()).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    warm(&verifier, &token, &counting);

    for _ in 0..10 {
        source.set(Some(counting.keys(&[&key()])));
        verdict(&verifier, &token, start()).unwrap();
    }

    assert_eq!(counting.signatures(), 1);
}

#[test]
fn another_key_under_the_same_name_ends_the_tokens_of_the_first() {
    let counting = Counting::default();
    let source = Swapped::of(counting.keys(&[&key()]));
    let verifier = builder(source.clone()).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    warm(&verifier, &token, &counting);

    source.set(Some(counting.keys(&[&secret(b"another secret of thirty-two bytes, or more", "a")])));

    assert_eq!(verdict(&verifier, &token, start()).err(), Some(Reason::BadSignature));
}

#[test]
fn without_keys_that_are_fresh_enough_nothing_is_accepted() {
    let counting = Counting::default();
    let keys = counting.keys(&[&key()]);
    let source = Swapped::of(keys.clone());
    let verifier = builder(source.clone()).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    warm(&verifier, &token, &counting);

    source.set(None);
    assert_eq!(verdict(&verifier, &token, start()).err(), Some(Reason::KeysUnavailable));

    source.set(Some(keys));
    verdict(&verifier, &token, start()).unwrap();
    assert_eq!(counting.signatures(), 1, "and it is remembered when they are there again");
}

#[test]
fn a_token_that_differs_anywhere_is_another_token() {
    let counting = Counting::default();
    let verifier = builder(counting.keys(&[&key()])).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    warm(&verifier, &token, &counting);

    for place in 0..token.len() {
        let mut near = token.clone().into_bytes();
        near[place] = if near[place] == b'A' { b'B' } else { b'A' };
        let near = String::from_utf8(near).unwrap();
        assert!(verdict(&verifier, &near, start()).is_err(), "accepted with another byte {place}");
    }
    for near in [&token[1..], &token[..token.len() - 1], &format!("{token}A"), &format!("A{token}"), ""] {
        assert!(verdict(&verifier, near, start()).is_err(), "accepted {near:?}");
    }
    verdict(&verifier, &token, start()).unwrap();
}

#[test]
fn what_one_verifier_remembers_is_nothing_to_another() {
    let counting = Counting::default();
    let keys = counting.keys(&[&key()]);
    let grades = builder(keys.clone()).build().unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    warm(&grades, &token, &counting);

    // The same thread, the same keys, and another configuration.
    let billing = Verifier::builder(ISSUER, keys.clone()).audience("billing").build().unwrap();
    let elsewhere =
        Verifier::builder("https://other.example", keys.clone()).audience(AUDIENCE).build().unwrap();
    let strict = builder(keys).profile(Profile::Rfc9068).build().unwrap();

    assert_eq!(verdict(&billing, &token, start()).err(), Some(Reason::WrongAudience));
    assert_eq!(verdict(&elsewhere, &token, start()).err(), Some(Reason::WrongIssuer));
    assert!(verdict(&strict, &token, start()).is_err());
    verdict(&grades, &token, start()).unwrap();
}

#[test]
fn an_invalidated_token_is_refused_by_every_thread_at_once() {
    let (counting, told) = (Counting::default(), std::sync::Barrier::new(2));
    let verifier = builder(counting.keys(&[&key()])).build().unwrap();
    let token = key().sign_jwt(&claims(|claims| claims["jti"] = json!("3f6e")));

    thread::scope(|scope| {
        let other = scope.spawn(|| {
            for _ in 0..3 {
                verdict(&verifier, &token, start()).unwrap();
            }
            told.wait();
            told.wait();
            verdict(&verifier, &token, start()).err()
        });
        told.wait();
        verifier.clone().invalidate(&Invalidation::token_id("3f6e")).unwrap();
        told.wait();

        assert_eq!(other.join().unwrap(), Some(Reason::Revoked));
    });
    assert_eq!(verdict(&verifier, &token, start()).err(), Some(Reason::Revoked), "and where it is new");
}

#[test]
fn each_invalidation_meets_its_tokens_and_leaves_the_others_remembered() {
    let tokens: Vec<String> = [("ann", 10), ("ann", 20), ("bob", 10)]
        .map(|(subject, iat)| {
            let claims = claims(|claims| {
                claims["sub"] = json!(subject);
                claims["iat"] = json!(now() - 30 + iat);
            });
            key().sign_jwt(&claims)
        })
        .into();
    let before = start().saturating_sub(Duration::from_secs(15));

    for (invalidation, refused) in [
        (Invalidation::subject_before("ann", before), [true, false, false]),
        (Invalidation::all_before(before), [true, false, true]),
        (Invalidation::subject_before("ann", before).issuer(ISSUER), [true, false, false]),
        (Invalidation::all_before(before).issuer("https://other.example"), [false, false, false]),
        (Invalidation::token_id("none has one"), [false, false, false]),
    ] {
        let counting = Counting::default();
        let verifier = builder(counting.keys(&[&key()])).build().unwrap();
        tokens.iter().for_each(|token| drop(verdict(&verifier, token, start()).unwrap()));

        verifier.invalidate(&invalidation).unwrap();

        let verdicts: Vec<bool> =
            tokens.iter().map(|token| verdict(&verifier, token, start()).is_err()).collect();
        assert_eq!(verdicts, refused, "{invalidation:?}");
        let verified_again = refused.iter().filter(|refused| **refused).count();
        assert_eq!(counting.signatures(), 3 + verified_again, "{invalidation:?}");
    }
}

#[test]
fn many_tokens_seen_once_neither_grow_it_nor_drive_out_those_seen_often() {
    let (counting, limit) = (Counting::default(), 256);
    let cache = TokenCache::default().entries(limit);
    let verifier = builder(counting.keys(&[&key()])).token_cache(cache).build().unwrap();
    let token = |i: usize| key().sign_jwt(&claims(|claims| claims["jti"] = json!(i.to_string())));
    let working_set: Vec<String> = (0..64).map(token).collect();
    for _ in 0..5 {
        working_set.iter().for_each(|token| drop(verdict(&verifier, token, start()).unwrap()));
    }

    let mut flood = Vec::new();
    for i in 0..5_000 {
        flood.push(token(1_000 + i));
        verdict(&verifier, &flood[i], start()).unwrap();
        // The service goes on meanwhile, with far fewer requests than the flood has.
        verdict(&verifier, &working_set[(i / 8) % 64], start()).unwrap();
    }

    let before = counting.signatures();
    working_set.iter().for_each(|token| drop(verdict(&verifier, token, start()).unwrap()));
    let lost = counting.signatures() - before;
    assert!(lost <= 3, "{lost} of 64 tokens in use were driven out");

    let before = counting.signatures();
    flood.iter().for_each(|token| drop(verdict(&verifier, token, start()).unwrap()));
    let kept = flood.len() - (counting.signatures() - before);
    assert!(kept <= limit + 64, "{kept} of the flood are remembered, and the limit is {limit}");
}

#[test]
fn a_token_that_is_larger_than_the_cache_is_not_remembered() {
    let counting = Counting::default();
    let cache = TokenCache::default().entries(1).bytes(64 * 1024);
    let verifier =
        builder(counting.keys(&[&key()])).token_cache(cache).max_token_bytes(1 << 20).build().unwrap();
    let large = key().sign_jwt(&claims(|claims| claims["x"] = json!("x".repeat(64 * 1024))));

    for _ in 0..3 {
        verdict(&verifier, &large, start()).unwrap();
    }

    assert_eq!(counting.signatures(), 3);
}

#[test]
fn limits_that_are_no_limits_are_a_mistake() {
    for (cache, setting) in [
        (TokenCache::default().entries(1 << 21), "token_cache"),
        (TokenCache::default().bytes(1000), "token_cache_bytes"),
    ] {
        let error = builder(Counting::default().keys(&[&key()])).token_cache(cache).build().unwrap_err();
        assert_eq!(error.problems()[0].setting, setting);
    }
    builder(Counting::default().keys(&[&key()])).token_cache(TokenCache::OFF).build().unwrap();
}

#[test]
fn several_issuers_remember_together_and_each_by_its_own_rules() {
    let (counting, lms) = (Counting::default(), "https://lms.example");
    let keys = counting.keys(&[&key()]);
    let school = builder(keys.clone()).build().unwrap();
    let open_edx = Verifier::builder(lms, keys.clone()).audience("openedx").profile(Profile::OpenEdx);
    let issuers = Issuers::new([school, open_edx.build().unwrap()]).unwrap();
    let token = key().sign_jwt(&claims(|_| {}));
    let lms_token = key().sign_jwt(&json!({"iss": lms, "aud": "openedx", "sub": "bob", "exp": now() + 30}));

    for _ in 0..3 {
        assert_eq!(verdict(&issuers, &token, start()).unwrap().subject(), Some("ann"));
        assert_eq!(verdict(&issuers, &lms_token, start()).unwrap().subject(), Some("bob"));
    }
    assert_eq!(counting.signatures(), 2);

    // `JWT` is a scheme of the profile `open_edx` alone, whether the token is remembered or not.
    let under_jwt =
        |token: &str| matches!(issuers.verify_under("JWT", token, start()), Outcome::Ready(Ok(_)));
    assert_eq!((under_jwt(&token), under_jwt(&lms_token)), (false, true));

    issuers.invalidate(&Invalidation::all_before(in_seconds(1)).issuer(lms)).unwrap();
    assert_eq!(verdict(&issuers, &lms_token, start()).err(), Some(Reason::Revoked));
    verdict(&issuers, &token, start()).unwrap();
}

#[test]
fn an_issuer_that_remembers_nothing_does_so_beside_one_that_does() {
    let (counting, other) = (Counting::default(), "https://other.example");
    let keys = counting.keys(&[&key()]);
    let forgetful = Verifier::builder(other, keys.clone()).audience(AUDIENCE).token_cache(TokenCache::OFF);
    let issuers = Issuers::new([builder(keys).build().unwrap(), forgetful.build().unwrap()]).unwrap();
    let tokens = [ISSUER, other].map(|iss| key().sign_jwt(&claims(|claims| claims["iss"] = json!(iss))));

    for token in tokens.iter().cycle().take(8) {
        verdict(&issuers, token, start()).unwrap();
    }

    assert_eq!(counting.signatures(), 1 + 4);
}

/// One thing that happens to a service.
#[derive(Clone, Debug)]
enum Step {
    Verify(usize),
    Wait(u64),
    SetBack(u64),
    Keys(Vec<usize>),
    KeysGone,
    Invalidate(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..12_usize).prop_map(Step::Verify),
        1 => (0..20_u64).prop_map(Step::Wait),
        1 => (0..20_u64).prop_map(Step::SetBack),
        1 => prop::collection::vec(0..3_usize, 1..3).prop_map(Step::Keys),
        1 => Just(Step::KeysGone),
        1 => (0..8_usize).prop_map(Step::Invalidate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_verifier_that_remembers_says_what_one_that_does_not_would(steps in prop::collection::vec(step(), 1..80)) {
        let signers = ["a", "b", "a"].iter().enumerate().map(|(i, key_id)| {
            secret(format!("secret number {i}, of thirty-two bytes or more").as_bytes(), key_id)
        });
        let signers: Vec<SigningKey> = signers.collect();
        let tokens: Vec<String> = (0..12_usize).map(|i| {
            let change = |claims: &mut Value| {
                claims["sub"] = json!(["ann", "bob"][i % 2]);
                claims["jti"] = json!(i.to_string());
                claims["exp"] = json!(now() + [5, 30, -1, 60][i % 4]);
                claims["iat"] = json!(now() - 10 + i as i64);
                if i % 5 == 0 {
                    claims["nbf"] = json!(now() + 3);
                }
            };
            signers[i % 3].sign_jwt(&claims(change))
        }).collect();
        let (counting, clock) = (Counting::default(), FakeClock::default());
        let source = Swapped::of(counting.keys(&[&signers[0], &signers[1]]));
        let settings = || builder(source.clone()).max_age(Duration::from_secs(45)).leeway(Duration::from_secs(2));
        let small = TokenCache::default().entries(6);
        let remembering = settings().token_cache(small).build().unwrap();
        let forgetful = settings().token_cache(TokenCache::OFF).build().unwrap();

        for step in steps {
            match step {
                Step::Verify(token) => {
                    let verdict = |verifier| {
                        let caller = verdict(verifier, &tokens[token], clock.now());
                        caller.map(|caller| caller.token_id().map(str::to_owned))
                    };
                    prop_assert_eq!(verdict(&remembering), verdict(&forgetful));
                }
                Step::Wait(seconds) => clock.advance(Duration::from_secs(seconds)),
                Step::SetBack(seconds) => clock.set(clock.now().saturating_sub(Duration::from_secs(seconds))),
                Step::Keys(which) => {
                    let keys: Vec<&SigningKey> = which.iter().map(|i| &signers[*i]).collect();
                    source.set(Some(counting.keys(&keys)));
                }
                Step::KeysGone => source.set(None),
                Step::Invalidate(what) => {
                    let at = clock.now().saturating_sub(Duration::from_secs(5));
                    let invalidation = match what {
                        0 => Invalidation::all_before(at),
                        1 => Invalidation::subject_before("ann", at),
                        token => Invalidation::token_id(token.to_string()),
                    };
                    remembering.invalidate(&invalidation).unwrap();
                    forgetful.invalidate(&invalidation).unwrap();
                }
            }
        }
    }
}
