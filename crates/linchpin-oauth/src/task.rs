//! The background task that fetches keys, and the state that it shares with readers.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::{Clock, Reason, Refusal, Timestamp};
use linchpin_jwt::{KeyRules, KeySet, Refresh};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Fetch, FetchError, FetchRequest, FetchResponse, KeyState, KeysHealth,
    budget::Budget,
    cache_control,
    fetch::Chain,
    handover::Handover,
    location::{Transport, without_secrets},
    metadata::Metadata,
    moment::Moment,
    random,
    tell::Teller,
};

/// Everything that is decided before the first fetch.
pub(crate) struct Plan {
    pub(crate) teller: Teller,
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
pub(crate) enum Location {
    /// At the `jwks_uri` of this issuer's metadata, which stands below `base`.
    Discovery { base: String, issuer: String },
    /// At this URL.
    JwksUrl(String),
}

impl Location {
    /// The URL as a log may show it: the query of a key set's may hold a secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Discovery { base: url, .. } | Self::JwksUrl(url) => without_secrets(url),
        }
    }

    /// The issuer, or what comes closest to its name.
    pub(crate) fn issuer(&self) -> String {
        match self {
            Self::Discovery { issuer, .. } => issuer.clone(),
            Self::JwksUrl(_) => self.shown(),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// What the task and the readers share.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    handover: Handover<Loaded>,
}

struct Loaded {
    keys: Arc<KeySet>,
    fetched_at: Moment,
    /// The document itself, so that the same one again is known to bring nothing new.
    body: Arc<[u8]>,
    /// The URL and the `ETag` of the document, for a conditional request.
    validator: Option<(String, String)>,
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        let budget = Budget::new(plan.unknown_key_interval, plan.clock.now());
        Self { plan, handover: Handover::new(budget) }
    }

    /// The keys, unless there are none, or none that are fresh enough.
    pub(crate) fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        self.with_keys(now, Arc::clone).ok_or_else(|| Refusal::keys_unavailable(MAX_BACK_OFF))
    }

    /// What `look` sees in the keys, if there are some that are fresh enough; no counter is touched for it.
    pub(crate) fn with_keys<R>(&self, now: Timestamp, look: impl FnOnce(&Arc<KeySet>) -> R) -> Option<R> {
        match &*self.handover.latest().load() {
            Some(loaded) if loaded.age(now) <= self.plan.max_stale => Some(look(&loaded.keys)),
            _ => None,
        }
    }

    /// How the keys are; whoever asks sees one moment, and holds the lock for a few instructions.
    pub(crate) fn health(&self, now: Timestamp) -> KeysHealth {
        let (is_fetching, ended, failed, last_error) = self.handover.inspect(|machine| {
            let last_error = machine.last_error().map(str::to_owned);
            (machine.is_fetching(), machine.ended().count, machine.failed(), last_error)
        });
        let loaded = self.handover.latest().load();
        let age = loaded.as_ref().map(|loaded| loaded.age(now));
        let state = match age {
            None => KeyState::NeverLoaded,
            Some(age) if age > self.plan.max_stale => KeyState::TooStale,
            Some(_) if is_fetching => KeyState::Refreshing,
            Some(_) if last_error.is_some() => KeyState::Stale,
            Some(_) => KeyState::Fresh,
        };
        let (keys, skipped) =
            loaded.as_ref().map_or((0, 0), |loaded| (loaded.keys.len(), loaded.keys.skipped().len()));
        KeysHealth { state, keys, skipped, age, succeeded: ended - failed, failed, last_error }
    }

    /// What a token hears whose key is missing.
    pub(crate) fn refresh(self: &Arc<Self>, now: Timestamp) -> Refresh {
        let known = self.loaded_keys();
        let awaited = match self.handover.request(now) {
            Ok(awaited) => awaited,
            Err(wait) => return Refresh::Refused(self.refuse_unknown(now, wait)),
        };
        let shared = self.clone();
        Refresh::Pending(Box::pin(async move {
            let is_unchanged =
                || shared.loaded_keys().map(|keys| Arc::as_ptr(&keys)) == known.as_ref().map(Arc::as_ptr);
            let newest = shared.handover.wait(awaited, is_unchanged, || shared.plan.clock.now());
            // The task keeps the deadline. Should its runtime be stuck, this still ends.
            let patience = shared.plan.deadline.saturating_add(Duration::from_secs(1));
            match timeout(patience, newest).await {
                Ok(Ok(())) => shared.keys(shared.plan.clock.now()),
                Ok(Err(_)) | Err(_) => Err(Refusal::keys_unavailable(MAX_BACK_OFF)),
            }
        }))
    }

    /// A signature has failed under a key that is there: the issuer may have put another one in its place.
    pub(crate) fn suspect(&self, now: Timestamp) {
        self.handover.suspect(now);
    }

    fn loaded_keys(&self) -> Option<Arc<KeySet>> {
        self.handover.latest().load().as_ref().map(|loaded| loaded.keys.clone())
    }

    /// An unknown key is the token's fault if the keys are known to be current, and ours if they are not.
    fn refuse_unknown(&self, now: Timestamp, wait: Duration) -> Refusal {
        let is_current = |loaded: &Loaded| loaded.age(now) <= self.plan.unknown_key_interval;
        match &*self.handover.latest().load() {
            Some(loaded) if is_current(loaded) => Reason::UnknownKey.into(),
            _ => Refusal::keys_unavailable(wait),
        }
    }

    /// Waits until a fetch has succeeded; forever, if none does.
    pub(crate) async fn first_success(&self) {
        self.handover.first_success().await;
    }

    /// Fetches until it is dropped: ahead of need, on request, and with patience after a failure.
    pub(crate) fn run(self: Arc<Self>) -> impl Future<Output = ()> {
        // Made here: a task that is dropped before it is polled has ended, too.
        let closing = Closing(self.clone());
        async move {
            let _closing = closing;
            loop {
                self.handover.begin().await;
                let started_at = Moment::now(&*self.plan.clock);
                let result = self.attempt().await;
                let pause = self.conclude(started_at, result);
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.handover.requested() => {}
                }
            }
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

        let loaded = self.handover.latest().load_full();
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
        Ok(Fetched { keys: Arc::new(keys), body: body.into(), fresh_for, validator })
    }

    async fn get(&self, url: &str, if_none_match: Option<&str>) -> Result<FetchResponse, FetchError> {
        let max_bytes = self.plan.max_bytes;
        self.plan.fetcher.fetch(FetchRequest { url, if_none_match, max_bytes }).await
    }

    /// Publishes the result, and says how long to pause.
    fn conclude(&self, started_at: Moment, result: Result<Fetched, FetchError>) -> Duration {
        let teller = &self.plan.teller;
        match result {
            Ok(Fetched { keys, body, fresh_for, validator }) => {
                let before = self.loaded_keys();
                teller.skipped(before.as_deref(), &keys);
                let (count, pause) = (keys.len(), self.pause_after_success(fresh_for));
                let change =
                    self.handover.succeed(Arc::new(Loaded { keys, body, fetched_at: started_at, validator }));
                teller.success(change, count);
                pause
            }
            Err(error) => {
                let (count, is_too_stale) =
                    self.handover.latest().load().as_ref().map_or((0, false), |loaded| {
                        let age = loaded.age(self.plan.clock.now());
                        (loaded.keys.len(), age > self.plan.max_stale)
                    });
                let told: String = Chain(&error).to_string().chars().take(MAX_TOLD).collect();
                let change = self.handover.fail(told.clone(), is_too_stale);
                let failures = self.handover.inspect(|machine| machine.failures());
                teller.failure(change, count, failures, &told);
                back_off(failures)
            }
        }
    }

    /// `Cache-Control` moves the refresh only between ten seconds and the setting.
    fn pause_after_success(&self, fresh_for: Option<Duration>) -> Duration {
        let longest = self.plan.refresh;
        let wanted = fresh_for.map_or(longest, |fresh_for| fresh_for.max(MIN_REFRESH).min(longest));
        // A tenth earlier at most, so that forty services that started together do not fetch together for ever.
        wanted.mul_f64(1.0 - 0.1 * random::fraction()).max(MIN_REFRESH)
    }
}

/// Lets those who wait go when the task ends, whether it is dropped with its owner, with its runtime, or in a panic.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.handover.close();
    }
}

impl Loaded {
    fn age(&self, now: Timestamp) -> Duration {
        Moment { wall: now, monotonic: Instant::now() }.since(self.fetched_at)
    }
}

struct Fetched {
    keys: Arc<KeySet>,
    body: Arc<[u8]>,
    fresh_for: Option<Duration>,
    validator: Option<(String, String)>,
}

impl Fetched {
    /// The same keys as before.
    fn again(Loaded { keys, body, .. }: &Loaded) -> Self {
        Self { keys: keys.clone(), body: body.clone(), fresh_for: None, validator: None }
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
    doubled.min(MAX_BACK_OFF).mul_f64(1.0 - 0.2 * random::fraction())
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
            teller: Teller::new("https://id.example", "https://id.example/keys"),
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
        shared.handover.begin().await;
        shared.handover.fail("down".to_owned(), false);

        // The pause has ended by itself, and nobody is left who would hear of the request.
        assert!(matches!(shared.refresh(shared.plan.clock.now()), Refresh::Pending(_)));
        shared.handover.begin().await;

        assert!(timeout(Duration::from_secs(1), shared.handover.requested()).await.is_err());
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
