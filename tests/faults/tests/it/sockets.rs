//! Faults on real sockets, with the real HTTP client.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use faults::{Concerns, FAULTS, Fault, Framework, MAX_BYTES, Service};
use linchpin::Auth;
use linchpin_core::FakeClock;
use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_oauth::{Fetch, FetchFuture, FetchRequest, HttpFetch};
use linchpin_test::{Behaviour, ServedIssuer, TestIssuer};
use tokio::{
    task::LocalSet,
    time::{sleep, timeout},
};

/// How a service finds the keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Discovery,
    JwksUrl,
}

/// A provider, and a service that trusts it.
struct Scene {
    clock: FakeClock,
    provider: ServedIssuer,
    auth: Auth,
    service: Service,
    way: Way,
    started_at: Instant,
}

impl Scene {
    async fn start(framework: Framework, way: Way, behaviour: Behaviour) -> Self {
        let clock = FakeClock::default();
        let provider = TestIssuer::builder().clock(clock.clone()).build().serve().await.unwrap();
        provider.behave(behaviour);
        let jwks_url = (way == Way::JwksUrl).then(|| provider.jwks_url());
        Self::with(framework, way, clock, provider, jwks_url).await
    }

    async fn with(
        framework: Framework,
        way: Way,
        clock: FakeClock,
        provider: ServedIssuer,
        jwks_url: Option<String>,
    ) -> Self {
        let started_at = Instant::now();
        let mut auth = Auth::issuer(provider.issuer())
            .audience(provider.audience())
            .algorithms([Algorithm::ES256])
            .jwks_fetch_deadline(DEADLINE)
            .jwks_max_bytes(MAX_BYTES)
            .fetch_with(client())
            .clock(clock.clone());
        if let Some(url) = jwks_url {
            auth = auth.jwks_url(url);
        }
        let auth = auth.build().unwrap();
        let service = framework.serve(auth.clone()).await;
        Self { clock, provider, auth, service, way, started_at }
    }

    /// A token that is good as soon as the keys are there.
    fn good(&self) -> String {
        self.provider.token("ann").sign()
    }

    /// How often the document was asked for with which a fetch begins.
    fn fetches(&self) -> usize {
        match self.way {
            Way::Discovery => self.provider.discovery_fetches(),
            Way::JwksUrl => self.provider.jwks_fetches(),
        }
    }

    /// However long it took: an attempt at the start, two at once for unknown keys, and no retry before its pause is over.
    fn most_fetches(&self) -> usize {
        let pauses = self.started_at.elapsed().as_millis() / SHORTEST_PAUSE.as_millis();
        3 + usize::try_from(pauses).unwrap()
    }

    async fn assert_open_but_unavailable(&self, about: &str) {
        let refused = self.service.get("/whoami", &self.good()).await;
        assert_eq!((refused.status, refused.reason.as_deref()), (503, Some("keys_unavailable")), "{about}");
        assert!(matches!(refused.retry_after, Some(1..=10)), "{about}: {refused:?}");
        assert_eq!(self.service.probe("/readyz").await.status, 503, "{about}");
        assert_eq!(self.service.probe("/healthz").await.status, 200, "{about}");
    }

    async fn assert_answers(&self, about: &str) {
        assert_eq!(self.service.get("/whoami", &self.good()).await.status, 200, "{about}");
        assert_eq!(self.service.probe("/readyz").await.status, 200, "{about}");
    }

    async fn heals(&self, about: &str) {
        let ready = async {
            while self.service.probe("/readyz").await.status != 200 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(HEALED_WITHIN, ready).await.is_ok(), "{about}: {:?}", self.auth.health());
        self.assert_answers(about).await;
    }
}

