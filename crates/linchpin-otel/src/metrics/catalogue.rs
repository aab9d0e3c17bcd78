//! What is measured, in one table.

/// One metric: its name, what it counts, and by what it is broken down.
///
/// # Examples
///
/// A service's own, for [`Readings`](crate::Readings):
///
/// ```
/// use linchpin_otel::MetricInfo;
///
/// const EXPORTED: MetricInfo = MetricInfo::counter("grades.exported", "{grade}", "Grades that were exported.", &["course"]);
/// # assert_eq!(EXPORTED.name, "grades.exported");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MetricInfo {
    /// The name, in parts that are separated by dots.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The unit (UCUM): `s`, `By`, or what is counted in braces.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// The names of its attributes.
    pub attributes: &'static [&'static str],
}

/// What a metric's numbers mean.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows, from zero at the start of the process.
    Counter,
    /// It is what it is at the moment.
    Gauge,
    /// How many values there were up to each of some bounds.
    Histogram,
}

impl MetricKind {
    /// The word: `counter`, `gauge` or `histogram`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl MetricInfo {
    /// A metric that only grows.
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        attributes: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Counter, unit, description, attributes }
    }

    /// A metric that is what it is at the moment.
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        attributes: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Gauge, unit, description, attributes }
    }

    const fn histogram(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        attributes: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Histogram, unit, description, attributes }
    }
}

/// Every metric of the family. `docs/metrics.md` shows this table.
pub const METRICS: &[MetricInfo] = &[
    SERVER_DURATION,
    SERVER_ACTIVE,
    SERVER_REQUEST_SIZE,
    SERVER_RESPONSE_SIZE,
    CLIENT_DURATION,
    CLIENT_RETRIES,
    AUTH_REQUESTS,
    KEYS_USABLE,
    KEYS_AGE,
    KEYS,
    KEYS_SKIPPED,
    KEY_FETCHES,
    TOKEN_FETCHES,
    BREAKER,
    CALLS_IN_FLIGHT,
    CALLS_WAITING,
    TELEMETRY_EXPORTED,
    TELEMETRY_DROPPED,
    BUILD_INFO,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_FILES,
    PROCESS_FILES_LIMIT,
    PROCESS_THREADS,
    PROCESS_UPTIME,
    TOKIO_WORKERS,
    TOKIO_TASKS,
    TOKIO_QUEUE,
];

const SERVER_ATTRIBUTES: &[&str] =
    &["http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type"];

