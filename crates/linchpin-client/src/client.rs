//! A client for one upstream service.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use http::{HeaderName, Method};
use linchpin_core::Clock;
use linchpin_oauth::TokenSource;
use tokio::time::Instant;

use crate::{
    ClientBuilder, ClientHealth, ClientService, RequestBuilder,
    base::Base,
    breaker::{Change, Circuit, Ticket, Verdict},
    budget::Budget,
    bulkhead::Places,
    credential::Credential,
    jitter::Jitter,
    retries::Retries,
};

/// Calls one upstream service.
///
/// Within a request of ours it carries request id, trace context and deadline along by itself; it sends no credential until a
/// [token source](ClientBuilder::token_source) is named. Clones are cheap and share everything: connections, budget, breaker.
///
/// # Examples
///
/// ```no_run
/// use linchpin_client::Client;
/// use linchpin_oauth::StaticToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let billing = Client::builder("billing", "https://billing.internal/api")
///     .service("grades", "1.2.3")
///     .token_source(StaticToken::new("abc.def")?)
///     .build()?;
///
/// let total: u64 = billing.get("/invoices").segment("7/2026").query([("currency", "EUR")]).send_json().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

/// What the clones of a client share.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) base: Base,
    pub(crate) http: reqwest::Client,
    pub(crate) tokens: Option<Arc<dyn TokenSource>>,
    /// The header of the token that was sent last on nobody's behalf.
    pub(crate) last_credential: ArcSwapOption<Credential>,
    pub(crate) retries: Retries,
    pub(crate) budget: Budget,
    pub(crate) circuit: Option<Circuit>,
    pub(crate) places: Option<Places>,
    pub(crate) jitter: Jitter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) read_timeout: Duration,
    pub(crate) total_timeout: Duration,
    pub(crate) margin: Duration,
    pub(crate) minimum: Duration,
    pub(crate) timeout_header: HeaderName,
    pub(crate) baggage: Box<[Box<str>]>,
    pub(crate) has_spans: bool,
    pub(crate) max_body: usize,
    /// What the breaker counts time from.
    pub(crate) began: Instant,
}

impl Client {
    /// A client of the upstream service `name`, below `base_url`.
    ///
    /// The name stands in errors, logs and health.
    pub fn builder(name: impl Into<String>, base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(name.into(), base_url.into())
    }

    /// The name of the upstream service.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A GET request.
    ///
    /// A path begins with a slash and is put behind that of the base URL. What comes from users goes into a
    /// [`segment`](RequestBuilder::segment) or the [`query`](RequestBuilder::query): a path that could lead elsewhere is an error.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A HEAD request.
    pub fn head(&self, path: &str) -> RequestBuilder {
        self.request(Method::HEAD, path)
    }

    /// A POST request. It is made once, unless it has an [idempotency key](RequestBuilder::idempotency_key).
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> RequestBuilder {
        self.request(Method::PUT, path)
    }

    /// A PATCH request. It is made once, unless it has an [idempotency key](RequestBuilder::idempotency_key).
    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        RequestBuilder::new(self.shared.clone(), method, path)
    }

    /// The same client as a tower service, around which layers can be put.
    pub fn service(&self) -> ClientService {
        ClientService::new(self.shared.clone())
    }

    /// How breaker and bulkhead stand.
    pub fn health(&self) -> ClientHealth {
        let now = self.shared.now();
        let counts = self.shared.circuit.as_ref().map(|circuit| circuit.counts(now)).unwrap_or_default();
        ClientHealth {
            breaker: self.shared.circuit.as_ref().map(|circuit| circuit.state(now)),
            recent_calls: counts.calls,
            recent_failures: counts.failures,
            in_flight: self.shared.places.as_ref().map(Places::in_flight),
            waiting: self.shared.places.as_ref().map(Places::waiting),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.shared.name)
            .field("origin", &self.shared.base.origin)
            .field("tokens", &self.shared.tokens)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The time that breaker and window are told.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn settle(&self, ticket: Ticket, verdict: Verdict) {
        let change = self.circuit.as_ref().and_then(|circuit| circuit.settle(ticket, verdict, self.now()));
        if let Some(change) = change {
            self.tell(change);
        }
    }

    /// Whether a time-out tells anything about an upstream that had this much time.
    pub(crate) fn is_fair(&self, had: Duration) -> bool {
        self.circuit.as_ref().is_none_or(|circuit| circuit.is_fair(had))
    }

    /// Writes each change of the breaker once.
    pub(crate) fn tell(&self, change: Change) {
        let client = &*self.name;
        match change {
            Change::Opened { counts, open_for } => tracing::warn!(
                client,
                state = "open",
                calls = counts.calls,
                failures = counts.failures,
                open_for_ms = millis(open_for),
                "too many calls fail; they are refused for a while"
            ),
            Change::OpenedAgain { open_for } => tracing::warn!(
                client,
                state = "open",
                open_for_ms = millis(open_for),
                "a probe has failed; calls are refused for another while"
            ),
            Change::Probing => tracing::info!(client, state = "half_open", "a few calls are made as probes"),
            Change::Closed => tracing::info!(
                client,
                state = "closed",
                "the probes have succeeded; all calls are made again"
            ),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
