//! The future of a response, whichever way the decision went.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse},
};
use linchpin_core::{Answer, Waiting};
use pin_project_lite::pin_project;

use crate::{
    response::{into_response, refuse},
    withheld::{Unheard, withhold},
};

pin_project! {
    /// The response of [`Verify`](crate::Verify): the inner service's, or a refusal.
    ///
    /// It may be dropped at any time, and frees the request and the decision under way with it.
    ///
    /// # Panics
    ///
    /// Polling it after it has completed may panic, as with every future.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, S> {
        #[pin]
        state: State<F, S>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S> {
        Calling { #[pin] future: F },
        // Both boxed, because they are rare and large, and the future of an inner service is mostly a box itself.
        Refused { response: Option<Box<ServiceResponse>> },
        Waiting { detour: Option<Box<Detour<S>>> },
    }
}

/// What a request needs that has to wait before the inner service is called.
struct Detour<S> {
    /// The decision; `None` once it has admitted the request.
    waiting: Option<Waiting>,
    inner: Rc<S>,
    request: ServiceRequest,
}

impl<F, S> ResponseFuture<F, S> {
    pub(crate) fn calling(future: F) -> Self {
        Self { state: State::Calling { future } }
    }

    pub(crate) fn refused(request: ServiceRequest, answer: Answer) -> Self {
        let response = Box::new(refuse(request, answer));
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(crate) fn waiting(waiting: Waiting, inner: Rc<S>, request: ServiceRequest) -> Self {
        let detour = Box::new(Detour { waiting: Some(waiting), inner, request });
        Self { state: State::Waiting { detour: Some(detour) } }
    }
}

impl<F, S, B, E> Future for ResponseFuture<F, S>
where
    F: Future<Output = Result<ServiceResponse<B>, E>>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = E, Future = F>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future } => {
                    return Poll::Ready(Ok(settle(ready!(future.poll(cx))?)));
                }
                StateProj::Refused { response } => {
                    let response = response.take().expect(COMPLETED);
                    return Poll::Ready(Ok(response.map_into_right_body()));
                }
                StateProj::Waiting { detour } => {
                    let way = detour.as_mut().expect(COMPLETED);
                    let decision = ready!(way.poll_decision(cx));
                    if decision.is_ok() {
                        // Ready when the request came, the inner service may be busy by now.
                        ready!(way.inner.poll_ready(cx))?;
                    }
                    let Detour { inner, request, .. } = *detour.take().expect(COMPLETED);
                    state.set(match decision {
                        Ok(()) => State::Calling { future: inner.call(request) },
                        Err(answer) => State::Refused { response: Some(Box::new(refuse(request, answer))) },
                    });
                }
            }
        }
    }
}

/// Answers with the refusal of a [`Require`](crate::Require), should another extractor have failed before it.
fn settle<B>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    if response.response().error().is_none() {
        return response.map_into_left_body();
    }
    let unheard = response.request().extensions().get::<Unheard>().cloned();
    match unheard.and_then(|unheard| unheard.take()) {
        Some(answer) => response.into_response(into_response(answer)).map_into_right_body(),
        None => response.map_into_left_body(),
    }
}

impl<S> Detour<S> {
    fn poll_decision(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Answer>> {
        if let Some(waiting) = &mut self.waiting {
            match ready!(Pin::new(waiting).poll(cx)) {
                Ok(identity) => {
                    linchpin_trace::note_admitted(identity.caller());
                    self.request.extensions_mut().insert(identity);
                    withhold(&mut self.request);
                    self.waiting = None;
                }
                Err(answer) => return Poll::Ready(Err(answer)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<F, S> fmt::Debug for ResponseFuture<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Calling { .. } => "Calling",
            State::Refused { .. } => "Refused",
            State::Waiting { .. } => "Waiting",
        };
        f.debug_tuple("ResponseFuture").field(&format_args!("{state}")).finish()
    }
}

const COMPLETED: &str = "`ResponseFuture` polled after it completed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_and_refusing_do_not_make_every_future_larger() {
        type Inner = Pin<Box<dyn Future<Output = ()>>>;

        let size = size_of::<ResponseFuture<Inner, ()>>();

        assert!(size <= size_of::<Inner>() + size_of::<usize>(), "{size}");
    }
}
