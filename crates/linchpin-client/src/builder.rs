//! The settings of a client.

use std::{error::Error as StdError, fmt, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue};
use linchpin_core::{Clock, ConfigError, SystemClock};
use linchpin_oauth::TokenSource;
use reqwest::{Certificate, redirect::Policy};
use tokio::time::Instant;

use crate::{
    Breaker, Bulkhead, Client, Retries, base::Base, breaker::Circuit, budget::Budget, bulkhead::Places,
    client::Shared, env::variable, jitter::Jitter,
};

/// Makes a [`Client`]; see [`Client::builder`].
///
/// Whatever is not set has a default that is meant for calls between services. The usual proxy variables (`HTTPS_PROXY`, `NO_PROXY`)
/// are honoured for `https` to other machines; plain `http`, and this machine, are called without a proxy.
#[must_use]
pub struct ClientBuilder {
    name: String,
    base_url: String,
    service: Option<(String, String)>,
    connect_timeout: Duration,
    read_timeout: Duration,
    total_timeout: Duration,
    pool_idle_timeout: Duration,
    pool_max_idle: usize,
    tokens: Option<Arc<dyn TokenSource>>,
    retries: Retries,
    breaker: Option<Breaker>,
    bulkhead: Option<Bulkhead>,
    margin: Duration,
    minimum: Duration,
    timeout_header: String,
    baggage: Box<[Box<str>]>,
    has_spans: bool,
    max_body: usize,
    redirects: usize,
    ca_file: Option<PathBuf>,
    allow_plain_http: bool,
    jitter: Jitter,
    clock: Arc<dyn Clock>,
    /// Whether problems are told by the names of variables.
    is_from_env: bool,
}

impl ClientBuilder {
    pub(crate) fn new(name: String, base_url: String) -> Self {
        Self {
            name,
            base_url,
            service: None,
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            pool_idle_timeout: Duration::from_secs(30),
            pool_max_idle: 64,
            tokens: None,
            retries: Retries::default(),
            breaker: Some(Breaker::default()),
            bulkhead: Some(Bulkhead::default()),
            margin: Duration::from_millis(10),
            minimum: Duration::from_millis(5),
            timeout_header: "x-request-timeout-ms".to_owned(),
            baggage: Box::default(),
            has_spans: true,
            max_body: 1024 * 1024,
            redirects: 0,
            ca_file: None,
            allow_plain_http: false,
            jitter: Jitter::default(),
            clock: Arc::new(SystemClock),
            is_from_env: false,
        }
    }

    /// Names the calling service and its version, as `User-Agent` tells them: `grades/1.2.3`.
    ///
    /// By default it is this crate with its version.
    pub fn service(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.service = Some((name.into(), version.into()));
        self
    }

