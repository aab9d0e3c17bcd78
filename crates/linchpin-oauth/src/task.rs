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
    time::{Instant, sleep, timeout},
};

use crate::{
    Fetch, FetchError, FetchRequest, FetchResponse, KeyState, KeysHealth, budget::Budget, cache_control,
    fetch::Chain, location::Transport, metadata::Metadata,
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
    /// At the `jwks_uri` of this issuer's metadata, which stands below `base`.
    Discovery { base: String, issuer: String },
    /// At this URL.
    JwksUrl(String),
}

impl Location {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Discovery { base: url, .. } | Self::JwksUrl(url) => url,
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
    ended: watch::Sender<Ended>,
}

struct Loaded {
    keys: Arc<KeySet>,
    fetched_at: FetchedAt,
    /// The document itself, so that the same one again is known to bring nothing new.
    body: Arc<[u8]>,
    /// The URL and the `ETag` of the document, for a conditional request.
    validator: Option<(String, String)>,
}

/// When a fetch began, by both clocks.
#[derive(Clone, Copy)]
struct FetchedAt {
    wall: Timestamp,
    monotonic: Instant,
}

impl FetchedAt {
    /// The larger of both ages: a wall clock may be set back, and the other one stands still while the machine sleeps.
    fn age(self, now: Timestamp) -> Duration {
        now.saturating_duration_since(self.wall).max(self.monotonic.elapsed())
    }
}

struct Progress {
    budget: Budget,
    phase: Phase,
    failures: u32,
    /// Why the last fetch failed, if it did.
    last_error: Option<String>,
}

/// Where the next fetch to end stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Phase {
    /// Nobody has asked for it yet.
    Idle,
    /// It is about to begin.
    Requested,
    UnderWay,
}

/// How many fetches have ended, and the number of the last of them that succeeded (both from one; zero is none).
#[derive(Clone, Copy, Default)]
struct Ended {
    count: u64,
    last_success: u64,
}

