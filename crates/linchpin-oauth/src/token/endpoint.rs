//! The token endpoint of an authorization server, and this service as its client.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use form_urlencoded::Serializer;
use linchpin_core::{Clock, ConfigError, SystemClock};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

use super::{
    answer::{self, Granted},
    client_auth::Proof,
};
use crate::{
    ClientAuth, FetchError, FetchRequest, FormRequest, PostForm, TokenError, TokenErrorKind,
    location::{BadUrl, Transport, without_secrets},
    metadata::{Metadata, TokenMetadata},
    moment::Moment,
    runtime,
};

/// The token endpoint of an authorization server (RFC 6749 §3.2), to which this service is a client.
///
/// Sources of tokens are made from it: [`ClientCredentials`](crate::ClientCredentials) and
/// [`TokenExchange`](crate::TokenExchange). A clone shares it.
///
/// # Examples
///
/// ```no_run
/// use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = "";
/// let server =
///     TokenEndpoint::discovery("https://id.example/realms/school", ClientAuth::secret_basic("grades", secret)).build()?;
/// let tokens = ClientCredentials::builder(&server).audience("billing").scope("invoices:read").build()?;
/// # drop(tokens);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Redirects are not followed, and `https` is asked for except on loopback and for hosts that are allowed by name: the
/// client's secret goes there.
#[derive(Clone)]
pub struct TokenEndpoint {
    inner: Arc<Inner>,
}

struct Inner {
    location: Location,
    client: ClientAuth,
    transport: Transport,
    http: Box<dyn PostForm>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    runtime: Handle,
    discovered: ArcSwapOption<(String, Moment)>,
    /// Places for fetches: callers whose tokens are exchanged may be many.
    places: Semaphore,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

enum Location {
    /// In the metadata of this issuer.
    Discovery(String),
    Url(String),
}

impl TokenEndpoint {
    /// The endpoint that the issuer's metadata names (OpenID Connect Discovery 1.0, RFC 8414).
    ///
    /// The metadata counts only if its `issuer` is this one, byte for byte.
    pub fn discovery(issuer: impl Into<String>, client: ClientAuth) -> TokenEndpointBuilder {
        TokenEndpointBuilder::new(Location::Discovery(issuer.into()), client)
    }

    /// The endpoint at a URL that is known.
    pub fn url(url: impl Into<String>, client: ClientAuth) -> TokenEndpointBuilder {
        TokenEndpointBuilder::new(Location::Url(url.into()), client)
    }

    /// The id under which this service is known there.
    pub fn client_id(&self) -> &str {
        self.inner.client.client_id()
    }

    /// How many fetches of tokens have ended since the start, for whichever source.
    pub fn fetches(&self) -> TokenFetches {
        let Inner { succeeded, failed, .. } = &*self.inner;
        TokenFetches { succeeded: succeeded.load(Ordering::Relaxed), failed: failed.load(Ordering::Relaxed) }
    }

    /// The issuer or the URL, as a log may show it.
    pub(crate) fn shown(&self) -> String {
        self.inner.location.shown()
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::now(&*self.inner.clock)
    }

    /// How long a fetch may take as a whole.
    pub(crate) fn deadline(&self) -> Duration {
        self.inner.deadline
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.runtime.spawn(task);
    }

    /// Asks for a token, within the deadline.
    pub(crate) async fn request(
        &self,
        parameters: &[(&str, &str)],
        subject: Option<&str>,
    ) -> Result<Granted, TokenError> {
        let Inner { deadline, discovered, places, succeeded, failed, .. } = &*self.inner;
        let asked = async {
            // It is never closed; whoever finds no place in time hears of a time-out.
            let _place = places.acquire().await;
            self.inner.ask(parameters, subject).await
        };
        let result = timeout(*deadline, asked).await.unwrap_or_else(|_| {
            let problem = format!("the token endpoint gave no whole answer within {deadline:?}");
            Err(TokenError::new(TokenErrorKind::Timeout, problem))
        });
        if result.is_ok() { succeeded } else { failed }.fetch_add(1, Ordering::Relaxed);
        if result.as_ref().is_err_and(TokenError::is_unavailable) {
            // It may have moved.
            discovered.store(None);
        }
        result
    }
}

/// What [`TokenEndpoint::fetches`] tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TokenFetches {
    /// A token came.
    pub succeeded: u64,
    /// None did: the server was in trouble, or would not give one.
    pub failed: u64,
}