    /// How long it may take to connect, TLS included; by default 2 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the head of an answer may take, and then each piece of its body; by default 10 s.
    ///
    /// The time to send the request's body is part of it.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// How long a call may take in all, from the wait for a token to the last byte of the answer, retries included; by default 30 s.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// How long an unused connection is kept; by default 30 s. It should be less than the upstream keeps it.
    pub fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool_idle_timeout = timeout;
        self
    }

    /// How many unused connections are kept; by default 64.
    pub fn pool_max_idle(mut self, connections: usize) -> Self {
        self.pool_max_idle = connections;
        self
    }

    /// Where the credential of each call comes from; by default none is sent.
    pub fn token_source(mut self, source: impl TokenSource) -> Self {
        self.tokens = Some(Arc::new(source));
        self
    }

    /// How calls are retried; by default as [`Retries::default`] says.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// When calls are refused because too many have failed; by default as [`Breaker::default`] says.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Makes all calls, however many fail.
    pub fn no_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// How many calls may be in flight; by default as [`Bulkhead::default`] says.
    pub fn bulkhead(mut self, bulkhead: Bulkhead) -> Self {
        self.bulkhead = Some(bulkhead);
        self
    }

    /// Lets any number of calls be in flight.
    pub fn no_bulkhead(mut self) -> Self {
        self.bulkhead = None;
        self
    }

    /// What is kept of a request's deadline for the way back and our own answer; by default 10 ms.
    pub fn deadline_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// The shortest time that a call is of any use in: with less than that left of the request's deadline, it is refused at once;
    /// by default 5 ms.
    pub fn minimum_time(mut self, minimum: Duration) -> Self {
        self.minimum = minimum;
        self
    }

    /// The header that tells the upstream how many milliseconds are left; by default `x-request-timeout-ms`.
    pub fn timeout_header(mut self, name: impl Into<String>) -> Self {
        self.timeout_header = name.into();
        self
    }

    /// The names of the baggage that is passed on; by default none.
    ///
    /// # Security
    ///
    /// Baggage is whatever clients and upstream services wrote; a service in another's hands should not see it.
    pub fn propagate_baggage<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.baggage = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether each attempt has a client span; by default it has.
    pub fn spans(mut self, has_spans: bool) -> Self {
        self.has_spans = has_spans;
        self
    }

    /// The most bytes of an answer that are read into memory; by default 1 MiB. What is read in pieces is not bounded.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How many redirects are followed, within the base URL's origin and never out of it; by default none.
    ///
    /// One that is not followed is an answer like any other.
    pub fn follow_redirects(mut self, most: usize) -> Self {
        self.redirects = most;
        self
    }

    /// Trusts the root certificates in this file (PEM, one or more) beside the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Calls a host other than this one over plain `http`.
    ///
    /// # Security
    ///
    /// Whoever is on the way reads tokens and changes answers. It is for networks that encrypt by themselves, as a service mesh does.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Draws the random part of waits, as numbers from 0 to 1: for tests.
    pub fn jitter(mut self, draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.jitter = Jitter::new(draw);
        self
    }

    /// Tells the dates of `Retry-After` by another clock than the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the client. Nothing is called yet.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each by the name of its setting, or of its variable.
    pub fn build(self) -> Result<Client, ConfigError> {
        let (name, is_from_env) = (self.name.clone(), self.is_from_env);
        let variable = |setting: &str| if is_from_env { variable(&name, setting) } else { None };
        self.try_build().map_err(|error| error.rename(variable))
    }

    /// Tells what is wrong by the names of the variables.
    pub(crate) fn named_by_variables(mut self) -> Self {
        self.is_from_env = true;
        self
    }

    fn try_build(self) -> Result<Client, ConfigError> {
        let mut problems = ConfigError::collect();
        if self.name.is_empty() || !self.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.report(
                "name",
                "is empty, or not visible ASCII",
                "name the upstream service, for example billing",
            );
        }
        let base = Base::parse(&self.base_url, self.allow_plain_http, &mut problems);
        let user_agent = self.user_agent(&mut problems);
        let timeout_header = self.timeout_header.parse::<HeaderName>().map_err(|_| {
            let fix = "give a header's name, for example x-request-timeout-ms";
            ConfigError::single("timeout_header", "is not the name of a header", fix)
        });
        let timeout_header = problems.take(timeout_header);
        self.check(&mut problems);
        let roots = self.roots(&mut problems);

        let http = match (&base, user_agent, roots) {
            (Some(base), Some(user_agent), Some(roots)) => problems.take(self.http(base, user_agent, roots)),
            _ => None,
        };
        let parts = base.zip(http).zip(timeout_header);
        problems.check()?;
        let ((base, http), timeout_header) = parts.expect("whatever is missing has been reported");

        Ok(Client {
            shared: Arc::new(Shared {
                name: self.name.into(),
                base,
                http,
                tokens: self.tokens,
                last_credential: ArcSwapOption::empty(),
                budget: Budget::new(self.retries.ratio, self.retries.reserve),
                retries: self.retries,
                circuit: self.breaker.map(|breaker| Circuit::new(breaker, self.jitter.clone())),
                places: self.bulkhead.map(Places::new),
                jitter: self.jitter,
                clock: self.clock,
                read_timeout: self.read_timeout,
                total_timeout: self.total_timeout,
                margin: self.margin,
                minimum: self.minimum,
                timeout_header,
                baggage: self.baggage,
                has_spans: self.has_spans,
                max_body: self.max_body,
                began: Instant::now(),
            }),
        })
    }
}

