//! What is told of the issuers.

use std::sync::Arc;

use linchpin::{
    Auth, IssuerState, Reason, Refusal, Timestamp,
    jwt::{Algorithm, Algorithms, KeySet, KeySource, Refresh},
};
use linchpin_test::TestIssuer;
use serde_json::json;

/// A source that has no keys.
struct Empty;

impl KeySource for Empty {
    fn algorithms(&self) -> Algorithms {
        [Algorithm::ES256].into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Err(Reason::KeysUnavailable.into())
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        Refresh::Refused(Reason::KeysUnavailable.into())
    }
}

#[test]
fn keys_that_are_not_fetched_have_states_of_their_own() {
    let issuer = TestIssuer::new();
    let auth = Auth::several([
        Auth::issuer("https://given.test")
            .audience("a")
            .algorithms([Algorithm::ES256])
            .pem(issuer.public_pem()),
        Auth::issuer("https://available.test").audience("a").key_source(issuer.key_set()),
        Auth::issuer("https://unavailable.test").audience("a").key_source(Empty),
    ]);
    let health = auth.build().unwrap().health();

    let told = json!({"ready": true, "issuers": [
        {"issuer": "https://given.test", "state": "given", "keys": 1},
        {"issuer": "https://available.test", "state": "available", "keys": 1},
        {"issuer": "https://unavailable.test", "state": "unavailable", "keys": 0},
    ]});
    assert_eq!(serde_json::to_value(&health).unwrap(), told);
    assert!(health.is_ready() && !health.is_complete());
    assert_eq!(IssuerState::Unavailable.to_string(), "unavailable");

    let alone = Auth::issuer("https://unavailable.test").audience("a").key_source(Empty).build().unwrap();
    assert!(!alone.health().is_ready() && !alone.is_ready());
}

#[cfg(feature = "remote")]
#[tokio::test]
async fn fetched_keys_are_told_with_their_age_and_the_last_error() {
    let mut served = TestIssuer::start().await.unwrap();
    let clock = linchpin::core::FakeClock::default();
    let auth = Auth::issuer(served.issuer())
        .audience("tests")
        .algorithms([Algorithm::ES256])
        .clock(clock.clone())
        .build()
        .unwrap();
    auth.ready().await;

    clock.advance(std::time::Duration::from_secs(90));
    let fresh = auth.health();
    let [issuer] = fresh.issuers() else { panic!("{fresh:?}") };
    assert_eq!((&*issuer.issuer, issuer.keys, issuer.age_seconds), (served.issuer(), 1, Some(90)));
    assert!(matches!(issuer.state, IssuerState::Fresh | IssuerState::Refreshing), "{issuer:?}");

    served.stop().await;
    clock.advance(std::time::Duration::from_secs(5 * 3600));
    let old = auth.health();
    assert_eq!(
        (old.issuers()[0].state, old.is_ready(), auth.is_ready()),
        (IssuerState::TooStale, false, false)
    );
}

#[cfg(feature = "remote")]
#[tokio::test]
async fn tenants_are_one_entry_since_they_share_their_keys() {
    let tenants = ["8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11", "f3d7c2b8-90a1-4b55-8a64-0b7e5c1d2e33"];
    let issuer = "http://127.0.0.1:9/{tenantid}/v2.0";
    let auth = Auth::issuer(issuer).tenants(tenants).audience("a").build().unwrap();

    let health = auth.health();

    assert_eq!(health.issuers().len(), 1);
    assert_eq!((&*health.issuers()[0].issuer, health.issuers()[0].state), (issuer, IssuerState::NeverLoaded));
}
