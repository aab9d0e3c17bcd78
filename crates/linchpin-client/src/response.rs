//! An answer, read within bounds.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use linchpin_oauth::AccessToken;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use crate::{
    Body, Error, ErrorKind, UpstreamProblem, body::Collected, client::Shared, limit::Limit,
    received::Received, retry_after::retry_after, upstream_problem, watch::Watch,
};

/// An answer of the upstream, of whatever status; its body has not been read yet.
///
/// [`json`](Self::json) and [`error_for_status`](Self::error_for_status) turn a status that is no success into an
/// [`Error`]; [`bytes`](Self::bytes) and [`chunk`](Self::chunk) hand out whatever came. The client's time-out counts until the last
/// byte, and the call keeps its place in the bulkhead until then, or until this is dropped.
///
/// # Examples
///
/// ```no_run
/// # async fn run(billing: &linchpin_client::Client) -> Result<(), linchpin_client::Error> {
/// let mut answer = billing.get("/export").send().await?.error_for_status().await?;
/// while let Some(chunk) = answer.chunk().await? {
///     println!("{} bytes", chunk.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Response {
    shared: Arc<Shared>,
    response: reqwest::Response,
    watch: Watch,
    limit: Limit,
    /// The token that was sent, until it is asked whether it was rejected.
    token: Option<AccessToken>,
}

impl Response {
    pub(crate) fn new(
        shared: Arc<Shared>,
        response: reqwest::Response,
        watch: Watch,
        limit: Limit,
        token: Option<AccessToken>,
    ) -> Self {
        Self { shared, response, watch, limit, token }
    }

    /// The token that this answer does not accept, told once.
    pub(crate) fn rejected_token(&mut self) -> Option<AccessToken> {
        self.token.take().filter(|_| self.status() == StatusCode::UNAUTHORIZED)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The first value of a header, if it is there and visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The answer itself, if its status is a success.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`] for any other, with the [problem](Error::problem) that came with it. Redirects are no success.
    pub async fn error_for_status(self) -> Result<Self, Error> {
        // In a box, so that good answers do not carry room for this.
        if self.status().is_success() { Ok(self) } else { Err(Box::pin(self.into_error()).await) }
    }

    /// What an answer that is no success says.
    async fn into_error(mut self) -> Error {
        let status = self.status();
        let after = retry_after(self.headers(), self.shared.clock.now());
        let client = self.shared.name.clone();
        let is_problem = self.media_type().eq_ignore_ascii_case("application/problem+json");
        let problem = if is_problem {
            // Whatever happens to the body, the status is what counts.
            let body = self.collect(upstream_problem::MAX_BYTES).await.ok();
            body.and_then(|body| UpstreamProblem::parse(&body))
        } else {
            self.discard().await;
            None
        };
        Error::status_of(&client, status, problem, after)
    }

    /// Reads a successful answer as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`] if the status is no success; [`ErrorKind::Body`] if the answer says that it is something else than
    /// JSON, is larger than [the client reads](crate::ClientBuilder::max_body_bytes), or cannot be read as a `T`; and whatever
    /// happens on the way.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        if !self.status().is_success() {
            return Err(Box::pin(self.into_error()).await);
        }
        if self.headers().contains_key(header::CONTENT_TYPE) && !is_json(self.media_type()) {
            return Err(Error::new(&self.shared.name, ErrorKind::Body, "the answer is not JSON"));
        }
        let body = self.collect(self.shared.max_body).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // Its own text may quote what it has read, which may be anybody's.
            let what = match error.classify() {
                serde_json::error::Category::Data => "the answer's JSON is not of the expected shape",
                serde_json::error::Category::Eof => "the answer's JSON breaks off",
                _ => "the answer's JSON is malformed",
            };
            let (line, column) = (error.line(), error.column());
            Error::new(&self.shared.name, ErrorKind::Body, format!("{what} (line {line}, column {column})"))
        })
    }

    /// Reads the whole body, whatever the status.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Body`] if it is larger than [the client reads](crate::ClientBuilder::max_body_bytes), and whatever happens on
    /// the way.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        self.collect(self.shared.max_body).await
    }

    /// The next piece of the body, `None` at its end. How much there is in all is not bounded.
    ///
    /// # Errors
    ///
    /// What happens on the way.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.limit.wait(&self.shared.name, Instant::now(), self.response.chunk()).await;
        match next.and_then(|next| next.map_err(|error| Error::transport(&self.shared.name, error))) {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => {
                self.watch.finished();
                Ok(None)
            }
            Err(error) => {
                self.watch.failed(&error);
                Err(self.limit.explain(&self.shared.name, error))
            }
        }
    }

    /// The body, to be handed on while it arrives.
    pub fn into_body(self) -> Body {
        self.into_http().into_body()
    }

    /// The answer in the terms of the `http` crate. The headers are all the upstream's, those of its connection among them.
    pub fn into_http(self) -> http::Response<Body> {
        let Self { shared, response, watch, limit, .. } = self;
        http::Response::<reqwest::Body>::from(response)
            .map(|body| Body::received(Received::new(body, shared.name.clone(), watch, limit)))
    }

    /// Reads the rest, if it is short and there already, so that the connection can be used again.
    pub(crate) async fn discard(mut self) {
        // Whatever happens to it does not matter.
        let _ = timeout(DISCARD_TIME, self.collect(DISCARD_BYTES)).await;
    }

    async fn collect(&mut self, most: usize) -> Result<Bytes, Error> {
        let client = self.shared.name.clone();
        let mut collected = Collected::new(&client, self.response.content_length(), most)?;
        while let Some(chunk) = self.chunk().await? {
            collected.push(&client, chunk)?;
        }
        Ok(collected.finish())
    }

    /// The media type as it was sent, without its parameters.
    fn media_type(&self) -> &str {
        let value = self.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("client", &self.shared.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// RFC 6839 §3.1: `+json` at the end says that it can be read as JSON.
fn is_json(media_type: &str) -> bool {
    let suffix = media_type.len().checked_sub("+json".len()).and_then(|at| media_type.get(at..));
    media_type.eq_ignore_ascii_case("application/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

/// Beyond these a new connection costs less than the rest of an answer that nobody wants.
const DISCARD_BYTES: usize = 64 * 1024;
const DISCARD_TIME: Duration = Duration::from_millis(50);
