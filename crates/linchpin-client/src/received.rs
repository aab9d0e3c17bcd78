//! The body of an answer while it arrives.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{Error, limit::Limit, watch::Watch};

/// What arrives, bounded in time.
pub(crate) struct Received {
    body: reqwest::Body,
    client: Arc<str>,
    watch: Watch,
    limit: Limit,
    /// Made when something has to be waited for, and used again.
    alarm: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl Received {
    pub(crate) fn new(body: reqwest::Body, client: Arc<str>, watch: Watch, limit: Limit) -> Self {
        Self { body, client, watch, limit, alarm: None, is_waiting: false }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = match ready!(self.poll_next(cx)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                self.watch.failed(&error);
                Some(Err(self.limit.explain(&self.client, error)))
            }
            None => {
                self.watch.finished();
                None
            }
        };
        Poll::Ready(next)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // Asked each time, so that an answer that keeps coming comes to its end, too.
        let Some(next_sign) = self.limit.next_sign(Instant::now()) else {
            return Poll::Ready(Some(Err(Error::timeout(&self.client))));
        };
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.is_waiting = false;
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|error| Error::transport(&self.client, error))),
            );
        }
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(next_sign)));
        if !std::mem::replace(&mut self.is_waiting, true) {
            alarm.as_mut().reset(next_sign);
        }
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::timeout(&self.client))))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
