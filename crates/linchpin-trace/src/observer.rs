//! The decision that every adapter shares: what is known about a request, and what is written of it.

use std::{
    borrow::Cow,
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use linchpin_core::{Clock, ConfigError, RequestId, SystemClock, Timestamp};

use crate::{
    BackgroundTask, Baggage, CodeOwners, Deadline, MeterRequests, MeteredHead, Observation, ProxyTrust,
    RequestContext, RequestHead, Sampler, TraceContext,
    deadline::{self, TIMEOUT_HEADER},
    head::Found,
    mint_request_id,
    network::shortened,
    server::server,
    span::request_span,
    text::clipped,
};

/// Observes requests: ids, trace, client address, one span and one access line for each.
///
/// The adapters' layers are built around one. Clones are cheap and share everything.
///
/// # Examples
///
/// What an adapter does with it:
///
/// ```
/// use linchpin_trace::{Observer, RequestContext, RequestHead};
///
/// let observer = Observer::new("grades");
/// let head = RequestHead::new("GET", "/grades/7").peer("192.0.2.7".parse()?);
/// let headers = [("x-request-id", b"abc".as_slice())];
///
/// let observation = observer.begin(head, headers);
/// let inside = observation.enter(RequestContext::current).unwrap();
/// assert_eq!(inside.request_id().as_str(), "abc");
///
/// inside.set_route("/grades/{id}");
/// observation.respond(200);
/// observation.complete();
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct Observer {
    inner: Arc<Settings>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) service: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    proxies: ProxyTrust,
    request_id_trust: RequestIdTrust,
    pub(crate) sampler: Sampler,
    pub(crate) meter: Option<Arc<dyn MeterRequests>>,
    health_checks: HealthChecks,
    health_paths: Arc<[Box<str>]>,
    seen_health_checks: Arc<AtomicU64>,
    pub(crate) owners: Arc<CodeOwners>,
    redact_path: Option<Arc<PathHook>>,
    request_timeout: Option<Duration>,
    timeout_header: Cow<'static, str>,
}

type PathHook = dyn for<'p> Fn(&'p str) -> Cow<'p, str> + Send + Sync;

impl Observer {
    /// Observes the requests of a service, by the clock of the operating system.
    ///
    /// By default no proxy is trusted, a well formed request id is kept whoever sends it, new traces are marked as sampled,
    /// and health checks that succeed at `/healthz`, `/readyz` and `/livez` have no access line.
    pub fn new(service: impl Into<Arc<str>>) -> Self {
        let inner = Settings {
            service: service.into(),
            clock: Arc::new(SystemClock),
            proxies: ProxyTrust::default(),
            request_id_trust: RequestIdTrust::default(),
            sampler: Sampler::default(),
            meter: None,
            health_checks: HealthChecks::default(),
            health_paths: ["/healthz", "/readyz", "/livez"].map(Box::from).into(),
            seen_health_checks: Arc::default(),
            owners: Arc::default(),
            redact_path: None,
            request_timeout: None,
            timeout_header: TIMEOUT_HEADER.into(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Tells time by another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings().clock = Arc::new(clock);
        self
    }

    /// Believes these proxies about the client's address.
    #[must_use]
    pub fn proxies(mut self, proxies: ProxyTrust) -> Self {
        self.settings().proxies = proxies;
        self
    }

    /// Decides whose request ids are kept.
    #[must_use]
    pub fn request_id_trust(mut self, trust: RequestIdTrust) -> Self {
        self.settings().request_id_trust = trust;
        self
    }

    /// Decides which traces are recorded, which the services downstream are told.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.settings().sampler = sampler;
        self
    }

    /// Has the numbers of all requests kept by `meter`, whether their traces are recorded or not.
    #[must_use]
    pub fn meter(mut self, meter: impl MeterRequests) -> Self {
        self.settings().meter = Some(Arc::new(meter));
        self
    }

    /// Decides which successful health checks have an access line. One that fails always has.
    #[must_use]
    pub fn health_checks(mut self, health_checks: HealthChecks) -> Self {
        self.settings().health_checks = health_checks;
        self
    }

    /// Takes requests for these paths, byte for byte, as health checks.
    #[must_use]
    pub fn health_paths(mut self, paths: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.settings().health_paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Names the owner of the code on span and access line.
    #[must_use]
    pub fn code_owners(mut self, owners: CodeOwners) -> Self {
        self.settings().owners = Arc::new(owners);
        self
    }

    /// Passes each path through `hook` before the span records it, to take out what must not be seen.
    #[must_use]
    pub fn redact_path(
        mut self,
        hook: impl for<'p> Fn(&'p str) -> Cow<'p, str> + Send + Sync + 'static,
    ) -> Self {
        self.settings().redact_path = Some(Arc::new(hook));
        self
    }

    /// Limits how long a request may take, as [`RequestContext::deadline`] tells whoever works on it; by default there is no limit.
    ///
    /// A client that waits for less says so in the header `x-request-timeout-ms` or `grpc-timeout`: it can shorten the limit,
    /// and never extend it. What is malformed there is ignored; zero is a deadline that has passed. Nothing is cut off here:
    /// service clients refuse calls that cannot end in time.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.settings().request_timeout = Some(limit);
        self
    }

