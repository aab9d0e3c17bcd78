//! The service that observes.

use std::{
    fmt,
    task::{Context, Poll},
};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::Method,
};
use linchpin_trace::{Observation, Observer, RequestHead};

use super::{ObservedBody, ResponseFuture};

/// Observes each request from here to the end of its response; made by
/// [`ObserveMiddleware`](crate::ObserveMiddleware).
pub struct Observe<S> {
    inner: S,
    observer: Observer,
}

impl<S> Observe<S> {
    pub(crate) fn new(inner: S, observer: Observer) -> Self {
        Self { inner, observer }
    }

    fn begin(&self, request: &ServiceRequest) -> Observation {
        let mut head = RequestHead::new(request.method().as_str(), request.uri().path());
        if let Some(scheme) = request.uri().scheme_str() {
            head = head.scheme(scheme);
        }
        if let Some(authority) = request.uri().authority() {
            head = head.authority(authority.as_str());
        }
        if let Some(peer) = request.peer_addr() {
            head = head.peer(peer.ip());
        }
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.observer.begin(head, headers)
    }
}

impl<S, B> Service<ServiceRequest> for Observe<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ObservedBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let observation = self.begin(&request);
        // Routing comes later, but a request that is cancelled does not come back from it.
        if let Some(route) = request.match_pattern() {
            observation.context().set_route(&route);
        }
        let is_head = request.method() == Method::HEAD;
        request.extensions_mut().insert(observation.context().clone());
        let future = observation.enter(|| self.inner.call(request));
        ResponseFuture::new(future, observation, is_head)
    }
}

impl<S> fmt::Debug for Observe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observe").field("observer", &self.observer).finish_non_exhaustive()
    }
}
