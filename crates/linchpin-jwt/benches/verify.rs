//! What does it cost to know who is calling: at first sight, and afterwards? `cargo bench -p linchpin-jwt`

use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::Instant,
};

use criterion::{Criterion, criterion_group, criterion_main};
use linchpin_core::{Clock, Outcome, SystemClock, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, Profile, SigningKey, TokenCache, Verifier};
use serde_json::json;

const ISSUER: &str = "https://lms.example/oauth2";

fn verifier(key: &SigningKey, cache: TokenCache) -> Verifier {
    let keys = KeySet::builder([key.algorithm()]).jwk(&key.public_jwk().to_string()).build().expect("a key");
    let verifier = Verifier::builder(ISSUER, Arc::new(keys)).audience("openedx").profile(Profile::OpenEdx);
    verifier.token_cache(cache).build().expect("a sound configuration")
}

/// The claims of an Open edX token, 1.2 kB when signed with RS256.
fn token(key: &SigningKey, number: usize) -> String {
    let now = SystemClock.now().as_unix_seconds();
    key.sign_jwt(&json!({
        "iss": ISSUER, "aud": "openedx", "sub": format!("{number:032x}"), "exp": now + 3600, "iat": now,
        "version": "1.2.0", "grant_type": "password", "is_restricted": false, "preferred_username": "ann.example",
        "scopes": ["read", "write", "email", "profile", "grades:read", "grades:write"], "email_verified": true,
        "filters": ["user:me", "content_org:edX"], "roles": ["staff", "enterprise_admin:6f9619ff-8b86-d011-b42d"],
        "name": "Ann Example", "family_name": "Example", "given_name": "Ann", "email": "ann@example.org",
        "administrator": false, "superuser": false,
    }))
}

fn accept(verifier: &Verifier, token: &str) {
    let Outcome::Ready(Ok(caller)) = verifier.verify(black_box(token), SystemClock.now()) else {
        panic!("refused")
    };
    black_box(caller);
}

fn remembered(c: &mut Criterion) {
    let key = SigningKey::generate(Algorithm::ES256).expect("randomness");
    let verifier = verifier(&key, TokenCache::default());
    let tokens: Vec<String> = (0..10_000).map(|number| token(&key, number)).collect();
    tokens.iter().for_each(|token| accept(&verifier, token));

    let mut group = c.benchmark_group("remembered");
    group.bench_function("the clock alone", |b| b.iter(|| SystemClock.now()));
    group.bench_function("one hot token", |b| b.iter(|| accept(&verifier, &tokens[0])));
    let mut in_turn = tokens.iter().cycle();
    group.bench_function("10,000 tokens in turn", |b| {
        b.iter(|| accept(&verifier, in_turn.next().expect("it has no end")));
    });
    group.finish();

    let mut group = c.benchmark_group("one hot token, each of so many threads");
    for threads in [1, 2] {
        group.bench_function(threads.to_string(), |b| {
            b.iter_custom(|times| {
                let together = Barrier::new(threads);
                let run = || {
                    accept(&verifier, &tokens[0]);
                    together.wait();
                    let began = Instant::now();
                    (0..times).for_each(|_| accept(&verifier, &tokens[0]));
                    began.elapsed()
                };
                thread::scope(|scope| {
                    let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
                    running
                        .into_iter()
                        .map(|thread| thread.join().expect("no panic"))
                        .max()
                        .expect("a thread")
                })
            });
        });
    }
    group.finish();
}

fn first_sight(c: &mut Criterion) {
    let mut group = c.benchmark_group("first sight");
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let key = SigningKey::generate(algorithm).expect("randomness");
        let (verifier, token) = (verifier(&key, TokenCache::OFF), token(&key, 1));
        group.bench_function(algorithm.to_string(), |b| b.iter(|| accept(&verifier, &token)));
    }
    let key = SigningKey::generate(Algorithm::ES256).expect("randomness");
    let (verifier, good) = (verifier(&key, TokenCache::default()), token(&key, 1));
    let refuse = |token: &str| {
        let outcome = verifier.verify(black_box(token), SystemClock.now());
        assert!(matches!(black_box(outcome), Outcome::Ready(Err(_))));
    };
    let (head, forged) = (&good[..good.len() - 8], format!("{}AAAAAAAA", &good[..good.len() - 8]));
    group.bench_function("garbage", |b| b.iter(|| refuse("2YotnFZFEjr1zCsicMWpAA")));
    group.bench_function("half a token", |b| b.iter(|| refuse(&head[..head.len() / 2])));
    group.bench_function("bad signature, ES256", |b| b.iter(|| refuse(&forged)));
    group.finish();
}

criterion_group!(benches, remembered, first_sight);
criterion_main!(benches);
