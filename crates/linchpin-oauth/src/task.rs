//! The background task that fetches keys, and the state that it shares with readers.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use linchpin_core::{Clock, Reason, Refusal, Timestamp};
use linchpin_jwt::{KeyRules, KeySet, Refresh};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Fetch, FetchError, FetchRequest, FetchResponse, budget::Budget, cache_control, fetch::Chain,
    location::Transport, metadata::Metadata,
};

/// Everything that is decided before the first fetch.
pub(crate) struct Plan {
    pub(crate) location: Location,
    pub(crate) rules: KeyRules,
    pub(crate) transport: Transport,
    pub(crate) fetcher: Box<dyn Fetch>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) refresh: Duration,
    pub(crate) max_stale: Duration,
    pub(crate) deadline: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) unknown_key_interval: Duration,
}

/// Where the keys are.
#[derive(Debug)]
pub(crate) enum Location {
    /// At the `jwks_uri` of this issuer's metadata.
    Discovery { issuer: String },
    /// At this URL.
    JwksUrl(String),
}

impl Location {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Discovery { issuer: url } | Self::JwksUrl(url) => url,
        }
    }
}

/// What the task and the readers share. Readers only load `loaded`; the mutex is held for a few instructions, by whoever
/// misses a key and by the task between fetches, never across I/O.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    loaded: ArcSwapOption<Loaded>,
    progress: Mutex<Progress>,
    fetch_now: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
}

struct Loaded {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
    /// The URL and the `ETag` of the document, for a conditional request.
    validator: Option<(String, String)>,
}

