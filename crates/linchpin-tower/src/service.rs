//! The service that decides.

use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use linchpin_core::{Check, Gate};
use tower_service::Service;

use crate::ResponseFuture;

/// Verifies the token of each request before it calls the inner service; made by [`VerifyLayer`](crate::VerifyLayer).
///
/// A request that is refused, or that waits for a key, gives back the place that the inner service has reserved for it,
/// so that it delays no other: under a concurrency limit, a flood of unknown keys occupies nothing.
#[derive(Clone, Debug)]
pub struct Verify<S> {
    inner: S,
    gate: Gate,
}

impl<S> Verify<S> {
    pub(crate) fn new(inner: S, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Verify<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    ResB: From<String>,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S, Request<ReqB>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let authorization = request.headers().get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        match self.gate.check(authorization) {
            Check::Admit(identity) => {
                linchpin_trace::note_admitted(identity.caller());
                request.extensions_mut().insert(identity);
                ResponseFuture::calling(self.inner.call(request))
            }
            Check::Refuse(answer) => {
                self.give_readiness_back();
                ResponseFuture::refused(answer)
            }
            Check::Wait(waiting) => {
                self.give_readiness_back();
                ResponseFuture::waiting(waiting, self.inner.clone(), request)
            }
        }
    }
}

impl<S: Clone> Verify<S> {
    /// Drops the service that is ready, and with it whatever it has reserved; a fresh clone has reserved nothing.
    fn give_readiness_back(&mut self) {
        self.inner = self.inner.clone();
    }
}
