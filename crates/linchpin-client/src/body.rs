//! Bodies of requests and answers.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    Error, ErrorKind,
    error::{BoxError, RequestBodyFailed},
    received::Received,
};

/// The body of a request or of an answer, as the [`ClientService`](crate::ClientService) takes and gives it.
///
/// # Examples
///
/// ```
/// use linchpin_client::Body;
///
/// let (nothing, some) = (Body::empty(), Body::from("{}"));
/// # drop((nothing, some));
/// ```
pub struct Body {
    inner: Inner,
}

enum Inner {
    Bytes(Bytes),
    Stream(Mutex<Stream>),
    Received(Box<Received>),
}

type Stream = Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>;

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A body that is sent while it is made, and so can be sent only once: such a request is not retried.
    ///
    /// Frameworks' bodies are of this kind, and `http_body_util::StreamBody` makes one of a stream.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { inner: Inner::Stream(Mutex::new(Box::pin(Boxed { body: Box::pin(body) }))) }
    }

    pub(crate) fn received(received: Received) -> Self {
        Self { inner: Inner::Received(Box::new(received)) }
    }

    /// The bytes, if they are all there.
    pub(crate) fn replayable(&self) -> Option<&Bytes> {
        match &self.inner {
            Inner::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn into_reqwest(self) -> reqwest::Body {
        match self.inner {
            Inner::Bytes(bytes) => bytes.into(),
            _ => reqwest::Body::wrap(self),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { inner: Inner::Bytes(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.inner {
            Inner::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Inner::Stream(stream) => stream
                // Nothing locks it: the mutex only says that it is polled by one at a time.
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .as_mut()
                .poll_frame(cx)
                .map_err(|error| Box::new(RequestBodyFailed(error)) as _),
            Inner::Received(received) => received.poll_frame(cx).map_err(|error| Box::new(error) as _),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream(_) => false,
            Inner::Received(received) => received.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner).size_hint(),
            Inner::Received(received) => received.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

/// A body whose error is in a box.
struct Boxed<B> {
    body: Pin<Box<B>>,
}

impl<B> HttpBody for Boxed<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.body.as_mut().poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Reads a body as long as it stays within a bound.
pub(crate) struct Collected {
    bytes: Vec<u8>,
    first: Option<Bytes>,
    most: usize,
}

impl Collected {
    /// `announced` is what `Content-Length` says.
    pub(crate) fn new(client: &Arc<str>, announced: Option<u64>, most: usize) -> Result<Self, Error> {
        if announced.is_some_and(|bytes| bytes > most as u64) {
            return Err(too_large(client, most));
        }
        Ok(Self { bytes: Vec::new(), first: None, most })
    }

    pub(crate) fn push(&mut self, client: &Arc<str>, chunk: Bytes) -> Result<(), Error> {
        let so_far = self.bytes.len() + self.first.as_ref().map_or(0, Bytes::len);
        if chunk.len() > self.most.saturating_sub(so_far) {
            return Err(too_large(client, self.most));
        }
        match self.first.take() {
            // A body that comes in one piece is not copied.
            None if self.bytes.is_empty() => self.first = Some(chunk),
            first => {
                first.into_iter().for_each(|first| self.bytes.extend_from_slice(&first));
                self.bytes.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Bytes {
        self.first.unwrap_or_else(|| self.bytes.into())
    }
}

fn too_large(client: &Arc<str>, most: usize) -> Error {
    Error::new(client, ErrorKind::Body, format!("the answer is larger than {most} bytes"))
}