    /// Reads the deadline from a header of another name than `x-request-timeout-ms`, in milliseconds as well.
    #[must_use]
    pub fn timeout_header(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        // Adapters give the names in lower case.
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        self.settings().timeout_header = if is_lower { name } else { name.to_ascii_lowercase().into() };
        self
    }

    /// Begins to observe a request: `headers` are all of its header lines, with lower-case names, in order.
    ///
    /// It always succeeds, whatever the client sends, in time that grows with the size of the headers at most.
    pub fn begin<'a>(
        &self,
        head: RequestHead<'a>,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Observation {
        let settings = &*self.inner;
        let began = settings.clock.now();
        let found = Found::of(headers.into_iter(), settings.proxies.named_header(), &settings.timeout_header);

        let request_bytes = found.body_size();

        let parent = TraceContext::parse(found.traceparent.iter().copied(), found.tracestate.iter().copied());
        let trace = parent.as_ref().map_or_else(|| TraceContext::root(false), TraceContext::child);
        let is_sampled = settings.sampler.records(trace.trace_id(), parent.as_ref());
        let trace = trace.sampled(is_sampled);
        let context = RequestContext::new(
            settings.request_id(&found.request_id, head, began),
            trace,
            Baggage::parse(found.baggage),
            settings.proxies.client_address(head.peer, found.x_forwarded_for, found.forwarded, found.named),
            settings.deadline(&found.timeout, &found.grpc_timeout),
        );

        let path = match &settings.redact_path {
            Some(hook) => hook(head.path),
            None => head.path.into(),
        };
        let asked_for = match (head.authority, &*found.host) {
            (Some(authority), _) => server(authority.as_bytes()),
            // Two hosts are as good as none.
            (None, [host]) => server(host),
            (None, _) => None,
        };
        let method = known_method(head.method);
        let span = request_span(
            method,
            clipped(&path, MAX_PATH),
            head.scheme.filter(|scheme| matches!(*scheme, "http" | "https")),
            asked_for,
            &context,
            parent.map(|parent| parent.span_id()),
        );
        let has_line = if settings.health_paths.iter().any(|known| **known == *head.path) {
            settings.has_health_line()
        } else {
            Line::Always
        };
        let metered = MeteredHead::new(method, head.scheme);
        Observation::new(self.inner.clone(), context, span, metered, request_bytes, began, has_line)
    }

    /// Runs a job as [`background_task`](crate::background_task) does, by this observer's clock, sampling and code owners.
    ///
    /// The job belongs to the owner of the module that it names by [`RequestContext::set_module`], or else of its name.
    pub fn background_task<F: Future>(&self, name: &'static str, future: F) -> BackgroundTask<F> {
        BackgroundTask::new(name, future, Some(self.inner.clone()))
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.inner)
    }
}

