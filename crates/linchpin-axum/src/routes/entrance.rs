//! What stands before the handlers of a route.

use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use http::Extensions;
use linchpin_tower::{Verify, VerifyLayer};
use linchpin_trace::RequestContext;
use tower_layer::Layer;
use tower_service::Service;

/// Verifies by the policy of a route, and tells who observes the request which route that is.
#[derive(Clone)]
pub(super) struct EntranceLayer {
    verify: VerifyLayer,
}

impl EntranceLayer {
    pub(super) fn new(verify: VerifyLayer) -> Self {
        Self { verify }
    }
}

impl<S> Layer<S> for EntranceLayer {
    type Service = Entrance<Verify<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        Entrance { inner: self.verify.layer(inner) }
    }
}

#[derive(Clone)]
pub(super) struct Entrance<S> {
    inner: S,
}

impl<S: Service<Request>> Service<Request> for Entrance<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        tell_route(request.extensions());
        self.inner.call(request)
    }
}

/// Names the route where the request is observed: a layer around the whole router could not see which one is matched.
pub(super) fn tell_route(extensions: &Extensions) {
    if let (Some(context), Some(path)) = (extensions.get::<RequestContext>(), extensions.get::<MatchedPath>())
    {
        context.set_route(path.as_str());
    }
}
