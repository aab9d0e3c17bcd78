//! What a verifier makes of the words of its key source.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use linchpin_core::{Clock, FakeClock, Outcome, Reason, Refusal, Timestamp, VerifyToken};
use linchpin_jwt::{Algorithm, Algorithms, KeySet, KeySource, Refresh, SigningKey, Verifier};
use serde_json::json;

use crate::{AUDIENCE, ISSUER, KEY, claims, keys};

/// A source that says what it is told to, and counts how often it is asked for newer keys.
#[derive(Clone)]
struct Source {
    now: Result<Arc<KeySet>, Refusal>,
    newer: Newer,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Newer {
    Refused(Refusal),
    Fetched(Arc<KeySet>),
}

impl KeySource for Source {
    fn algorithms(&self) -> Algorithms {
        [Algorithm::ES256].into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        self.now.clone()
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.newer.clone() {
            Newer::Refused(refusal) => Refresh::Refused(refusal),
            Newer::Fetched(keys) => Refresh::Pending(Box::pin(async { Ok(keys) })),
        }
    }
}

fn other_keys() -> Arc<KeySet> {
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    Arc::new(KeySet::builder([Algorithm::ES256]).jwk(&other.public_jwk().to_string()).build().unwrap())
}

fn source(now: Result<Arc<KeySet>, Refusal>, newer: Newer) -> Source {
    Source { now, newer, asked: Arc::default() }
}

fn verifier(source: &Source, clock: &FakeClock) -> Verifier {
    Verifier::builder(ISSUER, source.clone()).audience(AUDIENCE).clock(clock.clone()).build().unwrap()
}

fn decided(source: &Source, token: &str) -> Result<(), Reason> {
    let clock = FakeClock::default();
    match verifier(source, &clock).verify(token, clock.now()) {
        Outcome::Ready(result) => result.map(|_| ()).map_err(|refusal| refusal.reason()),
        Outcome::Pending(_) => panic!("waits"),
    }
}

#[test]
fn keys_that_are_unavailable_are_503_even_if_the_source_calls_the_key_unknown() {
    let unavailable = Refusal::keys_unavailable(Duration::from_secs(7));
    let source = source(Err(unavailable), Newer::Refused(Reason::UnknownKey.into()));

    assert_eq!(decided(&source, &KEY.sign_jwt(&claims(|_| {}))), Err(Reason::KeysUnavailable));
}

#[test]
fn an_unknown_key_is_what_the_source_says_it_is() {
    let token = KEY.sign_jwt(&claims(|_| {}));

    for reason in [Reason::UnknownKey, Reason::KeysUnavailable] {
        assert_eq!(decided(&source(Ok(other_keys()), Newer::Refused(reason.into())), &token), Err(reason));
    }
}

#[test]
fn what_is_refused_whatever_the_keys_are_asks_for_none() {
    for keys in [Ok(other_keys()), Err(Refusal::from(Reason::KeysUnavailable))] {
        let source = source(keys, Newer::Refused(Reason::UnknownKey.into()));
        let sign = |header: serde_json::Value| KEY.sign_compact(&header.to_string(), "{}");
        for (token, reason) in [
            ("a.b".to_owned(), Reason::MalformedToken),
            (format!("{}.e3.AA", "eyJhbGciOiJFUzI1NiJ9"), Reason::MalformedToken),
            (sign(json!({"alg": "RS256"})), Reason::AlgorithmNotAllowed),
            (sign(json!({"alg": "none", "kid": "x"})), Reason::AlgorithmNotAllowed),
            (sign(json!({"alg": "ES256", "crit": []})), Reason::CriticalHeader),
            (sign(json!({"alg": "ES256", "typ": "dpop+jwt"})), Reason::WrongTokenType),
        ] {
            assert_eq!(decided(&source, &token), Err(reason));
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_bad_signature_by_a_key_that_is_there_asks_for_no_newer_keys() {
    let source = source(Ok(keys()), Newer::Fetched(other_keys()));
    let mut forged = KEY.sign_jwt(&claims(|_| {}));
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    let (input, _) = forged.rsplit_once('.').unwrap();
    let elsewhere = stranger.sign_compact(&json!({"alg": "ES256", "kid": KEY.key_id()}).to_string(), "{}");
    forged = format!("{input}.{}", elsewhere.rsplit_once('.').unwrap().1);

    for token in [forged, elsewhere] {
        assert_eq!(decided(&source, &token), Err(Reason::BadSignature));
    }
    assert_eq!(source.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_token_that_expires_while_it_waits_is_refused() {
    let clock = FakeClock::default();
    let source = source(Ok(other_keys()), Newer::Fetched(keys()));
    let token = KEY.sign_jwt(&claims(|_| {})); // expires in 30 s, with 30 s of leeway
    let wait = |advance: u64| {
        let Outcome::Pending(mut pending) = verifier(&source, &clock).verify(&token, clock.now()) else {
            panic!("does not wait")
        };
        clock.advance(Duration::from_secs(advance));
        let mut cx = Context::from_waker(Waker::noop());
        match std::pin::Pin::new(&mut pending).poll(&mut cx) {
            Poll::Ready(result) => result.map(|_| ()).map_err(|refusal| refusal.reason()),
            Poll::Pending => panic!("still waits"),
        }
    };

    assert_eq!(wait(59), Ok(()));
    assert_eq!(wait(1), Err(Reason::Expired));
}