impl Inner {
    async fn ask(&self, parameters: &[(&str, &str)], subject: Option<&str>) -> Result<Granted, TokenError> {
        let url = self.find().await?;
        let (body, proof) = self.form(&url, parameters, subject);
        let mut request = FormRequest::new(&url, &body, MAX_ANSWER_BYTES);
        request.authorization = proof.authorization.as_deref();
        let failed = |error: FetchError| {
            let kind = match error.is_too_large() {
                true => TokenErrorKind::BadAnswer,
                false => TokenErrorKind::Unavailable,
            };
            TokenError::new(kind, "no token could be fetched").with_source(error)
        };
        let answer = self.http.post_form(request).await.map_err(failed)?;
        let secrets: Vec<&str> = proof.secrets.iter().map(String::as_str).chain(subject).collect();
        answer::read(&answer, &secrets, self.clock.now())
    }

    fn form(&self, url: &str, parameters: &[(&str, &str)], subject: Option<&str>) -> (String, Proof) {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(parameters);
        if let Some(subject) = subject {
            form.append_pair("subject_token", subject);
        }
        let proof = self.client.prove(&mut form, url, self.location.issuer(), self.clock.now());
        (form.finish(), proof)
    }

    /// The URL of the endpoint, which is looked up once in a while.
    async fn find(&self) -> Result<String, TokenError> {
        let issuer = match &self.location {
            Location::Url(url) => return Ok(url.clone()),
            Location::Discovery(issuer) => issuer,
        };
        let now = Moment::now(&*self.clock);
        if let Some(known) = self.discovered.load().as_deref()
            && now.since(known.1) < REDISCOVER_AFTER
        {
            return Ok(known.0.clone());
        }
        let failed = |kind, error: FetchError| {
            TokenError::new(kind, "the token endpoint is not known").with_source(error)
        };
        let metadata = Metadata::url(issuer);
        let answer = self
            .http
            .fetch(FetchRequest::new(&metadata, MAX_METADATA_BYTES))
            .await
            .map_err(|error| failed(TokenErrorKind::Unavailable, error))?;
        if answer.status != 200 {
            let error = FetchError::new(format!("the metadata was answered with status {}", answer.status));
            return Err(failed(TokenErrorKind::Unavailable, error));
        }
        let with_certificate = self.client.certificate().is_some();
        let url = TokenMetadata::read_endpoint(&answer.body, issuer, with_certificate, &self.transport)
            .map_err(|error| failed(TokenErrorKind::BadAnswer, error))?;
        self.discovered.store(Some(Arc::new((url.clone(), now))));
        Ok(url)
    }
}

impl Location {
    fn issuer(&self) -> Option<&str> {
        match self {
            Self::Discovery(issuer) => Some(issuer),
            Self::Url(_) => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Discovery(url) | Self::Url(url) => without_secrets(url),
        }
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("server", &self.inner.location.shown())
            .field("client", &self.inner.client)
            .finish_non_exhaustive()
    }
}

/// Puts a [`TokenEndpoint`] together.
#[must_use]
pub struct TokenEndpointBuilder {
    location: Location,
    client: ClientAuth,
    clock: Arc<dyn Clock>,
    http_hosts: Vec<String>,
    #[cfg(feature = "http-client")]
    ca_pem: Option<Vec<u8>>,
    deadline: Duration,
}

impl TokenEndpointBuilder {
    fn new(location: Location, client: ClientAuth) -> Self {
        Self {
            location,
            client,
            clock: Arc::new(SystemClock),
            http_hosts: Vec::new(),
            #[cfg(feature = "http-client")]
            ca_pem: None,
            deadline: Duration::from_secs(5),
        }
    }

