//! Why a call has failed, and what a caller is told then.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::StatusCode;
use linchpin_core::Problem;
use linchpin_oauth::{TokenError, TokenErrorKind};

use crate::UpstreamProblem;

/// The reason why a call has no answer, or none that is of use.
///
/// `Display` tells the client's name and what failed, [`source`](StdError::source) the cause. A handler returns it as a
/// [`Problem`] with `?`: trouble upstream is 502, 503 (with `Retry-After`) or 504 there, and nothing of the upstream's answer is
/// shown.
///
/// # Examples
///
/// ```no_run
/// use linchpin_client::Client;
/// use linchpin_core::Problem;
///
/// async fn total(billing: &Client, id: &str) -> Result<u64, Problem> {
///     let total = billing.get("/invoices").segment(id).segment("total").send().await?.json().await?;
///     Ok(total)
/// }
/// ```
///
/// # Security
///
/// Neither the error nor its causes hold a token, a path or a query.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    client: Arc<str>,
    kind: ErrorKind,
    what: Cow<'static, str>,
    has_timed_out: bool,
    status: Option<StatusCode>,
    problem: Option<UpstreamProblem>,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

/// The category of an [`Error`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// A path, a segment or a header cannot be sent as it was given.
    Input,
    /// The request's body cannot be made.
    RequestBody,
    /// No connection could be made.
    Connect,
    /// The upstream took longer than the client's time-outs allow.
    Timeout,
    /// The request that is being worked on leaves no time for the call, or too little.
    Deadline,
    /// There is no token for the call.
    Token,
    /// The circuit breaker is open: the upstream fails too often to be called.
    BreakerOpen,
    /// As many calls as may are in flight, and as many as may wait.
    BulkheadFull,
    /// The connection broke, or what came over it is not HTTP.
    Broken,
    /// The upstream has answered with a status that is no success.
    Status,
    /// The answer's body is too large, of another type, or not what was expected.
    Body,
}

impl ErrorKind {
    /// The name of the kind, as spans carry it: `input`, `request_body`, `connect`, `timeout`, `deadline`, `token`,
    /// `breaker_open`, `bulkhead_full`, `broken`, `status` or `body`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::RequestBody => "request_body",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Deadline => "deadline",
            Self::Token => "token",
            Self::BreakerOpen => "breaker_open",
            Self::BulkheadFull => "bulkhead_full",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::Body => "body",
        }
    }
}

impl Error {
    pub(crate) fn new(client: &Arc<str>, kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        let inner = Inner {
            client: client.clone(),
            kind,
            what: what.into(),
            has_timed_out: matches!(kind, ErrorKind::Timeout | ErrorKind::Deadline),
            status: None,
            problem: None,
            retry_after: None,
            source: None,
        };
        Self { inner: Box::new(inner) }
    }

    /// What the HTTP client says, by what it means for a call. The URL is left out: its query may hold anything.
    pub(crate) fn transport(client: &Arc<str>, error: reqwest::Error) -> Self {
        let (kind, what) = if is_of_request_body(&error) {
            (ErrorKind::RequestBody, "the request's body failed")
        } else if error.is_connect() {
            (ErrorKind::Connect, "no connection could be made")
        } else if error.is_timeout() {
            (ErrorKind::Timeout, "there was no answer in time")
        } else {
            (ErrorKind::Broken, "the connection broke")
        };
        let has_timed_out = error.is_timeout();
        let mut made = Self::new(client, kind, what).with_source(error.without_url());
        made.inner.has_timed_out = has_timed_out;
        made
    }

    pub(crate) fn deadline(client: &Arc<str>) -> Self {
        Self::new(client, ErrorKind::Deadline, "the request's deadline leaves no time for the call")
    }

    pub(crate) fn timeout(client: &Arc<str>) -> Self {
        Self::new(client, ErrorKind::Timeout, "there was no answer in time")
    }

    pub(crate) fn token(client: &Arc<str>, error: TokenError) -> Self {
        let mut made = Self::new(client, ErrorKind::Token, "there is no token for the call");
        made.inner.has_timed_out = error.is_timeout();
        made.inner.retry_after = error.retry_after();
        made.with_source(error)
    }

