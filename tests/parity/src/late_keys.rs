//! Keys that are not there when a token asks for them.

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use linchpin_core::{Refusal, Timestamp};
use linchpin_jwt::{Algorithm, Algorithms, KeySet, KeySource, Refresh};
use linchpin_test::TestIssuer;
use tokio::{sync::Notify, task::yield_now};

/// A key source without keys; what becomes of a token that asks for newer ones is its [`Arrival`].
pub(crate) struct LateKeys {
    issuer: TestIssuer,
    arrival: Arrival,
}

/// Whether and when the keys of a [`LateKeys`] come.
#[derive(Clone)]
pub(crate) enum Arrival {
    /// Nobody fetches them.
    NotTried,
    /// The fetch is waited for, and fails.
    Fails,
    /// The fetch is waited for, and brings them.
    Succeeds,
    /// The fetch is waited for, and brings them once a [`Hold`] lets go.
    Held(Held),
}

/// What a request that is held shares with the one [`Hold`].
#[derive(Clone)]
pub(crate) struct Held {
    waits: Sender<()>,
    release: Arc<Notify>,
}

/// Decides when requests go on that wait for held keys, so that a test needs no sleep to catch one waiting.
pub struct Hold {
    waiting: Receiver<()>,
    release: Arc<Notify>,
}

impl LateKeys {
    pub(crate) fn new(issuer: &TestIssuer, arrival: Arrival) -> Self {
        Self { issuer: issuer.clone(), arrival }
    }
}

impl KeySource for LateKeys {
    fn algorithms(&self) -> Algorithms {
        Algorithm::ALL.into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Err(unavailable())
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        if matches!(self.arrival, Arrival::NotTried) {
            return Refresh::Refused(unavailable());
        }
        let (issuer, arrival) = (self.issuer.clone(), self.arrival.clone());
        Refresh::Pending(Box::pin(async move {
            match arrival {
                Arrival::NotTried | Arrival::Fails => {
                    yield_now().await;
                    return Err(unavailable());
                }
                Arrival::Succeeds => yield_now().await,
                Arrival::Held(held) => {
                    // Nobody is told if the test is over already.
                    let _ = held.waits.send(());
                    held.release.notified().await;
                }
            }
            Ok(issuer.key_set())
        }))
    }
}

impl Hold {
    pub(crate) fn new() -> (Self, Held) {
        let (waits, waiting) = mpsc::channel();
        let release = Arc::new(Notify::new());
        (Self { waiting, release: release.clone() }, Held { waits, release })
    }

    /// Blocks until a request waits for the keys.
    ///
    /// # Panics
    ///
    /// If none does within five seconds.
    pub fn until_one_waits(&self) {
        self.waiting.recv_timeout(Duration::from_secs(5)).expect("no request waits for keys");
    }

    /// Brings the keys to the one request that waits.
    pub fn release_one(&self) {
        self.release.notify_one();
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold(..)")
    }
}

fn unavailable() -> Refusal {
    Refusal::keys_unavailable(Duration::from_secs(7))
}