impl Settings {
    /// The one well formed id of a trusted sender, or a new one. Two ids are as good as none.
    fn request_id(&self, sent: &[&[u8]], head: RequestHead<'_>, now: Timestamp) -> RequestId {
        let is_trusted = match self.request_id_trust {
            RequestIdTrust::Always => true,
            RequestIdTrust::Proxies => self.proxies.trusts(head.peer),
            RequestIdTrust::Never => false,
        };
        match sent {
            [id] if is_trusted => RequestId::from_header(id),
            _ => None,
        }
        .unwrap_or_else(|| mint_request_id(now))
    }

    /// The own limit, or what the client leaves of it.
    fn deadline(&self, timeout: &[&[u8]], grpc_timeout: &[&[u8]]) -> Option<Deadline> {
        let limits = [self.request_timeout, deadline::inbound(timeout, grpc_timeout)];
        let limit = limits.into_iter().flatten().min()?;
        Some(Deadline::after(self.clock.instant(), limit))
    }

    fn has_health_line(&self) -> Line {
        let is_due = match self.health_checks {
            HealthChecks::All => true,
            HealthChecks::OnlyFailures => false,
            HealthChecks::OneIn(n) => {
                self.seen_health_checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(u64::from(n.max(1)))
            }
        };
        if is_due { Line::Always } else { Line::IfItFails }
    }
}

impl From<&str> for Observer {
    /// The observer of a service by its name; see [`Observer::new`].
    fn from(service: &str) -> Self {
        Self::new(service)
    }
}

impl From<String> for Observer {
    /// The observer of a service by its name; see [`Observer::new`].
    fn from(service: String) -> Self {
        Self::new(service)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { service, proxies, request_id_trust, health_checks, .. } = &*self.inner;
        f.debug_struct("Observer")
            .field("service", service)
            .field("proxies", proxies)
            .field("request_id_trust", request_id_trust)
            .field("health_checks", health_checks)
            .finish_non_exhaustive()
    }
}

/// When a request has an access line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Line {
    Always,
    IfItFails,
}

/// Whose request ids are kept, if they are well formed. Any other request is given a new one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestIdTrust {
    /// Everybody's.
    #[default]
    Always,
    /// Those of requests that come from a trusted proxy.
    Proxies,
    /// Nobody's.
    Never,
}

impl FromStr for RequestIdTrust {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "always" => Ok(Self::Always),
            "proxies" => Ok(Self::Proxies),
            "never" => Ok(Self::Never),
            _ => {
                let problem = format!("is {:?}", shortened(text));
                Err(ConfigError::single("request_id_trust", problem, "give always, proxies or never"))
            }
        }
    }
}

/// Which successful health checks have an access line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum HealthChecks {
    /// All of them.
    All,
    /// None: only those that fail.
    #[default]
    OnlyFailures,
    /// The first of every so many; zero counts as one.
    OneIn(u32),
}

impl FromStr for HealthChecks {
    type Err = ConfigError;

    /// Reads `all`, `failures`, or a whole number above zero.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "all" => Ok(Self::All),
            "failures" => Ok(Self::OnlyFailures),
            number => number.parse().ok().filter(|n| *n > 0).map(Self::OneIn).ok_or_else(|| {
                let problem = format!("is {:?}", shortened(text));
                ConfigError::single(
                    "health_checks",
                    problem,
                    "give all, failures, or 100 for one in a hundred",
                )
            }),
        }
    }
}

/// The method as the conventions of OpenTelemetry know it; any other is `_OTHER`, so that clients cannot make up names.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 10] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

const MAX_PATH: usize = 512;