    pub(crate) fn status_of(
        client: &Arc<str>,
        status: StatusCode,
        problem: Option<UpstreamProblem>,
        retry_after: Option<Duration>,
    ) -> Self {
        let mut made =
            Self::new(client, ErrorKind::Status, format!("the answer has the status {}", status.as_u16()));
        (made.inner.status, made.inner.problem, made.inner.retry_after) =
            (Some(status), problem, retry_after);
        made
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    pub(crate) fn with_retry_after(mut self, after: Duration) -> Self {
        self.inner.retry_after = Some(after);
        self
    }

    /// The category.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The name of the client.
    pub fn client(&self) -> &str {
        &self.inner.client
    }

    /// Whether time ran out: for a connection, an answer, a token, or for the request that is being worked on.
    pub fn is_timeout(&self) -> bool {
        self.inner.has_timed_out
    }

    /// Whether there was no connection, and so nothing was sent.
    pub fn is_connect(&self) -> bool {
        self.kind() == ErrorKind::Connect
    }

    /// Whether the deadline of the request that is being worked on is the reason.
    pub fn is_deadline(&self) -> bool {
        self.kind() == ErrorKind::Deadline
    }

    /// Whether there was no token for the call.
    pub fn is_token(&self) -> bool {
        self.kind() == ErrorKind::Token
    }

    /// Whether the circuit breaker has refused the call, so that nothing was sent.
    pub fn is_refused_by_breaker(&self) -> bool {
        self.kind() == ErrorKind::BreakerOpen
    }

    /// Whether there was no place for the call, so that nothing was sent.
    pub fn is_refused_by_bulkhead(&self) -> bool {
        self.kind() == ErrorKind::BulkheadFull
    }

    /// The status, if the upstream has answered with one that is no success.
    pub fn status(&self) -> Option<StatusCode> {
        self.inner.status
    }

    /// The problem (RFC 9457) that came with the status, if one did.
    pub fn problem(&self) -> Option<&UpstreamProblem> {
        self.inner.problem.as_ref()
    }

    /// When it may help to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.client, self.inner.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { client, kind, what, status, retry_after, source, .. } = &*self.inner;
        f.debug_struct("Error")
            .field("client", client)
            .field("kind", kind)
            .field("what", what)
            .field("status", status)
            .field("retry_after", retry_after)
            .field("source", source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for Problem {
    /// What a caller of ours is told: 502, 503 or 504, and 400 for what cannot be sent upstream at all.
    fn from(error: Error) -> Self {
        let unavailable = |detail| {
            let after = error.retry_after().unwrap_or_default().clamp(SOON, LATE);
            Self::new(503, "Service Unavailable").detail(detail).retry_after(after)
        };
        let bad_gateway =
            || Self::new(502, "Bad Gateway").detail("An upstream service gave no usable answer.");
        match error.kind() {
            ErrorKind::Input => {
                Self::new(400, "Bad Request").detail("The request holds a value that cannot be passed on.")
            }
            ErrorKind::Timeout | ErrorKind::Deadline => {
                Self::new(504, "Gateway Timeout").detail("An upstream service did not answer in time.")
            }
            ErrorKind::BreakerOpen | ErrorKind::BulkheadFull => {
                unavailable("An upstream service cannot be called now.")
            }
            ErrorKind::Token if error.is_own_mistake() => Self::new(500, "Internal Server Error"),
            ErrorKind::Token => unavailable("An upstream service cannot be called now."),
            ErrorKind::RequestBody => Self::new(500, "Internal Server Error"),
            ErrorKind::Status => match error.status() {
                Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
                    unavailable("An upstream service cannot answer now.")
                }
                Some(StatusCode::GATEWAY_TIMEOUT) => {
                    Self::new(504, "Gateway Timeout").detail("An upstream service did not answer in time.")
                }
                _ => bad_gateway(),
            },
            ErrorKind::Connect if error.is_timeout() => {
                Self::new(504, "Gateway Timeout").detail("An upstream service did not answer in time.")
            }
            ErrorKind::Connect | ErrorKind::Broken | ErrorKind::Body => bad_gateway(),
        }
    }
}

impl Error {
    /// Whether the source of the token cannot serve such a call at all, which is a mistake in the service's code.
    fn is_own_mistake(&self) -> bool {
        let cause = self.inner.source.as_deref().and_then(|source| source.downcast_ref::<TokenError>());
        cause.is_some_and(|cause| {
            matches!(cause.kind(), TokenErrorKind::OtherOrigin | TokenErrorKind::NoSubject)
        })
    }
}

/// What a streamed body of a request has failed with, so that it is told apart from trouble upstream.
#[derive(Debug)]
pub(crate) struct RequestBodyFailed(pub(crate) BoxError);

impl fmt::Display for RequestBodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body that was being sent failed")
    }
}

impl StdError for RequestBodyFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

fn is_of_request_body(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<RequestBodyFailed>() {
            return true;
        }
        cause = error.source();
    }
    false
}

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What an answer of 503 says at least, and at most: it is derived from what an upstream says.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: ErrorKind, has_timed_out: bool, source: Option<TokenErrorKind>) -> (u16, bool) {
        let mut error = Error::new(&"billing".into(), kind, "it failed");
        error.inner.has_timed_out |= has_timed_out;
        error.inner.source = source.map(|kind| TokenError::new(kind, "no token").into());
        let answer = Problem::from(error).into_answer();
        (answer.status(), answer.headers().any(|(name, _)| name == "retry-after"))
    }

    #[test]
    fn each_kind_of_trouble_has_its_answer_and_only_503_says_when_to_come_back() {
        for (kind, expected) in [
            (ErrorKind::Input, (400, false)),
            (ErrorKind::RequestBody, (500, false)),
            (ErrorKind::Connect, (502, false)),
            (ErrorKind::Timeout, (504, false)),
            (ErrorKind::Deadline, (504, false)),
            (ErrorKind::Token, (503, true)),
            (ErrorKind::BreakerOpen, (503, true)),
            (ErrorKind::BulkheadFull, (503, true)),
            (ErrorKind::Broken, (502, false)),
            (ErrorKind::Body, (502, false)),
        ] {
            assert_eq!(told(kind, false, None), expected, "{kind:?}");
        }
        assert_eq!(told(ErrorKind::Connect, true, None), (504, false), "connecting took too long");
    }

    #[test]
    fn only_a_source_that_cannot_serve_such_a_call_is_a_mistake_of_ours() {
        use TokenErrorKind::*;
        for (kind, status) in [
            (Timeout, 503),
            (Unavailable, 503),
            (BadAnswer, 503),
            (Refused, 503),
            (Malformed, 503),
            (OtherOrigin, 500),
            (NoSubject, 500),
        ] {
            assert_eq!(told(ErrorKind::Token, false, Some(kind)).0, status, "{kind:?}");
        }
    }
}
