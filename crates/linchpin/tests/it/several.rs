//! Several issuers with fetched keys: what becomes of one while another is in trouble.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use linchpin::{
    Auth, AuthBuilder, Outcome, Reason, VerifyToken,
    core::{Caller, Clock, FakeClock},
    jwt::Algorithm,
    oauth::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse},
};
use linchpin_test::TestIssuer;

/// What a provider does with a request.
#[derive(Clone)]
enum Behaviour {
    Serve(String),
    Status(u16),
    Refuse,
    Hang,
}

/// Providers by the URL of their keys, and how often each was asked.
#[derive(Clone, Default)]
struct Providers(Arc<Mutex<HashMap<String, Provider>>>);

#[derive(Default)]
struct Provider {
    behaviour: Option<Behaviour>,
    fetches: usize,
}

impl Providers {
    fn set(&self, url: &str, behaviour: Behaviour) {
        self.0.lock().unwrap().entry(url.to_owned()).or_default().behaviour = Some(behaviour);
    }

    fn fetches(&self, url: &str) -> usize {
        self.0.lock().unwrap().get(url).map_or(0, |provider| provider.fetches)
    }
}

impl Fetch for Providers {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let behaviour = {
                let mut providers = self.0.lock().unwrap();
                let provider = providers.entry(request.url.to_owned()).or_default();
                provider.fetches += 1;
                provider.behaviour.clone()
            };
            match behaviour.unwrap_or(Behaviour::Refuse) {
                Behaviour::Serve(document) => Ok(FetchResponse::new(200, document)),
                Behaviour::Status(status) => Ok(FetchResponse::new(status, "")),
                Behaviour::Refuse => Err(FetchError::new("connection refused")),
                Behaviour::Hang => std::future::pending().await,
            }
        })
    }
}

const KEYS_A: &str = "https://a.example/keys";
const KEYS_B: &str = "https://b.example/keys";

struct Scene {
    a: TestIssuer,
    b: TestIssuer,
    clock: FakeClock,
    providers: Providers,
    auth: Auth,
}

impl Scene {
    /// A service that knows the issuers A, whose provider does this, and B, whose provider is well.
    async fn with_a(behaviour: Behaviour) -> Self {
        let clock = FakeClock::default();
        let issuer = |name| TestIssuer::builder().issuer(name).clock(clock.clone()).build();
        let (a, b) = (issuer("https://a.example"), issuer("https://b.example"));
        let providers = Providers::default();
        providers.set(KEYS_A, behaviour);
        providers.set(KEYS_B, Behaviour::Serve(b.jwk_set()));
        let builder = |issuer: &TestIssuer, keys: &str| {
            Auth::issuer(issuer.issuer())
                .audience("tests")
                .algorithms([Algorithm::ES256])
                .jwks_url(keys)
                .fetch_with(providers.clone())
        };
        let auth =
            Auth::several([builder(&a, KEYS_A), builder(&b, KEYS_B)]).clock(clock.clone()).build().unwrap();
        auth.ready().await;
        Self { a, b, clock, providers, auth }
    }

    fn verify(&self, token: &str) -> Outcome {
        self.auth.verifier().verify(token, self.clock.now())
    }

    /// That B's tokens are answered, and at once.
    fn assert_b_is_answered_at_once(&self) {
        let outcome = self.verify(&self.b.token("ben").sign());
        assert!(matches!(outcome, Outcome::Ready(Ok(_))), "{outcome:?}");
        assert!(self.auth.is_ready());
    }
}