struct Progress {
    budget: Budget,
    /// A fetch is under way, or about to be.
    is_fetching: bool,
    failures: u32,
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        let budget = Budget::new(plan.unknown_key_interval, plan.clock.now());
        Self {
            plan,
            loaded: ArcSwapOption::empty(),
            // The first fetch is about to begin: whoever comes before it waits for it.
            progress: Mutex::new(Progress { budget, is_fetching: true, failures: 0 }),
            fetch_now: Notify::new(),
            ended: watch::Sender::new(0),
        }
    }

    /// The keys, unless there are none, or none that are fresh enough.
    pub(crate) fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        match &*self.loaded.load() {
            Some(loaded) if now.saturating_duration_since(loaded.fetched_at) <= self.plan.max_stale => {
                Ok(loaded.keys.clone())
            }
            _ => Err(Refusal::keys_unavailable(MAX_BACK_OFF)),
        }
    }

    /// What a token hears whose key is missing.
    pub(crate) fn refresh(self: &Arc<Self>, now: Timestamp) -> Refresh {
        let mut progress = self.progress();
        if !progress.is_fetching {
            if let Err(wait) = progress.budget.take(now) {
                return Refresh::Refused(self.refuse_unknown(now, wait));
            }
            progress.is_fetching = true;
            self.fetch_now.notify_one();
        }
        // Subscribed under the lock under which the fetch will end, so that its end cannot be missed.
        let mut ended = self.ended.subscribe();
        drop(progress);

        let shared = self.clone();
        Refresh::Pending(Box::pin(async move {
            // The task keeps the deadline. Should its runtime be gone or stuck, this still ends.
            let patience = shared.plan.deadline.saturating_add(Duration::from_secs(1));
            match timeout(patience, ended.changed()).await {
                Ok(Ok(())) if shared.progress().failures == 0 => shared.keys(shared.plan.clock.now()),
                _ => Err(Refusal::keys_unavailable(MAX_BACK_OFF)),
            }
        }))
    }

    /// An unknown key is the token's fault if the keys are known to be current, and ours if they are not.
    fn refuse_unknown(&self, now: Timestamp, wait: Duration) -> Refusal {
        let is_current = |loaded: &Loaded| {
            now.saturating_duration_since(loaded.fetched_at) <= self.plan.unknown_key_interval
        };
        match &*self.loaded.load() {
            Some(loaded) if is_current(loaded) => Reason::UnknownKey.into(),
            _ => Refusal::keys_unavailable(wait),
        }
    }

    /// Waits until a fetch has succeeded; forever, if none does.
    pub(crate) async fn first_success(&self) {
        let mut ended = self.ended.subscribe();
        while self.loaded.load().is_none() && ended.changed().await.is_ok() {}
    }

    /// Fetches until it is dropped: ahead of need, on request, and with patience after a failure.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.begin().await;
            let started_at = self.plan.clock.now();
            let result = self.attempt().await;
            let pause = self.conclude(started_at, result);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.fetch_now.notified() => {}
            }
        }
    }

    /// From here on, whoever misses a key waits for this fetch, and who asked for one has been heard.
    async fn begin(&self) {
        self.progress().is_fetching = true;
        tokio::select! {
            biased;
            () = self.fetch_now.notified() => {}
            () = std::future::ready(()) => {}
        }
    }

    /// One fetch within the deadline, as a task of its own: a panic of the fetcher or of the backend is a failed fetch, and
    /// not the end of this task. It ends with the `JoinSet`, in time or not.
    async fn attempt(self: &Arc<Self>) -> Result<Fetched, FetchError> {
        let (shared, mut attempt) = (self.clone(), JoinSet::new());
        attempt.spawn(async move { shared.fetch().await });
        match timeout(self.plan.deadline, attempt.join_next()).await {
            Ok(Some(Ok(result))) => result,
            // What it said may be anything, and the panic hook has reported it.
            Ok(_) => Err(FetchError::new("the fetch panicked")),
            Err(_) => Err(FetchError::new(format!("no whole answer within {:?}", self.plan.deadline))),
        }
    }

    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let Plan { location, transport, rules, .. } = &self.plan;
        let url = match location {
            Location::JwksUrl(url) => url.clone(),
            Location::Discovery { issuer } => {
                let answer = self.get(&Metadata::url(issuer), None).await?;
                Metadata::read(&require_ok(answer, "the metadata")?.body, issuer, transport)?.jwks_uri
            }
        };

        let loaded = self.loaded.load_full();
        let known = loaded.as_ref().and_then(|loaded| {
            let (validated, etag) = loaded.validator.as_ref()?;
            (*validated == url).then_some((&loaded.keys, etag.as_str()))
        });
        let answer = self.get(&url, known.map(|(_, etag)| etag)).await?;
        let fresh_for = answer.cache_control.as_deref().and_then(cache_control::freshness);
        let validator = answer.etag.clone().map(|etag| (url, etag));
        match known {
            Some((keys, etag)) if answer.status == 304 => {
                let validator = validator.or_else(|| loaded.as_ref()?.validator.clone());
                tracing::trace!(etag, "the key set has not changed");
                Ok(Fetched { keys: keys.clone(), fresh_for, validator, is_new: false })
            }
            _ => {
                let body = require_ok(answer, "the key set")?.body;
                let keys = rules
                    .read_jwk_set(&body)
                    .map_err(|error| FetchError::new("the key set is of no use").with_source(error))?;
                Ok(Fetched { keys: Arc::new(keys), fresh_for, validator, is_new: true })
            }
        }
    }

    async fn get(&self, url: &str, if_none_match: Option<&str>) -> Result<FetchResponse, FetchError> {
        let max_bytes = self.plan.max_bytes;
        self.plan.fetcher.fetch(FetchRequest { url, if_none_match, max_bytes }).await
    }

    /// Publishes the result, and says how long to pause.
    fn conclude(&self, started_at: Timestamp, result: Result<Fetched, FetchError>) -> Duration {
        let (pause, failures) = match result {
            Ok(fetched) => {
                let pause = self.pause_after_success(fetched.fresh_for);
                self.log_success(&fetched);
                let Fetched { keys, validator, .. } = fetched;
                self.loaded.store(Some(Arc::new(Loaded { keys, fetched_at: started_at, validator })));
                (pause, 0)
            }
            Err(error) => {
                let failures = self.progress().failures.saturating_add(1);
                self.log_failure(&error, failures);
                (back_off(failures), failures)
            }
        };
        let mut progress = self.progress();
        progress.is_fetching = false;
        progress.failures = failures;
        self.ended.send_modify(|ended| *ended += 1);
        pause
    }

    /// `Cache-Control` moves the refresh only between ten seconds and the setting.
    fn pause_after_success(&self, fresh_for: Option<Duration>) -> Duration {
        let longest = self.plan.refresh;
        let wanted = fresh_for.map_or(longest, |fresh_for| fresh_for.max(MIN_REFRESH).min(longest));
        // A tenth earlier at most, so that forty services that started together do not fetch together for ever.
        wanted.mul_f64(1.0 - 0.1 * random())
    }

    fn log_success(&self, fetched: &Fetched) {
        let (location, keys) = (self.plan.location.url(), &fetched.keys);
        let failures = self.progress().failures;
        if self.loaded.load().is_none() || failures > 0 {
            tracing::info!(location, keys = keys.len(), failures, "the issuer's keys are there");
        }
        let skipped = |keys: &KeySet| keys.skipped().to_vec();
        if fetched.is_new
            && self.loaded.load().as_ref().map(|loaded| skipped(&loaded.keys)) != Some(skipped(keys))
        {
            for skipped in keys.skipped() {
                tracing::warn!(location, key = skipped.index, reason = %skipped.error, "a published key is not used");
            }
        }
    }

    /// Once per outage as a warning, so that a long one does not flood the log.
    fn log_failure(&self, error: &FetchError, failures: u32) {
        let (location, error) = (self.plan.location.url(), Chain(error));
        if failures == 1 {
            tracing::warn!(location, %error, "the issuer's keys could not be fetched; trying again until they can");
        } else {
            tracing::debug!(location, %error, failures, "the issuer's keys still cannot be fetched");
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing panics while the lock is held; if something did, the counters would still be usable.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Fetched {
    keys: Arc<KeySet>,
    fresh_for: Option<Duration>,
    validator: Option<(String, String)>,
    is_new: bool,
}

fn require_ok(answer: FetchResponse, what: &str) -> Result<FetchResponse, FetchError> {
    match answer.status {
        200 => Ok(answer),
        status @ 300..400 => Err(FetchError::new(format!(
            "{what} was answered with the redirect {status}, which is not followed"
        ))),
        status => Err(FetchError::new(format!("{what} was answered with status {status}"))),
    }
}

/// Half a second, doubled with each failure up to five, less up to a fifth.
fn back_off(failures: u32) -> Duration {
    let doubled = Duration::from_millis(500).saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(MAX_BACK_OFF).mul_f64(1.0 - 0.2 * random())
}

/// A number from 0 to 1 that differs between processes; nothing secret hangs on it.
fn random() -> f64 {
    let hash = RandomState::new().hash_one(());
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// `Cache-Control` never asks for more than one fetch in this time.
const MIN_REFRESH: Duration = Duration::from_secs(10);

/// The longest pause between attempts during an outage; a provider that comes back is noticed within it.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);
