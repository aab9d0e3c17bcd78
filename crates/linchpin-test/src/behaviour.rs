//! The troubles that a provider can have, and what they look like on the wire.

use std::{
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{
    Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
};
use tokio::time::{Sleep, sleep};

/// How a [`ServedIssuer`](crate::ServedIssuer) answers; requests are counted in any case.
///
/// Unless a variant says otherwise, it concerns the metadata and the keys alike.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Behaviour {
    /// With what was asked for.
    #[default]
    Serve,
    /// With this status and no document; 500 if it is none.
    Status(u16),
    /// Not at all: the request is read, and the connection stays open until the server stops.
    Hang,
    /// With the page of a proxy that is in the way, and the status 200.
    Html,
    /// With the first half of the document, as if it were the whole.
    Truncated,
    /// With the first half of the document, and then the connection breaks.
    Reset,
    /// With this many bytes of white space before the document.
    Padded(u64),
    /// With white space that never ends.
    Endless,
    /// With the document, one byte at a time and this pause before each.
    Drip(Duration),
    /// With a redirect to another path of the same origin, where the document is.
    Redirect,
    /// With a redirect to the same path at another address.
    RedirectTo(SocketAddr),
    /// With the document after more header lines than any client should read.
    ManyHeaders,
    /// With a document that claims to be compressed.
    Compressed,
    /// Metadata of another issuer, while the keys are served.
    WrongIssuer,
    /// A set without keys, while the metadata is served.
    NoKeys,
    /// A key set in which a name stands twice, while the metadata is served.
    DuplicateNames,
    /// A set whose only key is of a kind that does not exist yet, while the metadata is served.
    UnknownKeysOnly,
}

/// Which document is asked for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Document {
    Metadata,
    Keys,
}

impl Behaviour {
    /// The response to a request for `document`, whose good text is this, at this path; `None` if there is none, ever.
    pub(crate) fn respond(
        self,
        document: Document,
        text: String,
        path: &str,
        sent: &Arc<AtomicU64>,
    ) -> Option<Response<ServedBody>> {
        let whole = Bytes::from(text);
        let half = whole.slice(..whole.len() / 2);
        let body = |source| ServedBody { source, sent: sent.clone() };
        let json = |bytes| json(body(Source::Whole(bytes)));
        let of_metadata = document == Document::Metadata;
        Some(match self {
            Self::Serve => json(whole),
            Self::Status(code) => {
                let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                with_status(code, body(Source::Whole(Bytes::new())))
            }
            Self::Hang => return None,
            Self::Html => {
                let mut page = Response::new(body(Source::Whole(Bytes::from_static(PAGE))));
                page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                page
            }
            Self::Truncated => json(half),
            Self::Reset => self::json(body(Source::Broken(Some(half)))),
            Self::Padded(bytes) => self::json(body(Source::Spaces { left: bytes, then: Some(whole) })),
            Self::Endless => self::json(body(Source::Spaces { left: u64::MAX, then: Some(whole) })),
            Self::Drip(pace) => {
                self::json(body(Source::Drip { rest: whole, pace, pause: Box::pin(sleep(pace)) }))
            }
            Self::Redirect => redirect(&format!("{MOVED}{path}"), body(Source::Whole(Bytes::new()))),
            Self::RedirectTo(address) => {
                redirect(&format!("http://{address}{path}"), body(Source::Whole(Bytes::new())))
            }
            Self::ManyHeaders => {
                let mut response = json(whole);
                for number in 0..HEADERS {
                    let name = HeaderName::try_from(format!("x-filler-{number}")).expect("a header's name");
                    response.headers_mut().insert(name, HeaderValue::from_static(FILLER));
                }
                response
            }
            Self::Compressed => {
                let mut response = json(Bytes::from_static(GZIP));
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                response
            }
            Self::WrongIssuer if of_metadata => {
                let text = String::from_utf8_lossy(&whole);
                json(text.replace(r#""issuer":"http"#, r#""issuer":"http://other.test/?http"#).into())
            }
            Self::NoKeys if !of_metadata => json(Bytes::from_static(br#"{"keys":[]}"#)),
            Self::UnknownKeysOnly if !of_metadata => json(Bytes::from_static(
                br#"{"keys":[{"kty":"AKP","alg":"ML-DSA-65","kid":"later","pub":"AA"}]}"#,
            )),
            Self::DuplicateNames if !of_metadata => {
                let text = String::from_utf8_lossy(&whole);
                json(text.replacen('{', r#"{"keys":[],"#, 1).into())
            }
            Self::WrongIssuer | Self::NoKeys | Self::UnknownKeysOnly | Self::DuplicateNames => json(whole),
        })
    }
}

/// The body of a response, which counts what it hands out.
pub(crate) struct ServedBody {
    source: Source,
    sent: Arc<AtomicU64>,
}

enum Source {
    Whole(Bytes),
    /// Ends with an error, so that the connection breaks.
    Broken(Option<Bytes>),
    Spaces {
        left: u64,
        then: Option<Bytes>,
    },
    Drip {
        rest: Bytes,
        pace: Duration,
        pause: Pin<Box<Sleep>>,
    },
}

impl ServedBody {
    pub(crate) fn empty() -> Self {
        Self { source: Source::Whole(Bytes::new()), sent: Arc::default() }
    }
}

impl Source {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        Poll::Ready(match self {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::Broken(half) => Some(half.take().ok_or(BrokenOff)),
            Self::Spaces { left: 0, then } => then.take().map(Ok),
            Self::Spaces { left, .. } => {
                let chunk = SPACES.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= chunk as u64;
                Some(Ok(Bytes::from_static(&SPACES[..chunk])))
            }
            Self::Drip { rest, .. } if rest.is_empty() => None,
            Self::Drip { rest, pace, pause } => {
                ready!(pause.as_mut().poll(cx));
                *pause = Box::pin(sleep(*pace));
                Some(Ok(rest.split_to(1)))
            }
        })
    }
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let next = ready!(self.source.poll_next(cx));
        if let Some(Ok(bytes)) = &next {
            self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    /// Known only where nothing goes wrong on the way, so that a whole document has a `content-length`.
    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.source, Source::Whole(bytes) if bytes.is_empty())
    }
}

/// Why a body ends early.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("told to break off")
    }
}

impl std::error::Error for BrokenOff {}

fn json(body: ServedBody) -> Response<ServedBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn redirect(target: &str, body: ServedBody) -> Response<ServedBody> {
    let mut response = with_status(StatusCode::FOUND, body);
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::try_from(target).expect("a path is a header's value"));
    response
}

pub(crate) fn with_status(status: StatusCode, body: ServedBody) -> Response<ServedBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Where the documents are after a redirect.
pub(crate) const MOVED: &str = "/moved";

const PAGE: &[u8] = b"<!DOCTYPE html><title>Maintenance</title><p>We are back soon.";
const SPACES: &[u8] = &[b' '; 64 * 1024];
const HEADERS: usize = 5000;
const FILLER: &str =
    "a value of some length, so that the lines together are much larger than a client's buffer for them";

/// An empty document, compressed.
const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
