//! The future of a response under observation.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderName, HeaderValue, Response};
use http_body::Body;
use linchpin_trace::Observation;
use pin_project_lite::pin_project;

use super::ObservedBody;

pin_project! {
    /// The response of [`Observe`](crate::Observe), whose body ends the observation.
    ///
    /// Dropped before it is ready, it ends the observation as cancelled.
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

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ObservedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let observation = this.observation.as_ref().expect(COMPLETED);
        let result = ready!(observation.enter(|| this.inner.poll(cx)));
        let observation = this.observation.take().expect(COMPLETED);
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                observation.fail("service_error");
                return Poll::Ready(Err(error));
            }
        };
        let status = response.status().as_u16();
        observation.respond(status);
        // The characters of an id can all stand in a header.
        if let Ok(id) = HeaderValue::from_str(observation.request_id().as_str()) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        let has_body = !(*this.is_head || matches!(status, 204 | 304));
        Poll::Ready(Ok(response.map(|body| ObservedBody::new(body, observation, has_body))))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("observation", &self.observation).finish_non_exhaustive()
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const COMPLETED: &str = "`ResponseFuture` polled after it completed";