async fn settled(outcome: Outcome) -> Result<Arc<Caller>, Reason> {
    let result = match outcome {
        Outcome::Ready(result) => result,
        Outcome::Pending(pending) => pending.await,
    };
    result.map_err(|refusal| refusal.reason())
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_had_keys_touches_no_other() {
    for trouble in [Behaviour::Refuse, Behaviour::Status(500), Behaviour::Hang] {
        let scene = Scene::with_a(trouble).await;
        let waiting = scene.verify(&scene.a.token("ann").sign());
        assert!(matches!(waiting, Outcome::Pending(_)));

        scene.assert_b_is_answered_at_once();

        assert_eq!(settled(waiting).await.unwrap_err(), Reason::KeysUnavailable);
        scene.assert_b_is_answered_at_once();
        scene.providers.set(KEYS_A, Behaviour::Serve(scene.a.jwk_set()));
        tokio::time::sleep(Duration::from_secs(12)).await; // a fetch that hangs ends first
        assert!(settled(scene.verify(&scene.a.token("ann").sign())).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_waited_is_judged_by_the_clock_of_all() {
    let scene = Scene::with_a(Behaviour::Refuse).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.providers.set(KEYS_A, Behaviour::Serve(scene.a.jwk_set()));
    let token = scene.a.token("ann").sign();

    let outcome = scene.verify(&token);

    assert!(matches!(outcome, Outcome::Pending(_)));
    assert!(settled(outcome).await.is_ok(), "the fake clock stands where the token is valid");
}

#[tokio::test(start_paused = true)]
async fn the_health_tells_which_issuer_is_in_trouble_and_why() {
    let scene = Scene::with_a(Behaviour::Status(500)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let health = scene.auth.health();

    let [a, b] = health.issuers() else { panic!("{health:?}") };
    assert_eq!((a.state, b.state), (linchpin::IssuerState::NeverLoaded, linchpin::IssuerState::Fresh));
    assert_eq!(a.last_error.as_deref(), Some("the key set was answered with status 500"));
    assert_eq!((a.keys, b.keys, b.last_error.as_deref()), (0, 1, None));
    assert!(health.is_ready() && !health.is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_whose_keys_became_too_old_touches_no_other() {
    let scene = Scene::with_a(Behaviour::Serve(String::new())).await;
    scene.providers.set(KEYS_A, Behaviour::Serve(scene.a.jwk_set()));
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(settled(scene.verify(&scene.a.token("ann").sign())).await.is_ok());

    scene.providers.set(KEYS_A, Behaviour::Status(503));
    for _ in 0..6 {
        scene.clock.advance(Duration::from_secs(3600));
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }

    assert_eq!(
        settled(scene.verify(&scene.a.token("ann").sign())).await.unwrap_err(),
        Reason::KeysUnavailable
    );
    scene.assert_b_is_answered_at_once();
}

#[tokio::test(start_paused = true)]
async fn random_key_ids_at_one_issuer_cost_no_other_a_fetch_or_a_moment() {
    let scene = Scene::with_a(Behaviour::Hang).await;
    let (fetches_a, fetches_b) = (scene.providers.fetches(KEYS_A), scene.providers.fetches(KEYS_B));

    let mut waiting = Vec::new();
    for i in 0..1000 {
        waiting.push(scene.verify(&scene.a.token("eve").key_id(Some(&i.to_string())).sign()));
        scene.assert_b_is_answered_at_once();
    }
    for outcome in waiting {
        assert!(settled(outcome).await.is_err());
    }

    scene.assert_b_is_answered_at_once();
    assert_eq!(scene.providers.fetches(KEYS_B), fetches_b);
    assert!(scene.providers.fetches(KEYS_A) <= fetches_a + 3, "{}", scene.providers.fetches(KEYS_A));
}

#[tokio::test(start_paused = true)]
async fn each_issuer_fetches_for_itself_and_stops_with_the_last_clone() {
    let scene = Scene::with_a(Behaviour::Refuse).await;
    let b_before = scene.providers.fetches(KEYS_B);

    settled(scene.verify(&scene.b.token("ben").key_id(Some("x")).sign())).await.unwrap_err();
    assert_eq!(scene.providers.fetches(KEYS_B), b_before + 1);

    let Scene { auth, providers, .. } = scene;
    drop(auth);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = (providers.fetches(KEYS_A), providers.fetches(KEYS_B));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!((providers.fetches(KEYS_A), providers.fetches(KEYS_B)), after);
}

#[test]
fn what_is_wrong_is_told_by_the_issuers_place() {
    let told = |issuers: Vec<AuthBuilder>| -> Vec<String> {
        let error = Auth::several(issuers).build().unwrap_err();
        error.problems().iter().map(|problem| problem.setting.clone()).collect()
    };
    let issuer = |name: &str| {
        let issuer = TestIssuer::builder().issuer(name).build();
        Auth::issuer(name).algorithms([Algorithm::ES256]).pem(issuer.public_pem())
    };

    assert_eq!(told(vec![]), ["issuer"]);
    assert_eq!(told(vec![issuer("a").audience("x"), issuer("a").audience("y")]), ["issuer"]);
    assert_eq!(
        told(vec![issuer("a"), issuer("b").audience(""), issuer("").audience("x")]),
        ["issuer[0].audience", "issuer[1].audience", "issuer[2].issuer"]
    );
    let of_all = issuer("a").audience("x").realm("r").clock(FakeClock::default()).on_refusal(|_, _| {});
    assert_eq!(told(vec![of_all]), ["issuer[0].clock", "issuer[0].realm", "issuer[0].on_refusal"]);
}
