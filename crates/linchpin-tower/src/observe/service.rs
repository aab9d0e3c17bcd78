//! The service that observes.

use std::task::{Context, Poll};

use http::{HeaderName, Method, Request, Response};
use http_body::Body;
use linchpin_trace::{Observer, RequestHead};
use tower_service::Service;

use super::{ObservedBody, ResponseFuture, layer::Finders};

/// Observes each request from here to the end of its response; made by [`ObserveLayer`](crate::ObserveLayer).
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    observer: Observer,
    finders: Finders,
}

impl<S> Observe<S> {
    pub(crate) fn new(inner: S, observer: Observer, finders: Finders) -> Self {
        Self { inner, observer, finders }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Observe<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body,
{
    type Response = Response<ObservedBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let mut head = RequestHead::new(request.method().as_str(), request.uri().path());
        if let Some(scheme) = request.uri().scheme_str() {
            head = head.scheme(scheme);
        }
        if let Some(authority) = request.uri().authority() {
            head = head.authority(authority.as_str());
        }
        if let Some(peer) = (self.finders.peer)(request.extensions()) {
            head = head.peer(peer);
        }
        let headers =
            request.headers().iter().map(|(name, value)| (HeaderName::as_str(name), value.as_bytes()));
        let observation = self.observer.begin(head, headers);
        if let Some(route) = (self.finders.route)(request.extensions()) {
            observation.context().set_route(route);
        }

        let is_head = request.method() == Method::HEAD;
        request.extensions_mut().insert(observation.context().clone());
        let future = observation.enter(|| self.inner.call(request));
        ResponseFuture::new(future, observation, is_head)
    }
}
