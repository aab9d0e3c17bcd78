//! The body of a response under observation.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use linchpin_trace::Observation;
use pin_project_lite::pin_project;

pin_project! {
    /// A response's body that counts its bytes and ends the observation when it ends.
    ///
    /// An error ends it as `body_error`; a body that is dropped before its end was cancelled.
    pub struct ObservedBody<B: Body> {
        #[pin]
        inner: B,
        observation: Option<Observation>,
        has_body: bool,
        // What is left of a body whose size was known from the beginning.
        left: Option<u64>,
    }

    impl<B: Body> PinnedDrop for ObservedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Servers do not ask a body for its end when they know it: of a HEAD, by its length, or because it says so.
            let is_whole = !*this.has_body || *this.left == Some(0) || this.inner.is_end_stream();
            if let Some(observation) = this.observation.take_if(|_| is_whole) {
                observation.complete();
            }
        }
    }
}

impl<B: Body> ObservedBody<B> {
    pub(crate) fn new(inner: B, observation: Observation, has_body: bool) -> Self {
        let left = inner.size_hint().exact();
        Self { inner, observation: Some(observation), has_body, left }
    }
}

impl<B: Body> Body for ObservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(observation) = this.observation else { return this.inner.poll_frame(cx) };
        let frame = ready!(observation.enter(|| this.inner.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, Buf::remaining);
                // Some server may read the body for a HEAD too, and sends nothing of it.
                if *this.has_body {
                    observation.count(size);
                }
                let size = u64::try_from(size).unwrap_or(u64::MAX);
                *this.left = this.left.map(|left| left.saturating_sub(size));
            }
            Some(Err(_)) => this.observation.take().into_iter().for_each(|ended| ended.fail("body_error")),
            None => this.observation.take().into_iter().for_each(Observation::complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body + Default> Default for ObservedBody<B> {
    /// An empty body that nobody observes.
    fn default() -> Self {
        unobserved(B::default())
    }
}

impl<B: Body + From<String>> From<String> for ObservedBody<B> {
    /// A body that nobody observes: what a layer further out answers itself.
    fn from(text: String) -> Self {
        unobserved(B::from(text))
    }
}

/// A body that is nobody's response.
fn unobserved<B: Body>(inner: B) -> ObservedBody<B> {
    ObservedBody { inner, observation: None, has_body: true, left: None }
}

impl<B: Body + fmt::Debug> fmt::Debug for ObservedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
