//! Remote keys against scripted providers. Time is tokio's, paused, and a `FakeClock`: nothing sleeps.

mod health;
#[cfg(feature = "http-client")]
mod http;
mod log;
mod script;
mod suspicion;
mod tenants;
mod token;
mod unknown_keys;

use std::{sync::Arc, time::Duration};

use linchpin_core::{Clock, FakeClock, Outcome, Reason, VerifyToken};
use linchpin_jwt::{Algorithm, KeyRules, KeySource, Refresh, SigningKey, Verifier};
use linchpin_oauth::{FetchResponse, RemoteKeys, RemoteKeysBuilder};

use crate::script::{JWKS, METADATA, Script, jwk_set, key};

pub(crate) const ISSUER: &str = "https://id.example/realms/school";

pub(crate) fn rules() -> KeyRules {
    KeyRules::new([Algorithm::ES256])
}

pub(crate) fn remote() -> RemoteKeysBuilder {
    RemoteKeys::jwks_url(JWKS, rules())
}

pub(crate) fn is_unavailable(keys: &RemoteKeys, clock: &FakeClock) -> bool {
    keys.keys(clock.now()).is_err_and(|refusal| refusal.reason() == Reason::KeysUnavailable)
}

#[tokio::test(start_paused = true)]
async fn discovery_leads_to_the_keys_that_verify_a_token() {
    let (script, clock, key) = (Script::new(), FakeClock::default(), key());
    script.answer(METADATA, format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#));
    script.answer(JWKS, jwk_set([&key]));

    let keys =
        RemoteKeys::discovery(ISSUER, rules()).clock(clock.clone()).build_with(script.clone()).unwrap();
    let verifier = Verifier::builder(ISSUER, keys.clone()).audience("grades").build().unwrap();
    assert!(!verifier.is_ready(clock.now()));
    keys.ready().await;

    assert!(verifier.is_ready(clock.now()));
    let exp = clock.now().as_unix_seconds() + 60;
    let token = key.sign_jwt(&serde_json::json!({"iss": ISSUER, "aud": "grades", "sub": "ann", "exp": exp}));
    let Outcome::Ready(Ok(caller)) = verifier.verify(&token, clock.now()) else { panic!("refused") };
    assert_eq!(caller.subject(), Some("ann"));
    assert_eq!(script.fetched(), [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_comes_up_later_is_found_within_ten_seconds() {
    let (script, clock) = (Script::new(), FakeClock::default());
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_unavailable(&keys, &clock));
    script.answer(JWKS, jwk_set([&key()]));

    tokio::time::timeout(Duration::from_secs(10), keys.ready()).await.unwrap();
    assert!(keys.keys(clock.now()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_answer_that_is_no_key_set_replaces_good_keys() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(JWKS, jwk_set([&key()]));
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    keys.ready().await;

    let bad: [FetchResponse; 8] = [
        FetchResponse::new(500, jwk_set([&key()])),
        FetchResponse::new(302, jwk_set([&key()])),
        FetchResponse::new(304, ""),
        FetchResponse::new(200, "<html>"),
        FetchResponse::new(200, r#"{"keys":["#),
        FetchResponse::new(200, r#"{"keys":[]}"#),
        FetchResponse::new(200, r#"{"keys":[{"kty":"AKP","alg":"ML-DSA-44"}]}"#),
        FetchResponse::new(200, format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 101].join(","))),
    ];
    for response in bad {
        script.answer(JWKS, response.clone());
        let before = script.fetched().len();
        tokio::time::sleep(Duration::from_secs(400)).await;

        assert!(script.fetched().len() > before);
        assert!(keys.keys(clock.now()).is_ok(), "{response:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_fetching_is_a_failed_fetch() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.panic(JWKS);
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(is_unavailable(&keys, &clock));

    script.answer(JWKS, jwk_set([&key()]));

    tokio::time::timeout(Duration::from_secs(10), keys.ready()).await.unwrap();
    assert!(keys.keys(clock.now()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_too_stale_are_not_used() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(JWKS, jwk_set([&key()]));
    let max_stale = Duration::from_secs(4 * 60 * 60);
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    keys.ready().await;
    script.fail(JWKS);

    clock.advance(max_stale);
    assert!(keys.keys(clock.now()).is_ok());
    clock.advance(Duration::from_micros(1));

    assert!(is_unavailable(&keys, &clock));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_keep_stale_keys_alive() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(JWKS, jwk_set([&key()]));
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    keys.ready().await;
    script.fail(JWKS);
    clock.set(clock.now().saturating_sub(Duration::from_secs(24 * 60 * 60)));

    tokio::time::sleep(Duration::from_secs(4 * 60 * 60 - 1)).await;
    assert!(keys.keys(clock.now()).is_ok());
    tokio::time::sleep(Duration::from_secs(2)).await;

    assert!(is_unavailable(&keys, &clock));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_met_with_patience() {
    let script = Script::new();
    let _keys = remote().build_with(script.clone()).unwrap();

    tokio::time::sleep(Duration::from_secs(60)).await;

    let fetches = script.fetched().len();
    assert!((14..=19).contains(&fetches), "{fetches} fetches in a minute");
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_issuer_is_not_believed() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(METADATA, format!(r#"{{"issuer":"https://evil.example","jwks_uri":"{JWKS}"}}"#));
    script.answer(JWKS, jwk_set([&key()]));

    let keys =
        RemoteKeys::discovery(ISSUER, rules()).clock(clock.clone()).build_with(script.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;

    assert!(is_unavailable(&keys, &clock));
    assert!(script.fetched().iter().all(|url| url == METADATA), "its keys were not even asked for");
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_ahead_of_need_within_the_bounds_of_cache_control() {
    for (cache_control, at_least, at_most) in [
        (None, 270, 300),
        (Some("no-store"), 10, 10),
        (Some("max-age=60"), 54, 60),
        (Some("max-age=86400"), 270, 300),
    ] {
        let (script, clock) = (Script::new(), FakeClock::default());
        let mut response = FetchResponse::new(200, jwk_set([&key()]));
        if let Some(value) = cache_control {
            response = response.cache_control(value);
        }
        script.answer(JWKS, response);
        let keys = remote().clock(clock).build_with(script.clone()).unwrap();
        keys.ready().await;

        tokio::time::sleep(Duration::from_secs(at_least) - Duration::from_millis(10)).await;
        assert_eq!(script.fetched().len(), 1, "{cache_control:?}");
        tokio::time::sleep(Duration::from_secs(at_most - at_least) + Duration::from_millis(20)).await;

        assert_eq!(script.fetched().len(), 2, "{cache_control:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn services_that_start_together_do_not_refresh_together() {
    let script = Script::new();
    script.answer(JWKS, jwk_set([&key()]));
    let services: Vec<_> = (0..40).map(|_| remote().build_with(script.clone()).unwrap()).collect();
    for service in &services {
        service.ready().await;
    }
    assert_eq!(script.fetched().len(), 40);

    let mut busiest = 0;
    for _ in 0..31 {
        let before = script.fetched().len();
        tokio::time::sleep(Duration::from_secs(10)).await;
        busiest = busiest.max(script.fetched().len() - before);
    }

    assert!(script.fetched().len() >= 80, "all of them have refreshed");
    assert!(busiest < 35, "{busiest} of 40 in the same ten seconds of thirty");
}

#[tokio::test(start_paused = true)]
async fn algorithms_that_the_metadata_names_change_nothing() {
    let (script, clock, key) = (Script::new(), FakeClock::default(), key());
    let metadata = |named: &str| {
        let named = format!(r#""id_token_signing_alg_values_supported":{named}"#);
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}",{named}}}"#)
    };
    script.answer(JWKS, jwk_set([&key]));
    for named in [r#"["RS256"]"#, r#"["none","HS256"]"#, "[]", "7"] {
        script.answer(METADATA, metadata(named));
        let keys =
            RemoteKeys::discovery(ISSUER, rules()).clock(clock.clone()).build_with(script.clone()).unwrap();
        keys.ready().await;

        assert_eq!(keys.algorithms(), rules().algorithms(), "{named}");
        assert_eq!(keys.keys(clock.now()).unwrap().len(), 1, "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_has_not_changed_is_as_good_as_a_new_one() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(JWKS, FetchResponse::new(200, jwk_set([&key()])).etag("\"v1\""));
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    keys.ready().await;
    let before = keys.keys(clock.now()).unwrap();
    clock.advance(Duration::from_secs(4 * 60 * 60));
    script.answer(JWKS, FetchResponse::new(304, ""));

    tokio::time::sleep(Duration::from_secs(301)).await;
    clock.advance(Duration::from_secs(60 * 60));

    assert!(
        Arc::ptr_eq(&before, &keys.keys(clock.now()).unwrap()),
        "the same keys, and their age counts from the 304"
    );
    assert_eq!(script.last_etag().as_deref(), Some("\"v1\""));
}

#[tokio::test(start_paused = true)]
async fn an_etag_belongs_to_its_url() {
    let (script, moved) = (Script::new(), "https://id.example/realms/school/new-keys");
    let metadata = |jwks_uri| format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{jwks_uri}"}}"#);
    script.answer(METADATA, metadata(JWKS));
    script.answer(JWKS, FetchResponse::new(200, jwk_set([&key()])).etag("\"v1\""));
    let keys = RemoteKeys::discovery(ISSUER, rules()).build_with(script.clone()).unwrap();
    keys.ready().await;

    script.answer(METADATA, metadata(moved));
    script.answer(moved, jwk_set([&key()]));
    tokio::time::sleep(Duration::from_secs(301)).await;

    assert_eq!(script.fetched(), [METADATA, JWKS, METADATA, moved]);
    assert_eq!(script.last_etag(), None);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_its_last_owner() {
    let script = Script::new();
    script.answer(JWKS, jwk_set([&key()]));
    let keys = remote().build_with(script.clone()).unwrap();
    keys.ready().await;
    let other = keys.clone();

    drop(keys);
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(script.fetched().len(), 2, "one owner is left");
    drop(other);
    tokio::time::sleep(Duration::from_secs(3600)).await;

    assert_eq!(script.fetched().len(), 2);
    assert_eq!(script.owners(), 1, "the task and its fetcher are gone");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_let_go_when_the_last_owner_is_gone() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.hang(JWKS);
    let under_way = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let never_polled = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    let begin = tokio::time::Instant::now();

    for keys in [never_polled, under_way] {
        let Refresh::Pending(waits) = keys.refresh(clock.now()) else { panic!("does not wait") };
        drop(keys);

        assert_eq!(waits.await.unwrap_err().reason(), Reason::KeysUnavailable);
    }
    assert!(begin.elapsed().is_zero(), "of paused time");
}

#[tokio::test]
async fn all_wrong_settings_are_reported_at_once() {
    let error = RemoteKeys::jwks_url("http://id.example/keys", KeyRules::new([Algorithm::HS256]))
        .refresh(Duration::from_secs(1))
        .max_stale(Duration::ZERO)
        .fetch_deadline(Duration::ZERO)
        .max_bytes(0)
        .unknown_key_interval(Duration::ZERO)
        .build_with(Script::new())
        .unwrap_err();

    let settings: Vec<&str> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(
        settings,
        [
            "jwks_url",
            "algorithms",
            "refresh",
            "max_stale",
            "fetch_deadline",
            "max_bytes",
            "unknown_key_interval"
        ]
    );
}

#[tokio::test]
async fn durations_have_an_upper_bound() {
    let (day, error) = (Duration::from_secs(24 * 60 * 60), |keys: RemoteKeysBuilder| {
        keys.build_with(Script::new()).unwrap_err()
    });
    let told = |error: linchpin_core::ConfigError| -> Vec<String> {
        error.problems().iter().map(|found| format!("{} {}", found.setting, found.problem)).collect()
    };

    assert_eq!(
        told(error(remote().refresh(31 * day).max_stale(Duration::MAX).unknown_key_interval(31 * day))),
        ["refresh is above 30 days", "max_stale is above 30 days", "unknown_key_interval is above 30 days"]
    );
    assert_eq!(
        told(error(remote().unknown_key_interval(Duration::from_secs(301)))),
        ["unknown_key_interval is longer than the refresh"]
    );
    assert!(
        remote()
            .refresh(30 * day)
            .max_stale(30 * day)
            .unknown_key_interval(30 * day)
            .build_with(Script::new())
            .is_ok()
    );
}

#[tokio::test]
async fn a_host_with_more_than_a_host_is_a_wrong_setting_and_so_is_an_issuer_with_a_query() {
    let error = RemoteKeys::discovery("http://keycloak:8080/realms/a?x=1", rules())
        .allow_http_host("Keycloak")
        .allow_http_host("keycloak:8080")
        .build_with(Script::new())
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "wrong configuration:\n  allow_http_host \"keycloak:8080\" is not a bare host; \
         give the host alone, without scheme, port or path, for example keycloak\n  \
         issuer holds a query or a fragment, which no issuer does; \
         give the issuer as it stands in `iss`; keys elsewhere have a setting of their own"
    );
}

#[test]
fn without_a_runtime_the_error_says_what_to_do() {
    let error = remote().build_with(Script::new()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "wrong configuration:\n  runtime is missing: keys are fetched on a tokio runtime; \
         build it inside the runtime, for example below #[tokio::main] or #[actix_web::main]"
    );
}

#[test]
fn without_timers_the_error_says_what_to_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();

    let error = remote().build_with(Script::new()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "wrong configuration:\n  runtime has no timers: a fetch has a deadline; \
         call enable_time or enable_all on the runtime's builder"
    );
}

/// A key that no script has published.
pub(crate) fn stranger() -> SigningKey {
    key().with_key_id(Some("stranger"))
}
