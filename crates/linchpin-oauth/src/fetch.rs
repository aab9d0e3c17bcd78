//! The door to HTTP.

use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::location::without_secrets;

/// Fetches one document over HTTP.
///
/// The key source brings the deadline; an implementation brings the rest: no redirects, and no more than
/// [`max_bytes`](FetchRequest::max_bytes) in memory, checked while the body arrives.
pub trait Fetch: Send + Sync + 'static {
    /// Sends a GET request and reads the whole answer, whatever its status.
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a>;
}

/// What [`Fetch::fetch`] returns.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<FetchResponse, FetchError>> + Send + 'a>>;

/// A GET request for a document.
///
/// # Security
///
/// `Debug` shows the URL without user, password and query.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct FetchRequest<'a> {
    /// The URL, `https`, or `http` where that was allowed.
    pub url: &'a str,
    /// The `ETag` of the document that is there already, for `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// The most bytes that the body may have.
    pub max_bytes: usize,
}

impl<'a> FetchRequest<'a> {
    /// An unconditional request, as a test of a [`Fetch`] makes it.
    pub fn new(url: &'a str, max_bytes: usize) -> Self {
        Self { url, if_none_match: None, max_bytes }
    }
}

impl fmt::Debug for FetchRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest")
            .field("url", &without_secrets(self.url))
            .field("if_none_match", &self.if_none_match)
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}

/// An answer, as far as it counts here.
///
/// # Examples
///
/// ```
/// use linchpin_oauth::FetchResponse;
///
/// let response = FetchResponse::new(200, br#"{"keys":[]}"#.to_vec()).cache_control("max-age=60");
/// # let _ = response;
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct FetchResponse {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) retry_after: Option<String>,
}

impl FetchResponse {
    /// An answer with this status and body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), etag: None, cache_control: None, retry_after: None }
    }

    /// Adds the `ETag`.
    #[must_use]
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// Adds the `Cache-Control`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// Adds the `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }
}

impl fmt::Debug for FetchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body may be a token.
        f.debug_struct("FetchResponse")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("etag", &self.etag)
            .field("cache_control", &self.cache_control)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// The reason why a document could not be fetched.
///
/// `Display` tells what failed, [`source`](Error::source) what the client said.
#[derive(Debug)]
pub struct FetchError {
    message: String,
    is_too_large: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl FetchError {
    /// A failure in words; they go to the operator's log.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_too_large: false, source: None }
    }

    /// An answer that was read no further than this.
    pub fn too_large(max_bytes: usize) -> Self {
        Self { is_too_large: true, ..Self::new(format!("the answer is larger than {max_bytes} bytes")) }
    }

    /// Whether there was an answer, and it was larger than allowed.
    pub(crate) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error with all of its causes in one line, for a log.
pub(crate) struct Chain<'e>(pub(crate) &'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