/// A fetch that a reader waits for, by its number.
struct Awaited {
    number: u64,
    /// What it brings may be older than the reader's question.
    has_begun: bool,
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        let budget = Budget::new(plan.unknown_key_interval, plan.clock.now());
        Self {
            plan,
            loaded: ArcSwapOption::empty(),
            // The first fetch is about to begin: whoever comes before it waits for it.
            progress: Mutex::new(Progress { budget, phase: Phase::Requested, failures: 0, last_error: None }),
            fetch_now: Notify::new(),
            ended: watch::Sender::new(Ended::default()),
        }
    }

    /// The keys, unless there are none, or none that are fresh enough.
    pub(crate) fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        match &*self.loaded.load() {
            Some(loaded) if loaded.fetched_at.age(now) <= self.plan.max_stale => Ok(loaded.keys.clone()),
            _ => Err(Refusal::keys_unavailable(MAX_BACK_OFF)),
        }
    }

    /// How the keys are; whoever asks sees one moment, and holds the lock for a few instructions.
    pub(crate) fn health(&self, now: Timestamp) -> KeysHealth {
        let (is_fetching, last_error) = {
            let progress = self.progress();
            (progress.phase != Phase::Idle, progress.last_error.clone())
        };
        let loaded = self.loaded.load();
        let age = loaded.as_ref().map(|loaded| loaded.fetched_at.age(now));
        let state = match age {
            None => KeyState::NeverLoaded,
            Some(age) if age > self.plan.max_stale => KeyState::TooStale,
            Some(_) if is_fetching => KeyState::Refreshing,
            Some(_) if last_error.is_some() => KeyState::Stale,
            Some(_) => KeyState::Fresh,
        };
        let keys = loaded.as_ref().map_or(0, |loaded| loaded.keys.len());
        KeysHealth { state, keys, age, last_error }
    }

    /// What a token hears whose key is missing.
    pub(crate) fn refresh(self: &Arc<Self>, now: Timestamp) -> Refresh {
        let known = self.loaded_keys();
        let awaited = match self.request_fetch(now) {
            Ok(awaited) => awaited,
            Err(wait) => return Refresh::Refused(self.refuse_unknown(now, wait)),
        };
        let shared = self.clone();
        Refresh::Pending(Box::pin(async move {
            // The task keeps the deadline. Should its runtime be gone or stuck, this still ends.
            let patience = shared.plan.deadline.saturating_add(Duration::from_secs(1));
            let newest = timeout(patience, shared.newest(awaited, known));
            newest.await.unwrap_or_else(|_| Err(Refusal::keys_unavailable(MAX_BACK_OFF)))
        }))
    }

    /// The fetch that ends next, which is caused if need be.
    ///
    /// # Errors
    ///
    /// The time until one may be caused again.
    fn request_fetch(&self, now: Timestamp) -> Result<Awaited, Duration> {
        // Counted under the lock under which a fetch begins and ends, so that the number is that of the right one.
        let mut progress = self.progress();
        if progress.phase == Phase::Idle {
            progress.budget.take(now)?;
            progress.phase = Phase::Requested;
            self.fetch_now.notify_one();
        }
        let number = self.ended.borrow().count + 1;
        Ok(Awaited { number, has_begun: progress.phase == Phase::UnderWay })
    }

    /// The keys after a fetch, for a reader who misses one among `known`.
    async fn newest(&self, awaited: Awaited, known: Option<Arc<KeySet>>) -> Result<Arc<KeySet>, Refusal> {
        self.success(awaited.number).await?;
        let is_unchanged =
            self.loaded_keys().map(|keys| Arc::as_ptr(&keys)) == known.as_ref().map(Arc::as_ptr);
        // The provider may have answered before it published the key; a fetch that begins now, or has begun since, tells.
        if awaited.has_begun
            && is_unchanged
            && let Ok(next) = self.request_fetch(self.plan.clock.now())
        {
            self.success(next.number).await?;
        }
        self.keys(self.plan.clock.now())
    }

    /// Waits for the end of a fetch; it counts as a success if it is one, or a later one is.
    async fn success(&self, number: u64) -> Result<(), Refusal> {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(|ended| ended.count >= number).await {
            Ok(ended) if ended.last_success >= number => Ok(()),
            _ => Err(Refusal::keys_unavailable(MAX_BACK_OFF)),
        }
    }

    fn loaded_keys(&self) -> Option<Arc<KeySet>> {
        self.loaded.load().as_ref().map(|loaded| loaded.keys.clone())
    }

    /// An unknown key is the token's fault if the keys are known to be current, and ours if they are not.
    fn refuse_unknown(&self, now: Timestamp, wait: Duration) -> Refusal {
        let is_current = |loaded: &Loaded| loaded.fetched_at.age(now) <= self.plan.unknown_key_interval;
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
            let started_at = FetchedAt { wall: self.plan.clock.now(), monotonic: Instant::now() };
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
        self.progress().phase = Phase::UnderWay;
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
            Location::Discovery { base, issuer } => {
                let answer = self.get(&Metadata::url(base), None).await?;
                Metadata::read(&require_ok(answer, "the metadata")?.body, issuer, transport)?.jwks_uri
            }
        };

        let loaded = self.loaded.load_full();
        let known = loaded.as_deref().and_then(|loaded| Some((loaded, loaded.validator.as_ref()?)));
        let known = known.filter(|(_, (validated, _))| *validated == url);
        let answer = self.get(&url, known.map(|(_, (_, etag))| etag.as_str())).await?;
        let fresh_for = answer.cache_control.as_deref().and_then(cache_control::freshness);
        let validator = answer.etag.clone().map(|etag| (url, etag));
        if let (Some((loaded, known)), 304) = (known, answer.status) {
            tracing::trace!(etag = known.1, "the key set has not changed");
            let validator = validator.or_else(|| Some(known.clone()));
            return Ok(Fetched { validator, fresh_for, ..Fetched::again(loaded) });
        }
        let body = require_ok(answer, "the key set")?.body;
        if let Some(loaded) = loaded.as_deref().filter(|loaded| *loaded.body == *body) {
            return Ok(Fetched { validator, fresh_for, ..Fetched::again(loaded) });
        }
        let keys = rules
            .read_jwk_set(&body)
            .map_err(|error| FetchError::new("the key set is of no use").with_source(error))?;
        Ok(Fetched { keys: Arc::new(keys), body: body.into(), fresh_for, validator, is_new: true })
    }

    async fn get(&self, url: &str, if_none_match: Option<&str>) -> Result<FetchResponse, FetchError> {
        let max_bytes = self.plan.max_bytes;
        self.plan.fetcher.fetch(FetchRequest { url, if_none_match, max_bytes }).await
    }

    /// Publishes the result, and says how long to pause.
    fn conclude(&self, started_at: FetchedAt, result: Result<Fetched, FetchError>) -> Duration {
        let (pause, failures, last_error) = match result {
            Ok(fetched) => {
                let pause = self.pause_after_success(fetched.fresh_for);
                self.log_success(&fetched);
                let Fetched { keys, body, validator, .. } = fetched;
                self.loaded.store(Some(Arc::new(Loaded { keys, body, fetched_at: started_at, validator })));
                (pause, 0, None)
            }
            Err(error) => {
                let failures = self.progress().failures.saturating_add(1);
                self.log_failure(&error, failures);
                let told = Chain(&error).to_string().chars().take(MAX_TOLD).collect();
                (back_off(failures), failures, Some(told))
            }
        };
        let mut progress = self.progress();
        progress.phase = Phase::Idle;
        progress.failures = failures;
        progress.last_error = last_error;
        self.ended.send_modify(|ended| {
            ended.count += 1;
            if failures == 0 {
                ended.last_success = ended.count;
            }
        });
        pause
    }

    /// `Cache-Control` moves the refresh only between ten seconds and the setting.
    fn pause_after_success(&self, fresh_for: Option<Duration>) -> Duration {
        let longest = self.plan.refresh;
        let wanted = fresh_for.map_or(longest, |fresh_for| fresh_for.max(MIN_REFRESH).min(longest));
        // A tenth earlier at most, so that forty services that started together do not fetch together for ever.
        wanted.mul_f64(1.0 - 0.1 * random()).max(MIN_REFRESH)
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
    body: Arc<[u8]>,
    fresh_for: Option<Duration>,
    validator: Option<(String, String)>,
    is_new: bool,
}

