//! The service that decides.

use std::{
    fmt,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderValue},
};
use linchpin_core::{Check, Gate};

use crate::{ResponseFuture, withheld::withhold};

/// Verifies the token of each request before it calls the inner service; made by
/// [`VerifyMiddleware`](crate::VerifyMiddleware).
pub struct Verify<S> {
    // Shared with requests that wait; all others call it from here.
    inner: Rc<S>,
    gate: Gate,
}

impl<S> Verify<S> {
    pub(crate) fn new(inner: S, gate: Gate) -> Self {
        Self { inner: Rc::new(inner), gate }
    }
}

impl<S, B> Service<ServiceRequest> for Verify<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let check = self.gate.check(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
        match check {
            Check::Admit(identity) => {
                linchpin_trace::note_admitted(identity.caller());
                request.extensions_mut().insert(identity);
                withhold(&mut request);
                ResponseFuture::calling(self.inner.call(request))
            }
            Check::Refuse(answer) => ResponseFuture::refused(request, answer),
            Check::Wait(waiting) => ResponseFuture::waiting(waiting, self.inner.clone(), request),
        }
    }
}

impl<S> fmt::Debug for Verify<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("gate", &self.gate).finish_non_exhaustive()
    }
}
