//! The body of a response under observation.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};
use linchpin_trace::Observation;
use pin_project_lite::pin_project;

pin_project! {
    /// A response's body that counts its bytes and ends the observation when it ends.
    ///
    /// An error ends it as `body_error`; a body that is dropped before its end was cancelled.
    pub struct ObservedBody<B> {
        #[pin]
        inner: B,
        observation: Option<Observation>,
        has_body: bool,
        // What is left of a body whose size was known from the beginning.
        left: Option<u64>,
    }

    impl<B> PinnedDrop for ObservedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Servers do not ask a body for its end when they know it: of a HEAD, or by its length.
            let is_whole = !*this.has_body || *this.left == Some(0);
            if let Some(observation) = this.observation.take_if(|_| is_whole) {
                observation.complete();
            }
        }
    }
}

impl<B: MessageBody> ObservedBody<B> {
    pub(crate) fn new(inner: B, observation: Observation, has_body: bool) -> Self {
        let left = match inner.size() {
            BodySize::None => Some(0),
            BodySize::Sized(size) => Some(size),
            BodySize::Stream => None,
        };
        Self { inner, observation: Some(observation), has_body, left }
    }
}

// `try_into_bytes` stays as it is and gives the body back: bytes that are taken at once would not be counted.
impl<B: MessageBody> MessageBody for ObservedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        let Some(observation) = this.observation else { return this.inner.poll_next(cx) };
        let chunk = ready!(observation.enter(|| this.inner.poll_next(cx)));
        match &chunk {
            Some(Ok(bytes)) => {
                // The server of actix reads the body for a HEAD too, and sends nothing of it.
                if *this.has_body {
                    observation.count(bytes.len());
                }
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                *this.left = this.left.map(|left| left.saturating_sub(size));
            }
            Some(Err(_)) => this.observation.take().into_iter().for_each(|ended| ended.fail("body_error")),
            None => this.observation.take().into_iter().for_each(Observation::complete),
        }
        Poll::Ready(chunk)
    }
}

impl<B: fmt::Debug> fmt::Debug for ObservedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