impl Fetched {
    /// The same keys as before.
    fn again(Loaded { keys, body, .. }: &Loaded) -> Self {
        Self { keys: keys.clone(), body: body.clone(), fresh_for: None, validator: None, is_new: false }
    }
}

fn require_ok(answer: FetchResponse, what: &str) -> Result<FetchResponse, FetchError> {
    match answer.status {
        200 => Ok(answer),
        304 => Err(FetchError::new(format!(
            "{what} was answered with status 304 (not modified), though there was none to be modified"
        ))),
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

/// How much of an error is kept to be told, in characters.
const MAX_TOLD: usize = 512;

/// `Cache-Control` never asks for more than one fetch in this time.
const MIN_REFRESH: Duration = Duration::from_secs(10);

/// The longest pause between attempts during an outage; a provider that comes back is noticed within it.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use linchpin_core::SystemClock;
    use linchpin_jwt::Algorithm;

    use super::*;
    use crate::FetchFuture;

    struct NeverFetches;

    impl Fetch for NeverFetches {
        fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_at_the_very_end_of_the_pause_causes_one_fetch_and_not_two() {
        let shared = Arc::new(Shared::new(Plan {
            location: Location::JwksUrl("https://id.example/keys".to_owned()),
            rules: KeyRules::new([Algorithm::ES256]),
            transport: Transport::default(),
            fetcher: Box::new(NeverFetches),
            clock: Arc::new(SystemClock),
            refresh: Duration::from_secs(300),
            max_stale: Duration::from_secs(3600),
            deadline: Duration::from_secs(5),
            max_bytes: 1000,
            unknown_key_interval: Duration::from_secs(10),
        }));
        shared.progress().phase = Phase::Idle;

        // The pause has ended by itself, and nobody is left who would hear of the request.
        assert!(matches!(shared.refresh(shared.plan.clock.now()), Refresh::Pending(_)));
        shared.begin().await;

        assert!(timeout(Duration::from_secs(1), shared.fetch_now.notified()).await.is_err());
    }

    #[test]
    fn a_status_that_brings_no_document_is_told() {
        let told = |status| require_ok(FetchResponse::new(status, ""), "it").unwrap_err().to_string();

        assert_eq!(told(302), "it was answered with the redirect 302, which is not followed");
        assert_eq!(
            told(304),
            "it was answered with status 304 (not modified), though there was none to be modified"
        );
        assert_eq!(told(500), "it was answered with status 500");
    }
}