async fn play(fault: Fault, framework: Framework, way: Way) {
    let about = format!("{framework:?}, {way:?}: {}", fault.name);
    let scene = Scene::start(framework, way, fault.behaviour).await;
    if way == Way::JwksUrl && fault.concerns == Concerns::Metadata {
        scene.heals(&format!("{about}, which does not matter")).await;
        assert_eq!(scene.provider.discovery_fetches(), 0, "{about}");
        return;
    }

    scene.assert_open_but_unavailable(&format!("{about}, from a cold start")).await;
    assert!((1..=scene.most_fetches()).contains(&scene.fetches()), "{about}: {}", scene.fetches());

    scene.provider.behave(Behaviour::Serve);
    scene.heals(&format!("{about}, and ends")).await;

    // Now that good keys are held, somebody asks for one that nobody has.
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    let unknown = scene.provider.token("eve").signed_by(&stranger).key_id(Some("unknown")).sign();
    let before = scene.fetches();
    scene.provider.behave(fault.behaviour);
    let refused = scene.service.get("/whoami", &unknown).await;
    assert_eq!((refused.status, refused.reason.as_deref()), (503, Some("keys_unavailable")), "{about}");
    assert!(scene.fetches() > before, "{about}: the missing key was asked for");
    scene.assert_answers(&format!("{about}, while good keys are held")).await;

    scene.clock.advance(MAX_STALE + Duration::from_secs(1));
    scene.assert_open_but_unavailable(&format!("{about}, for longer than keys may be kept")).await;

    scene.provider.behave(Behaviour::Serve);
    scene.heals(&format!("{about}, and ends after the keys were too old")).await;
    assert!(scene.fetches() <= scene.most_fetches(), "{about}: {}", scene.fetches());
    assert_eq!(scene.provider.redirects_followed(), 0, "{about}");
    let most_sent = u64::try_from(scene.fetches()).unwrap() * IN_FLIGHT;
    assert!(scene.provider.bytes_sent() <= most_sent, "{about}: {} bytes", scene.provider.bytes_sent());
}

async fn play_all(framework: Framework, way: Way) {
    let local = LocalSet::new();
    let plays = FAULTS.map(|fault| local.spawn_local(play(fault, framework, way)));
    local.await;
    for play in plays {
        play.await.unwrap();
    }
}

#[tokio::test]
async fn axum_that_discovers_its_keys_outlives_every_fault() {
    play_all(Framework::Axum, Way::Discovery).await;
}

#[tokio::test]
async fn axum_that_knows_where_its_keys_are_outlives_every_fault() {
    play_all(Framework::Axum, Way::JwksUrl).await;
}

#[tokio::test]
async fn actix_that_discovers_its_keys_outlives_every_fault() {
    play_all(Framework::Actix, Way::Discovery).await;
}

