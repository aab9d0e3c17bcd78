//! A provider in memory, which answers under a clock that is told to move.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use faults::{Framework, Service, TokioClock};
use linchpin::Auth;
use linchpin_jwt::Algorithm;
use linchpin_oauth::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse};
use linchpin_test::TestIssuer;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// How the provider is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Up,
    Down,
    Hanging,
}

/// A provider, and a service that trusts it.
pub(crate) struct Scene {
    pub(crate) issuer: Arc<TestIssuer>,
    pub(crate) auth: Auth,
    pub(crate) service: Service,
    mode: watch::Sender<Mode>,
    fetches: Arc<AtomicUsize>,
    seen: Cell<usize>,
}

impl Scene {
    pub(crate) async fn start(framework: Framework, mode: Mode) -> Self {
        let clock = TokioClock::start();
        let issuer = Arc::new(TestIssuer::builder().clock(clock).build());
        let (mode, fetches) = (watch::Sender::new(mode), Arc::new(AtomicUsize::new(0)));
        let script = Script { issuer: issuer.clone(), mode: mode.subscribe(), fetches: fetches.clone() };
        let auth = Auth::issuer(issuer.issuer())
            .audience(issuer.audience())
            .algorithms([Algorithm::ES256])
            .jwks_url("https://issuer.test/jwks")
            .clock(clock)
            .fetch_with(script)
            .build()
            .unwrap();
        let service = framework.serve(auth.clone()).await;
        Self { issuer, auth, service, mode, fetches, seen: Cell::new(0) }
    }

    /// A scene in which the keys are there.
    pub(crate) async fn warm(framework: Framework) -> Self {
        let scene = Self::start(framework, Mode::Up).await;
        scene.auth.ready().await;
        assert_eq!(scene.new_fetches(), 1);
        scene
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many fetches have begun since this was asked last.
    pub(crate) fn new_fetches(&self) -> usize {
        let all = self.fetches.load(Ordering::Relaxed);
        all - self.seen.replace(all)
    }

    /// A good token of the current key.
    pub(crate) fn good(&self) -> String {
        self.issuer.token("ann").sign()
    }

    /// The status, and the reason of a refusal.
    pub(crate) async fn get(&self, token: &str) -> (u16, Option<String>) {
        let answer = self.service.get("/whoami", token).await;
        (answer.status, answer.reason)
    }

    /// How long it takes from now until the service is ready.
    pub(crate) async fn time_to_heal(&self) -> Duration {
        let from = Instant::now();
        while self.service.probe("/readyz").await.status != 200 {
            sleep(Duration::from_millis(10)).await;
        }
        from.elapsed()
    }
}

struct Script {
    issuer: Arc<TestIssuer>,
    mode: watch::Receiver<Mode>,
    fetches: Arc<AtomicUsize>,
}

impl Fetch for Script {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            // Nobody answers at once, so that several can wait for the same answer.
            sleep(Duration::from_millis(1)).await;
            let mode = *self.mode.borrow();
            match mode {
                Mode::Up => Ok(FetchResponse::new(200, self.issuer.jwk_set())),
                Mode::Down => Err(FetchError::new("connection refused")),
                Mode::Hanging => std::future::pending().await,
            }
        })
    }
}

pub(crate) fn refused(status: u16, reason: &str) -> (u16, Option<String>) {
    (status, Some(reason.to_owned()))
}

pub(crate) const ACCEPTED: (u16, Option<String>) = (200, None);
