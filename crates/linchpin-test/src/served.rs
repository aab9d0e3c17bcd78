//! The issuer on a loopback port: discovery and keys over HTTP, and the troubles that they can have.

use std::{
    convert::Infallible,
    fmt,
    future::pending,
    io,
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};

use crate::{
    Behaviour, TestIssuer,
    behaviour::{Document, MOVED, ServedBody, with_status},
    server::{Server, bind},
    tls::Tls,
};

/// A [`TestIssuer`] that publishes its metadata and its keys on a loopback port.
///
/// It answers `GET /.well-known/openid-configuration` (also under the name of RFC 8414) and `GET /jwks`, counts both, and
/// can have any [trouble](Behaviour), or [no server](Self::stop) at all. Everything that the issuer can do is
/// available through `Deref`; its name is the URL. Dropping it ends the server.
///
/// # Examples
///
/// ```
/// use linchpin_test::{Behaviour, TestIssuer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut issuer = TestIssuer::start().await?;
/// let token = issuer.token("ann").sign(); // its `iss` is the URL, such as http://127.0.0.1:43210
///
/// issuer.behave(Behaviour::Status(503));
/// issuer.stop().await;
/// issuer.restart().await?;
/// assert_eq!(issuer.jwks_fetches(), 0, "nobody asked");
/// # Ok(())
/// # }
/// ```
pub struct ServedIssuer {
    state: Arc<State>,
    server: Server,
}

impl ServedIssuer {
    pub(crate) async fn start(issuer: TestIssuer, tls: Option<Tls>) -> io::Result<Self> {
        let listener = bind().await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(State {
            issuer: issuer.renamed(format!("{scheme}://{address}")),
            tls,
            behaviour: watch::Sender::new(Behaviour::Serve),
            discovery: watch::Sender::new(0),
            jwks: watch::Sender::new(0),
            moved: watch::Sender::new(0),
            sent: Arc::default(),
        });
        let served = state.clone();
        let server = Server::start(listener, move |stream| converse(stream, served.clone()))?;
        Ok(Self { state, server })
    }

    /// The address on which it listens, also while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The certificate of a server [with TLS](TestIssuer::serve_tls) in PEM, which nobody trusts who is not told to.
    pub fn certificate_pem(&self) -> Option<&str> {
        self.state.tls.as_ref().map(Tls::certificate_pem)
    }

    /// Where the keys are, as discovery says.
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS_PATH}", self.issuer())
    }

    /// How many requests for the keys have arrived.
    pub fn jwks_fetches(&self) -> usize {
        *self.state.jwks.borrow()
    }

    /// How many requests for the metadata have arrived.
    pub fn discovery_fetches(&self) -> usize {
        *self.state.discovery.borrow()
    }

    /// How many requests have followed a [redirect](Behaviour::Redirect) of its own.
    pub fn redirects_followed(&self) -> usize {
        *self.state.moved.borrow()
    }

    /// How many bytes of documents the server has handed to the network.
    pub fn bytes_sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Waits until at least `count` requests for the keys have arrived, so that no test has to sleep.
    pub async fn until_jwks_fetches(&self, count: usize) {
        let mut fetches = self.state.jwks.subscribe();
        // The sender is in `self`, so the wait ends only by reaching the count.
        let _ = fetches.wait_for(|fetches| *fetches >= count).await;
    }

    /// Changes how it answers from the next request on; those that hang keep hanging.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.behaviour.send_replace(behaviour);
    }

    /// Ends the server and its connections; new ones are refused, while the port stays reserved for [`restart`](Self::restart).
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Starts the server again on the same port; without effect while it runs.
    ///
    /// # Errors
    ///
    /// If the port cannot be had back.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.server.restart()
    }
}

impl Deref for ServedIssuer {
    type Target = TestIssuer;

    fn deref(&self) -> &TestIssuer {
        &self.state.issuer
    }
}

impl fmt::Debug for ServedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedIssuer").field("issuer", &self.state.issuer).finish_non_exhaustive()
    }
}

/// What the server and its owner share.
struct State {
    issuer: TestIssuer,
    tls: Option<Tls>,
    behaviour: watch::Sender<Behaviour>,
    discovery: watch::Sender<usize>,
    jwks: watch::Sender<usize>,
    moved: watch::Sender<usize>,
    sent: Arc<AtomicU64>,
}

impl State {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<ServedBody>, Infallible> {
        let path = request.uri().path();
        let (path, behaviour) = match path.strip_prefix(MOVED) {
            Some(path) => (path, Behaviour::Serve),
            None => (path, *self.behaviour.borrow()),
        };
        let (document, text, count) = match (request.method(), path) {
            (
                &Method::GET,
                "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server",
            ) => (Document::Metadata, self.metadata(), &self.discovery),
            (&Method::GET, JWKS_PATH) => (Document::Keys, self.issuer.jwk_set(), &self.jwks),
            _ => return Ok(with_status(StatusCode::NOT_FOUND, ServedBody::empty())),
        };
        let count = if path.len() == request.uri().path().len() { count } else { &self.moved };
        count.send_modify(|fetches| *fetches += 1);
        match behaviour.respond(document, text, path, &self.sent) {
            Some(response) => Ok(response),
            None => pending().await,
        }
    }

    /// The metadata that OpenID Connect Discovery 1.0 §3 demands, as far as a verifier reads it.
    fn metadata(&self) -> String {
        let issuer = self.issuer.issuer();
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}{JWKS_PATH}"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        })
        .to_string()
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    // A client that goes away, or trusts the certificate not, is no concern of the test issuer.
    match &state.clone().tls {
        None => serve_connection(stream, state).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve_connection(stream, state).await;
            }
        }
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| state.clone().answer(request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

const JWKS_PATH: &str = "/jwks";