#[tokio::test]
async fn actix_that_knows_where_its_keys_are_outlives_every_fault() {
    play_all(Framework::Actix, Way::JwksUrl).await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed() {
    for (framework, way) in everywhere() {
        let other = TestIssuer::start().await.unwrap();
        let scene = Scene::start(framework, way, Behaviour::RedirectTo(other.address())).await;

        scene.assert_open_but_unavailable("redirected to another origin").await;
        assert_eq!((other.discovery_fetches(), other.jwks_fetches()), (0, 0), "{framework:?}, {way:?}");
        assert!(scene.fetches() >= 1);

        scene.provider.behave(Behaviour::Serve);
        scene.heals("no longer redirected").await;
    }
}

#[tokio::test]
async fn a_provider_that_does_not_listen_is_waited_for_at_the_start_and_outlived_later() {
    for (framework, way) in everywhere() {
        let clock = FakeClock::default();
        let mut provider = TestIssuer::builder().clock(clock.clone()).build().serve().await.unwrap();
        let jwks_url = (way == Way::JwksUrl).then(|| provider.jwks_url());
        provider.stop().await;
        let mut scene = Scene::with(framework, way, clock, provider, jwks_url).await;

        scene.assert_open_but_unavailable("down at the start").await;
        assert_eq!(scene.fetches(), 0, "nobody listens");
        scene.provider.restart().await.unwrap();
        scene.heals("started after the service").await;

        scene.provider.stop().await;
        scene.assert_answers("down later").await;
        scene.clock.advance(MAX_STALE + Duration::from_secs(1));
        scene.assert_open_but_unavailable("down for too long").await;
        // Keys that are too old are fetched for who needs one.
        scene.provider.restart().await.unwrap();
        let unknown = SigningKey::generate(Algorithm::ES256).unwrap();
        let unknown = scene.provider.token("eve").signed_by(&unknown).key_id(Some("unknown")).sign();
        scene.service.get("/whoami", &unknown).await;
        scene.heals("started again").await;
    }
}

#[tokio::test]
async fn a_provider_without_tls_on_an_https_url_is_a_failed_fetch() {
    for framework in Framework::ALL {
        let clock = FakeClock::default();
        let provider = TestIssuer::builder().clock(clock.clone()).build().serve().await.unwrap();
        let url = provider.jwks_url().replacen("http://", "https://", 1);
        let scene = Scene::with(framework, Way::JwksUrl, clock, provider, Some(url)).await;

        scene.assert_open_but_unavailable("no TLS").await;

        assert_eq!(scene.fetches(), 0, "no request without a handshake");
        let health = scene.auth.health();
        let [issuer] = health.issuers() else { panic!("{health:?}") };
        assert!(issuer.last_error.as_deref().is_some_and(|error| error.contains("no answer")), "{issuer:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_by_who_is_told_to_and_by_nobody_else() {
    for framework in Framework::ALL {
        let provider = TestIssuer::new().serve_tls().await.unwrap();
        let pem = provider.certificate_pem().unwrap();
        let auth = Auth::issuer(provider.issuer()).audience(provider.audience());
        let trusting = Auth::issuer(provider.issuer()).audience(provider.audience()).ca_pem(pem);
        let (auth, trusting) = (auth.build().unwrap(), trusting.build().unwrap());
        let token = provider.token("ann").sign();

        let refused = framework.serve(auth.clone()).await.get("/whoami", &token).await;
        assert_eq!((refused.status, refused.reason.as_deref()), (503, Some("keys_unavailable")));
        assert_eq!((provider.discovery_fetches(), provider.jwks_fetches()), (0, 0), "nothing was asked");
        let health = auth.health();
        let error = health.issuers()[0].last_error.clone().unwrap_or_default();
        assert!(error.contains("certificate"), "{error}");

        assert_eq!(framework.serve(trusting).await.get("/whoami", &token).await.status, 200);
    }
}

/// The real client, which is made once: reading the system's certificates takes as long as many fetches.
#[derive(Clone)]
struct SharedClient(Arc<HttpFetch>);

impl Fetch for SharedClient {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        self.0.fetch(request)
    }
}

fn client() -> SharedClient {
    thread_local! {
        // One for each test, since a client's connections belong to the runtime in which they were made.
        static CLIENT: SharedClient = SharedClient(Arc::new(HttpFetch::new(None).expect("the system has root certificates")));
    }
    CLIENT.with(Clone::clone)
}

fn everywhere() -> impl Iterator<Item = (Framework, Way)> {
    let ways = [Way::Discovery, Way::JwksUrl];
    Framework::ALL.into_iter().flat_map(move |framework| ways.map(|way| (framework, way)))
}

/// Long for a good answer on loopback, and short for a provider that never answers.
const DEADLINE: Duration = Duration::from_secs(2);

/// The bound of the default settings.
const MAX_STALE: Duration = Duration::from_secs(4 * 60 * 60);

/// The first pause after a failure, as short as its jitter makes it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(400);

/// What the issue promises: the longest pause between attempts is half of it.
const HEALED_WITHIN: Duration = Duration::from_secs(10);

/// What one fetch can make a provider send: what is read, and what fits into the buffers of both ends of a connection.
const IN_FLIGHT: u64 = 12 * 1024 * 1024;