    /// Sets how long a fetch may take as a whole, discovery included; 5 seconds unless set, a minute at most.
    ///
    /// Nobody waits longer for a token.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Allows plain http to this host, as inside a container network; loopback is always allowed.
    ///
    /// # Security
    ///
    /// The client's secret, and the tokens, can be read on the way.
    pub fn allow_http_host(mut self, host: impl Into<String>) -> Self {
        self.http_hosts.push(host.into());
        self
    }

    /// Decides by another clock how old tokens are.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Trusts these certificates (PEM) beside the system's; it counts for [`build`](Self::build) only.
    #[cfg(feature = "http-client")]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// An endpoint that is asked over HTTP, in the background of the tokio runtime that this is called on. Nothing is asked
    /// before a token is wanted.
    ///
    /// # Errors
    ///
    /// All wrong settings at once; also if there is no tokio runtime. A server that is down is no error.
    #[cfg(feature = "http-client")]
    pub fn build(self) -> Result<TokenEndpoint, ConfigError> {
        let (roots, certificate) = (self.ca_pem.as_deref(), self.client.certificate());
        let http = match certificate {
            Some(pem) => crate::HttpFetch::with_client_certificate(roots, pem.as_bytes()),
            None => crate::HttpFetch::new(roots),
        };
        match http {
            Ok(http) => self.build_with(http),
            Err(mut error) => {
                error.absorb(self.check().err().unwrap_or_default());
                Err(error)
            }
        }
    }

    /// An endpoint that is asked with a client of your own.
    ///
    /// # Errors
    ///
    /// All wrong settings at once; also if there is no tokio runtime.
    pub fn build_with(self, http: impl PostForm) -> Result<TokenEndpoint, ConfigError> {
        let transport = self.check()?;
        let runtime = runtime::with_timers("tokens")?;
        Ok(TokenEndpoint {
            inner: Arc::new(Inner {
                location: self.location,
                client: self.client,
                transport,
                http: Box::new(http),
                clock: self.clock,
                deadline: self.deadline,
                runtime,
                discovered: ArcSwapOption::empty(),
                places: Semaphore::new(MAX_FETCHES),
                succeeded: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            }),
        })
    }

    fn check(&self) -> Result<Transport, ConfigError> {
        let mut problems = ConfigError::collect();
        let transport = Transport::allowing_http_to(&self.http_hosts, &mut problems);
        let (setting, url, checked) = match &self.location {
            Location::Discovery(issuer) => ("issuer", issuer, transport.check_issuer(issuer)),
            Location::Url(url) => ("token_url", url, transport.check(url)),
        };
        match checked {
            Err(bad) => {
                let fix = match bad {
                    BadUrl::PlainHttp => {
                        "use https, since the client's secret is sent there \
                         (a host on a private network can be allowed by name: allow_http_host, AUTH_ALLOW_HTTP_HOSTS)"
                    }
                    BadUrl::HasCredentials => {
                        "leave user and password out: the client authenticates by itself"
                    }
                    BadUrl::HasQuery => "give the issuer as the server itself names it",
                    BadUrl::NotAUrl | BadUrl::NotHttp => bad.fix(),
                };
                problems.report(setting, bad.to_string(), fix);
            }
            Ok(()) if self.client.certificate().is_some() && url.starts_with("http:") => {
                let fix = "use https, since there is no certificate to show without TLS";
                problems.report(setting, "is plain http, and the client authenticates in TLS", fix);
            }
            Ok(()) => {}
        }
        self.client.check(&mut problems);
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(60) {
            problems.report("deadline", "is zero or above a minute", "give a few seconds, for example 5");
        }
        problems.check()?;
        Ok(transport)
    }
}

impl fmt::Debug for TokenEndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpointBuilder")
            .field("server", &self.location.shown())
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// The most fetches at once, of whichever source.
const MAX_FETCHES: usize = 64;

/// The most that an answer with a token may have.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

const MAX_METADATA_BYTES: usize = 1024 * 1024;

/// Metadata that is older is fetched again before the next token is.
const REDISCOVER_AFTER: Duration = Duration::from_secs(60 * 60);
