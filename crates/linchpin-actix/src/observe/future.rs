//! The future of a response under observation.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::ServiceResponse,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use linchpin_core::RequestId;
use linchpin_trace::Observation;
use pin_project_lite::pin_project;

use super::ObservedBody;

pin_project! {
    /// The response of [`Observe`](crate::Observe), whose body ends the observation.
    ///
    /// Dropped before it is ready, it ends the observation as cancelled.
    ///
    /// # Panics
    ///
    /// Polling it after it has completed may panic, as with every future.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Dropped first: what the inner service still says belongs to the request.
        #[pin]
        inner: F,
        observation: Option<Observation>,
        is_head: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, observation: Observation, is_head: bool) -> Self {
        Self { inner, observation: Some(observation), is_head }
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ObservedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let observation = this.observation.as_ref().expect(COMPLETED);
        let result = ready!(observation.enter(|| this.inner.poll(cx)));
        let observation = this.observation.take().expect(COMPLETED);
        let is_head = *this.is_head;
        Poll::Ready(match result {
            Ok(mut response) => {
                // A middleware that rewrites the path makes the router match another pattern than was expected.
                if let Some(route) = response.request().match_pattern() {
                    observation.context().set_route(&route);
                }
                name(observation.request_id(), response.headers_mut());
                let has_body = respond(&observation, response.status().as_u16(), is_head);
                Ok(response.map_body(|_, body| ObservedBody::new(body, observation, has_body)))
            }
            Err(error) => Err(answer(error, observation, is_head)),
        })
    }
}

/// Makes the response of an error while the request is current, and leaves it for whoever turns the error into one.
///
/// The error stays what it is. It has no request any more, of which a response could be made here.
fn answer(mut error: Error, observation: Observation, is_head: bool) -> Error {
    let id = observation.request_id().clone();
    let response = observation.enter(|| error.error_response());
    let has_body = respond(&observation, response.status().as_u16(), is_head);
    let response = response.map_body(|_, body| BoxBody::new(ObservedBody::new(body, observation, has_body)));
    let response = Cell::new(Some(response));
    error.add_response_mapper(move |fresh: HttpResponse| {
        let mut response = response.take().unwrap_or(fresh);
        name(&id, response.headers_mut());
        response
    });
    error
}

/// Notes the status, and says whether a body is sent with it.
fn respond(observation: &Observation, status: u16, is_head: bool) -> bool {
    observation.respond(status);
    !(is_head || matches!(status, 204 | 304))
}

fn name(id: &RequestId, headers: &mut HeaderMap) {
    // The characters of an id can all stand in a header.
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("observation", &self.observation).finish_non_exhaustive()
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const COMPLETED: &str = "`ResponseFuture` polled after it completed";
