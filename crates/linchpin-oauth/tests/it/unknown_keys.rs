//! Tokens whose key is not there: one fetch for all who wait, within a budget that an attacker cannot exceed.

use std::time::Duration;

use linchpin_core::{Clock, FakeClock, Outcome, Pending, Reason, Refusal, VerifyToken};
use linchpin_jwt::{SigningKey, Verifier};
use linchpin_oauth::RemoteKeys;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    ISSUER, remote,
    script::{JWKS, Script, jwk_set, key},
    stranger,
};

pub(crate) struct Service {
    pub(crate) script: Script,
    pub(crate) clock: FakeClock,
    keys: RemoteKeys,
    verifier: Verifier,
}

impl Service {
    fn start(script: &Script) -> Self {
        let clock = FakeClock::default();
        let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
        let verifier =
            Verifier::builder(ISSUER, keys.clone()).audience("grades").clock(clock.clone()).build().unwrap();
        Self { script: script.clone(), clock, keys, verifier }
    }

    pub(crate) async fn started_with(published: &SigningKey) -> Self {
        let script = Script::new();
        script.answer(JWKS, jwk_set([published]));
        let service = Self::start(&script);
        service.keys.ready().await;
        service
    }

    fn token(&self, key: &SigningKey) -> String {
        let exp = self.clock.now().as_unix_seconds() + 3600;
        key.sign_jwt(&json!({"iss": ISSUER, "aud": "grades", "exp": exp}))
    }

    pub(crate) fn verify_now(&self, key: &SigningKey) -> Option<Result<(), Refusal>> {
        match self.verifier.verify(&self.token(key), self.clock.now()) {
            Outcome::Ready(result) => Some(result.map(|_| ())),
            Outcome::Pending(_) => None,
        }
    }

    pub(crate) async fn verify(&self, key: &SigningKey) -> Result<(), Reason> {
        match self.verifier.verify(&self.token(key), self.clock.now()) {
            Outcome::Ready(result) => result,
            Outcome::Pending(pending) => pending.await,
        }
        .map(|_| ())
        .map_err(|refusal| refusal.reason())
    }

    /// Lets the background task begin what was requested; the script has then decided about its answer.
    async fn begin_fetch(&self, number: usize) {
        while self.fetches() < number {
            tokio::task::yield_now().await;
        }
    }

    fn pending(&self, key: &SigningKey) -> Pending {
        match self.verifier.verify(&self.token(key), self.clock.now()) {
            Outcome::Pending(pending) => pending,
            Outcome::Ready(_) => panic!("decided without a fetch"),
        }
    }