impl ClientBuilder {
    fn user_agent(&self, problems: &mut ConfigError) -> Option<HeaderValue> {
        let Some((service, version)) = &self.service else {
            return Some(HeaderValue::from_static(concat!("linchpin-client/", env!("CARGO_PKG_VERSION"))));
        };
        // `product` of RFC 9110 §10.1.5: two tokens.
        let is_token = |text: &str| {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !text.is_empty() && text.bytes().all(is_token)
        };
        let value = HeaderValue::from_str(&format!("{service}/{version}")).ok();
        let value = value.filter(|_| is_token(service) && is_token(version));
        if value.is_none() {
            let fix = "give letters, digits, dots and dashes, for example grades and 1.2.3";
            problems.report("service", "has a name or a version that no user agent has", fix);
        }
        value
    }

    fn check(&self, problems: &mut ConfigError) {
        for (setting, value) in [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("total_timeout", self.total_timeout),
        ] {
            if value.is_zero() {
                problems.report(
                    setting,
                    "is zero, so that no call could succeed",
                    "give a duration, for example 2 s",
                );
            }
        }
        if self.max_body == 0 {
            problems.report(
                "max_body_bytes",
                "is zero, so that no answer could be read",
                "give a number of bytes",
            );
        }
        self.retries.check(problems);
        self.breaker.iter().for_each(|breaker| breaker.check(problems));
        self.bulkhead.iter().for_each(|bulkhead| bulkhead.check(problems));
    }

    /// The certificates of the file; `None` if it is of no use, which is reported.
    fn roots(&self, problems: &mut ConfigError) -> Option<Vec<Certificate>> {
        let Some(path) = &self.ca_file else { return Some(Vec::new()) };
        let mut report = |problem: String| {
            let fix = "name a file with a root certificate in PEM (-----BEGIN CERTIFICATE-----)";
            problems.report("ca_file", problem, fix);
        };
        let pem = match std::fs::read(path) {
            Ok(pem) => pem,
            Err(error) => {
                report(format!("cannot be read: {error}"));
                return None;
            }
        };
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if certificates.is_empty() => report("holds no certificate".to_owned()),
            Ok(certificates) => return Some(certificates),
            Err(error) => report(format!("holds a broken certificate: {}", chain(&error))),
        }
        None
    }

    fn http(
        &self,
        base: &Base,
        user_agent: HeaderValue,
        roots: Vec<Certificate>,
    ) -> Result<reqwest::Client, ConfigError> {
        let has_roots = !roots.is_empty();
        let mut http = reqwest::Client::builder()
            .user_agent(user_agent)
            .referer(false)
            .redirect(self.redirect_policy())
            .connect_timeout(self.connect_timeout.min(LONGEST))
            .pool_idle_timeout(self.pool_idle_timeout.min(LONGEST))
            .pool_max_idle_per_host(self.pool_max_idle)
            // Ours are within a budget; and nothing is copied for retries that will not be.
            .retry(reqwest::retry::never().max_retries_per_request(0));
        // No proxy is shown what is not encrypted, nor asked for this machine.
        if base.is_plain || base.is_loopback {
            http = http.no_proxy();
        }
        http = match base.is_plain {
            // Nothing there is encrypted, and a machine without root certificates can do it.
            true => http.tls_certs_only(roots),
            false if has_roots => http.tls_certs_merge(roots),
            false => http,
        };
        http.build().map_err(|error| {
            let (setting, fix) = match has_roots {
                true => {
                    ("ca_file", "name a file with a root certificate in PEM (-----BEGIN CERTIFICATE-----)")
                }
                false => ("tls", "install the system's root certificates (ca-certificates)"),
            };
            ConfigError::single(setting, format!("makes no client: {}", chain(&error)), fix)
        })
    }

    fn redirect_policy(&self) -> Policy {
        let most = self.redirects;
        if most == 0 {
            return Policy::none();
        }
        Policy::custom(move |attempt| {
            let (from, to) = (&attempt.previous()[0], attempt.url());
            let has_user = !to.username().is_empty() || to.password().is_some();
            let stays = to.origin() == from.origin() && !has_user;
            if stays && attempt.previous().len() <= most { attempt.follow() } else { attempt.stop() }
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL: a user name and a password that stand in it by mistake are found by `build`.
        f.debug_struct("ClientBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An error with all of its causes in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Within the range of every clock.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