/// Duration of requests.
pub(crate) const SERVER_DURATION: MetricInfo = MetricInfo::histogram(
    "http.server.request.duration",
    "s",
    "Duration of requests, to the end of the response's body.",
    SERVER_ATTRIBUTES,
);
pub(crate) const SERVER_ACTIVE: MetricInfo = MetricInfo::gauge(
    "http.server.active_requests",
    "{request}",
    "Requests that are under way.",
    &["http.request.method", "url.scheme"],
);
pub(crate) const SERVER_REQUEST_SIZE: MetricInfo = MetricInfo::histogram(
    "http.server.request.body.size",
    "By",
    "Size of requests' bodies, of those that tell it in their head.",
    SERVER_ATTRIBUTES,
);
pub(crate) const SERVER_RESPONSE_SIZE: MetricInfo = MetricInfo::histogram(
    "http.server.response.body.size",
    "By",
    "Size of responses' bodies, as far as they were sent.",
    SERVER_ATTRIBUTES,
);
pub(crate) const CLIENT_DURATION: MetricInfo = MetricInfo::histogram(
    "http.client.request.duration",
    "s",
    "Duration of calls to other services, each attempt by itself.",
    &["http.request.method", "server.address", "server.port", "http.response.status_code", "error.type"],
);
pub(crate) const CLIENT_RETRIES: MetricInfo = MetricInfo::counter(
    "linchpin.client.retries",
    "{call}",
    "Calls to other services that were sent again.",
    &["server.address"],
);
pub(crate) const AUTH_REQUESTS: MetricInfo = MetricInfo::counter(
    "linchpin.auth.requests",
    "{request}",
    "Requests at the layers that ask who is calling, by what came of it.",
    &["auth.outcome", "auth.reason", "auth.issuer"],
);
/// Whether an issuer's tokens can be verified.
pub const KEYS_USABLE: MetricInfo = MetricInfo::gauge(
    "linchpin.keys.usable",
    "1",
    "1 while the issuer's tokens can be verified, 0 while they are answered 503.",
    &["auth.issuer"],
);
/// How old an issuer's keys are.
pub const KEYS_AGE: MetricInfo = MetricInfo::gauge(
    "linchpin.keys.age",
    "s",
    "Time since the fetch that brought the issuer's keys or found them unchanged.",
    &["auth.issuer"],
);
/// How many keys an issuer has.
pub const KEYS: MetricInfo = MetricInfo::gauge(
    "linchpin.keys.loaded",
    "{key}",
    "Keys of the issuer that are there.",
    &["auth.issuer"],
);
/// How many keys of an issuer are not used.
pub const KEYS_SKIPPED: MetricInfo = MetricInfo::gauge(
    "linchpin.keys.skipped",
    "{key}",
    "Keys that the issuer publishes and that are not used; the log names them.",
    &["auth.issuer"],
);
/// How many fetches of an issuer's keys have ended.
pub const KEY_FETCHES: MetricInfo = MetricInfo::counter(
    "linchpin.keys.fetches",
    "{fetch}",
    "Fetches of the issuer's keys, by how they ended: ok or failed.",
    &["auth.issuer", "outcome"],
);
/// How many fetches of tokens for outgoing calls have ended.
pub const TOKEN_FETCHES: MetricInfo = MetricInfo::counter(
    "linchpin.token.fetches",
    "{fetch}",
    "Fetches of tokens for calls to other services, by how they ended: ok or failed.",
    &["token.endpoint", "outcome"],
);
/// The state of a client's circuit breaker.
pub const BREAKER: MetricInfo = MetricInfo::gauge(
    "linchpin.client.breaker",
    "1",
    "1 for the state in which the breaker is, 0 for the others: closed, open or half_open.",
    &["client", "state"],
);
/// How many calls have a place in a client's bulkhead.
pub const CALLS_IN_FLIGHT: MetricInfo = MetricInfo::gauge(
    "linchpin.client.in_flight",
    "{call}",
    "Calls that have a place in the client's bulkhead.",
    &["client"],
);
/// How many calls wait for a place in a client's bulkhead.
pub const CALLS_WAITING: MetricInfo = MetricInfo::gauge(
    "linchpin.client.waiting",
    "{call}",
    "Calls that wait for a place in the client's bulkhead.",
    &["client"],
);
pub(crate) const TELEMETRY_EXPORTED: MetricInfo = MetricInfo::counter(
    "linchpin.telemetry.exported",
    "{item}",
    "Spans, points and lines that have arrived at the collector.",
    &["signal"],
);
pub(crate) const TELEMETRY_DROPPED: MetricInfo = MetricInfo::counter(
    "linchpin.telemetry.dropped",
    "{item}",
    "Spans, points and lines that were dropped: overflow, undelivered or refused.",
    &["signal", "reason"],
);
pub(crate) const BUILD_INFO: MetricInfo = MetricInfo::gauge(
    "linchpin.build.info",
    "1",
    "Always 1; the attributes tell what is running.",
    &["service.version", "vcs.ref.head.revision", "linchpin.version"],
);
pub(crate) const PROCESS_CPU: MetricInfo = MetricInfo::counter(
    "process.cpu.time",
    "s",
    "Time that the process has spent on the processor.",
    &["cpu.mode"],
);
pub(crate) const PROCESS_MEMORY: MetricInfo =
    MetricInfo::gauge("process.memory.usage", "By", "Memory of the process that is resident.", &[]);
pub(crate) const PROCESS_FILES: MetricInfo = MetricInfo::gauge(
    "linchpin.process.open_files",
    "{file}",
    "Files and sockets that the process has open.",
    &[],
);
pub(crate) const PROCESS_FILES_LIMIT: MetricInfo = MetricInfo::gauge(
    "linchpin.process.open_files.limit",
    "{file}",
    "Files and sockets that the process may have open.",
    &[],
);
pub(crate) const PROCESS_THREADS: MetricInfo =
    MetricInfo::gauge("linchpin.process.threads", "{thread}", "Threads of the process.", &[]);
pub(crate) const PROCESS_UPTIME: MetricInfo =
    MetricInfo::gauge("process.uptime", "s", "Time since telemetry began.", &[]);
pub(crate) const TOKIO_WORKERS: MetricInfo =
    MetricInfo::gauge("linchpin.tokio.workers", "{thread}", "Worker threads of the runtime.", &[]);
pub(crate) const TOKIO_TASKS: MetricInfo =
    MetricInfo::gauge("linchpin.tokio.tasks", "{task}", "Tasks of the runtime that have not ended.", &[]);
pub(crate) const TOKIO_QUEUE: MetricInfo = MetricInfo::gauge(
    "linchpin.tokio.queue.depth",
    "{task}",
    "Tasks that are ready and wait for a worker.",
    &[],
);
