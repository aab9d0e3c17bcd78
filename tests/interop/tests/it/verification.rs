//! Tokens of the provider, at the doors of both reference services.

use std::time::Duration;

use faults::{Framework, Service};
use interop::{Provider, client};
use linchpin::Auth;
use linchpin_core::{Clock, FakeClock, SystemClock};
use linchpin_jwt::{Algorithm, Profile};

/// A provider with one client.
async fn provider() -> Provider {
    Provider::start(&[client(CLIENT, "client_secret_basic", ("client_secret", SECRET.into()))]).await
}

/// A token for a resource server, with a scope or without.
async fn token(provider: &Provider, resource: &str, scope: Option<&str>) -> String {
    let mut fields = vec![("grant_type", "client_credentials"), ("resource", resource)];
    fields.extend(scope.map(|scope| ("scope", scope)));
    let answer = provider.ask(CLIENT, SECRET, &fields).await;
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

/// A service that trusts the provider, and finds its keys by discovery.
async fn service(
    provider: &Provider,
    framework: Framework,
    profile: Profile,
    algorithm: Algorithm,
    resource: &str,
) -> (Service, FakeClock) {
    // The provider reads the clock of the system, and so the test begins there.
    let clock = FakeClock::at(SystemClock.now());
    let auth = Auth::issuer(provider.issuer())
        .audience(resource)
        .profile(profile)
        .algorithms([algorithm])
        .clock(clock.clone())
        .build()
        .unwrap();
    auth.ready().await;
    (framework.serve(auth).await, clock)
}

/// A service for tokens in ES256, as most tests want it.
async fn service_es256(provider: &Provider, framework: Framework) -> (Service, FakeClock) {
    service(provider, framework, Profile::Rfc9068, Algorithm::ES256, ES256).await
}

async fn assert_refused(service: &Service, token: &str, reason: &str) {
    let refused = service.get("/whoami", token).await;
    assert_eq!((refused.status, refused.reason.as_deref()), (401, Some(reason)), "{}", service.name);
}

#[tokio::test]
async fn its_tokens_are_verified_in_each_algorithm_with_the_keys_that_discovery_finds() {
    let provider = provider().await;

    for (algorithm, resource) in RESOURCES {
        let token = token(&provider, resource, None).await;
        for (framework, profile) in everywhere() {
            let (service, _) = service(&provider, framework, profile, algorithm, resource).await;
            let answer = service.get("/whoami", &token).await;
            assert_eq!(answer.status, 200, "{algorithm:?}, {framework:?}, {profile:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn its_scopes_open_what_they_should_and_nothing_else() {
    let provider = provider().await;
    let with = token(&provider, ES256, Some("read:reports")).await;
    let without = token(&provider, ES256, None).await;

    for framework in Framework::ALL {
        let (service, _) = service_es256(&provider, framework).await;
        assert_eq!(service.get("/scoped", &with).await.status, 200);
        let refused = service.get("/scoped", &without).await;
        assert_eq!((refused.status, refused.reason.as_deref()), (403, Some("insufficient_scope")));
    }
}

#[tokio::test]
async fn its_tokens_for_others_and_of_others_are_refused() {
    let provider = provider().await;
    let other = self::provider().await;
    let opaque = provider.ask(CLIENT, SECRET, &[("grant_type", "client_credentials")]).await;
    let for_another = token(&provider, RS256, None).await;
    let of_another = token(&other, ES256, None).await;

    for framework in Framework::ALL {
        let (service, _) = service_es256(&provider, framework).await;
        assert_refused(&service, opaque["access_token"].as_str().unwrap(), "malformed_token").await;
        assert_refused(&service, &for_another, "algorithm_not_allowed").await;
        assert_refused(&service, &of_another, "bad_signature").await;
        let (service, _) =
            self::service(&provider, framework, Profile::Rfc9068, Algorithm::RS256, ES256).await;
        assert_refused(&service, &for_another, "wrong_audience").await;
    }
}

#[tokio::test]
async fn its_tokens_are_refused_when_a_character_is_changed() {
    let provider = provider().await;
    let good = token(&provider, ES256, None).await;
    let flipped = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let (payload, signature) = (good.find('.').unwrap() + 20, good.rfind('.').unwrap() + 20);

    for framework in Framework::ALL {
        let (service, _) = service_es256(&provider, framework).await;
        assert_refused(&service, &flipped(payload), "bad_signature").await;
        assert_refused(&service, &flipped(signature), "bad_signature").await;
        assert_eq!(service.get("/whoami", &good).await.status, 200);
    }
}

#[tokio::test]
async fn its_tokens_expire_when_it_says_so() {
    let provider = provider().await;
    let token = token(&provider, ES256, None).await;

    for framework in Framework::ALL {
        let (service, clock) = service_es256(&provider, framework).await;
        clock.advance(LIFETIME - Duration::from_secs(10));
        assert_eq!(service.get("/whoami", &token).await.status, 200);
        clock.advance(Duration::from_secs(50));
        assert_refused(&service, &token, "expired").await;
    }
}

fn everywhere() -> impl Iterator<Item = (Framework, Profile)> {
    let profiles = [Profile::Generic, Profile::Rfc9068];
    Framework::ALL.into_iter().flat_map(move |framework| profiles.map(|profile| (framework, profile)))
}

const CLIENT: &str = "reports";
const SECRET: &str = "a secret of this test alone";
const RS256: &str = "https://rs256.test";
const ES256: &str = "https://es256.test";

/// As in the provider's script.
const RESOURCES: [(Algorithm, &str); 4] = [
    (Algorithm::RS256, RS256),
    (Algorithm::PS256, "https://ps256.test"),
    (Algorithm::ES256, ES256),
    (Algorithm::EdDSA, "https://eddsa.test"),
];
const LIFETIME: Duration = Duration::from_secs(300);
