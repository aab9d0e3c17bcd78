//! The future of a response, whichever way the decision went.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use linchpin_core::{Answer, Waiting};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::response::refuse;

pin_project! {
    /// The response of [`Verify`](crate::Verify): the inner service's, or a refusal.
    ///
    /// It may be dropped at any time, and frees the request, the decision under way and the inner service with it.
    ///
    /// # Panics
    ///
    /// Polling it after it has completed may panic, as with every future.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, S, Req> {
        #[pin]
        state: State<F, S, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, Req> {
        Calling { #[pin] future: F },
        Refused { answer: Option<Answer> },
        // Boxed, because it is rare and holds a whole request: all other futures would be as large.
        Waiting { detour: Option<Box<Detour<S, Req>>> },
    }
}

/// What a request needs that has to wait before the inner service is called.
struct Detour<S, Req> {
    /// The decision; `None` once it has admitted the request.
    waiting: Option<Waiting>,
    inner: S,
    request: Req,
}

impl<F, S, Req> ResponseFuture<F, S, Req> {
    pub(crate) fn calling(future: F) -> Self {
        Self { state: State::Calling { future } }
    }

    pub(crate) fn refused(answer: Answer) -> Self {
        Self { state: State::Refused { answer: Some(answer) } }
    }

    pub(crate) fn waiting(waiting: Waiting, inner: S, request: Req) -> Self {
        let detour = Box::new(Detour { waiting: Some(waiting), inner, request });
        Self { state: State::Waiting { detour: Some(detour) } }
    }
}

impl<F, S, ReqB, ResB, E> Future for ResponseFuture<F, S, Request<ReqB>>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    S: Service<Request<ReqB>, Response = Response<ResB>, Error = E, Future = F>,
    ResB: From<String>,
{
    type Output = Result<Response<ResB>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future } => return future.poll(cx),
                StateProj::Refused { answer } => {
                    let answer = answer.take().expect(COMPLETED);
                    return Poll::Ready(Ok(refuse(answer)));
                }
                StateProj::Waiting { detour } => {
                    let way = detour.as_mut().expect(COMPLETED);
                    let next = match ready!(way.poll_way_on(cx)) {
                        Ok(()) => {
                            let Detour { mut inner, request, .. } = *detour.take().expect(COMPLETED);
                            State::Calling { future: inner.call(request) }
                        }
                        Err(Stop::Refused(answer)) => State::Refused { answer: Some(answer) },
                        Err(Stop::Failed(error)) => {
                            *detour = None;
                            return Poll::Ready(Err(error));
                        }
                    };
                    state.set(next);
                }
            }
        }
    }
}

impl<S, ReqB> Detour<S, Request<ReqB>>
where
    S: Service<Request<ReqB>>,
{
    /// Waits for the decision, and then for the inner service, which has been ready for another request meanwhile.
    fn poll_way_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop<S::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            match ready!(Pin::new(waiting).poll(cx)) {
                Ok(identity) => {
                    linchpin_trace::note_admitted(identity.caller());
                    self.request.extensions_mut().insert(identity);
                    self.waiting = None;
                }
                Err(answer) => return Poll::Ready(Err(Stop::Refused(answer))),
            }
        }
        self.inner.poll_ready(cx).map_err(Stop::Failed)
    }
}

/// Why the inner service is not called after all.
enum Stop<E> {
    Refused(Answer),
    Failed(E),
}

impl<F, S, Req> fmt::Debug for ResponseFuture<F, S, Req> {
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
    fn waiting_does_not_make_every_future_larger() {
        type Inner = [u64; 14];
        type LargeRequest = [u64; 100];

        let size = size_of::<ResponseFuture<Inner, (), LargeRequest>>();

        assert!(size <= size_of::<Inner>() + size_of::<u64>(), "{size}");
    }
}
