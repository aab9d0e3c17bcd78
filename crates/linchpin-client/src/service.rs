//! A client as a tower service.

use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, header::AUTHORIZATION};
use linchpin_core::SubjectToken;
use linchpin_trace::RequestContext;
use tower_service::Service;

use crate::{
    Body, Error, ErrorKind,
    base::check_path,
    call::Call,
    client::Shared,
    request::{OF_THE_CONNECTION, check_method},
};

/// A [`Client`](crate::Client) as a [`Service`] over `http::Request`, so that layers can be put around it.
///
/// The request's URI is path and query, below the client's base URL; one that names a host is an error. A [`SubjectToken`] in the
/// request's extensions says on whose behalf the call is made. Everything else is as with any other call of the client: token,
/// retries, deadline, breaker, propagation. A request with an `Authorization` of its own is an error where the client has a source of
/// tokens. Layers around it see each call once, however often it is retried.
///
/// # Examples
///
/// ```no_run
/// use http::Request;
/// use linchpin_client::{Body, Client};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let billing = Client::builder("billing", "https://billing.internal").build()?;
/// let mut limited = ServiceBuilder::new().concurrency_limit(4).service(billing.service());
///
/// let request = Request::get("/invoices/7").body(Body::empty())?;
/// let answer = limited.ready().await?.call(request).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientService {
    shared: Arc<Shared>,
}

impl ClientService {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn to_call(&self, request: Request<Body>) -> Result<Call, Error> {
        let input = |what| Error::new(&self.shared.name, ErrorKind::Input, what);
        let (parts, body) = request.into_parts();
        if parts.uri.authority().is_some() || parts.uri.scheme().is_some() {
            return Err(input("the URI names a host; a client calls its own base URL alone"));
        }
        check_method(&parts.method).map_err(input)?;
        check_path(parts.uri.path()).map_err(input)?;
        if OF_THE_CONNECTION.iter().any(|name| parts.headers.contains_key(name)) {
            return Err(input("a header that belongs to the connection cannot be set"));
        }
        if self.shared.tokens.is_some() && parts.headers.contains_key(AUTHORIZATION) {
            // Headers that were handed on as they came would take the caller's token to a host that nobody has named.
            return Err(input(
                "the client has a source of tokens, and the request brings a credential of its own",
            ));
        }
        let url =
            self.shared.base.join(parts.uri.path(), parts.uri.query().unwrap_or_default()).map_err(input)?;
        Ok(Call {
            method: parts.method,
            url,
            headers: parts.headers,
            body,
            timeout: None,
            subject: parts.extensions.get::<SubjectToken>().cloned(),
            context: RequestContext::current(),
        })
    }
}

impl Service<Request<Body>> for ClientService {
    type Response = Response<Body>;
    type Error = Error;
    type Future = ClientFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Whether there is a place is decided per attempt, by the bulkhead.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> ClientFuture {
        let shared = self.shared.clone();
        ClientFuture(match self.to_call(request) {
            Ok(call) => Box::pin(async move { shared.call(call).await.map(crate::Response::into_http) }),
            Err(error) => Box::pin(ready(Err(error))),
        })
    }
}

impl fmt::Debug for ClientService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService").field("client", &self.shared.name).finish_non_exhaustive()
    }
}

/// What a [`ClientService`] returns.
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture(Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>);

impl Future for ClientFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ClientFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientFuture(..)")
    }
}