    pub(crate) fn fetches(&self) -> usize {
        self.script.fetched().len()
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_token_after_a_rotation_is_accepted() {
    let (old, new) = (key(), key());
    let service = Service::started_with(&old).await;

    service.script.answer(JWKS, jwk_set([&old, &new]));

    assert_eq!(service.verify(&new).await, Ok(()));
    assert_eq!(service.verify(&old).await, Ok(()));
    assert_eq!(service.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn five_hundred_cold_requests_cause_one_fetch() {
    let (script, key) = (Script::new(), key());
    script.answer(JWKS, jwk_set([&key]));
    let service = Service::start(&script);

    let mut requests = JoinSet::new();
    for _ in 0..500 {
        let Outcome::Pending(pending) = service.verifier.verify(&service.token(&key), service.clock.now())
        else {
            panic!("decided without keys")
        };
        requests.spawn(pending);
    }

    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(service.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn cold_requests_that_join_the_first_fetch_cause_no_second() {
    let (script, key) = (Script::new(), key());
    script.answer(JWKS, jwk_set([&key]));
    let service = Service::start(&script);
    service.begin_fetch(1).await;

    let mut requests = JoinSet::new();
    for _ in 0..500 {
        requests.spawn(service.pending(&key));
    }

    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(service.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_published_while_a_fetch_is_under_way_is_found_by_one_more() {
    let (old, new) = (key(), key());
    let service = Service::started_with(&old).await;
    let stranger = service.pending(&stranger());
    service.begin_fetch(2).await;

    service.script.answer(JWKS, jwk_set([&old, &new]));
    let mut requests = JoinSet::new();
    for _ in 0..500 {
        requests.spawn(service.pending(&new));
    }

    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(stranger.await.unwrap_err().reason(), Reason::UnknownKey);
    assert_eq!(service.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_fetch_stays_within_the_budget() {
    let known = key();
    let service = Service::started_with(&known).await;
    service.verify(&stranger()).await.unwrap_err();
    let causes_the_last = service.pending(&stranger());
    service.begin_fetch(3).await;

    let joins_it = service.pending(&stranger());

    assert_eq!(joins_it.await.unwrap_err().reason(), Reason::UnknownKey);
    assert_eq!(causes_the_last.await.unwrap_err().reason(), Reason::UnknownKey);
    assert_eq!(service.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_judged_by_the_fetch_it_waited_for() {
    let (old, new) = (key(), key());
    let service = Service::started_with(&old).await;
    service.script.answer(JWKS, jwk_set([&old, &new]));
    let slow = service.pending(&new);
    tokio::time::sleep(Duration::from_millis(10)).await;

    service.script.fail(JWKS);
    assert_eq!(service.verify(&stranger()).await, Err(Reason::KeysUnavailable));

    assert_eq!(service.fetches(), 3);
    assert!(slow.await.is_ok(), "though the fetch after its own has failed");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_make_old_keys_current() {
    let service = Service::started_with(&key()).await;
    service.script.fail(JWKS);
    service.clock.set(service.clock.now().saturating_sub(Duration::from_secs(3600)));

    tokio::time::sleep(Duration::from_secs(11)).await;

    for _ in 0..5 {
        assert_eq!(service.verify(&stranger()).await, Err(Reason::KeysUnavailable));
    }
}

#[tokio::test(start_paused = true)]
async fn random_key_ids_cost_a_handful_of_fetches_and_delay_no_known_key() {
    let known = key();
    let service = Service::started_with(&known).await;

    let mut answers = Vec::new();
    for _ in 0..10_000 {
        answers.push(service.verify(&stranger()).await);
        assert!(matches!(service.verify_now(&known), Some(Ok(()))), "a known key waits for nobody");
    }

    assert!(answers.iter().all(|answer| *answer == Err(Reason::UnknownKey)));
    assert_eq!(service.fetches(), 3, "the first one and a burst of two");
    service.clock.advance(Duration::from_secs(10));
    assert_eq!(service.verify(&stranger()).await, Err(Reason::UnknownKey));
    assert_eq!(service.fetches(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_503_while_nobody_knows_better() {
    let known = key();
    let service = Service::started_with(&known).await;
    service.script.fail(JWKS);
    service.clock.advance(Duration::from_secs(11));

    for _ in 0..5 {
        assert_eq!(service.verify(&stranger()).await, Err(Reason::KeysUnavailable));
        assert_eq!(service.verify(&known).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_holds_requests_no_longer_than_the_deadline() {
    let (script, key) = (Script::new(), key());
    script.hang(JWKS);
    let service = Service::start(&script);
    let begin = tokio::time::Instant::now();

    assert_eq!(service.verify(&key).await, Err(Reason::KeysUnavailable));

    assert_eq!(begin.elapsed().as_secs(), 5, "of paused time");
}

#[tokio::test(start_paused = true)]
async fn a_token_without_key_id_counts_as_unknown_if_none_of_the_keys_verifies_it() {
    let (old, new) = (key(), key());
    let service = Service::started_with(&old).await;
    let nameless = |key: SigningKey| key.with_key_id(None);

    service.script.answer(JWKS, jwk_set([&old, &new]));

    assert_eq!(service.verify(&nameless(new)).await, Ok(()));
    assert_eq!(service.fetches(), 2);
    assert_eq!(service.verify(&nameless(key())).await, Err(Reason::BadSignature));
    assert_eq!(service.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_ends_with_the_next_refresh() {
    let (old, new) = (key(), key());
    let service = Service::started_with(&old).await;
    service.script.answer(JWKS, jwk_set([&new]));

    tokio::time::sleep(Duration::from_secs(301)).await;
    service.clock.advance(Duration::from_secs(301));

    assert_eq!(service.verify(&old).await, Err(Reason::UnknownKey));
    assert_eq!(service.verify(&new).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_token_is_refused_without_waiting_for_keys() {
    let service = Service::start(&Script::new());

    let Outcome::Ready(Err(refusal)) = service.verifier.verify("not.a.token", service.clock.now()) else {
        panic!("waits")
    };

    assert_eq!(refusal.reason(), Reason::MalformedToken);
}
