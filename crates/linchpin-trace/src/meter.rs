//! What is measured of requests, whoever keeps the numbers.

use std::time::Duration;

use crate::AuthOutcome;

/// Keeps the numbers of requests: how many are under way, how long they took, how they ended.
///
/// [`Observer::meter`](crate::Observer::meter) takes one. For each request [`began`](Self::began) is called once and then
/// [`ended`](Self::ended) once, whether the request is answered, cancelled, or its handler panics. Both are called on the
/// request's path: they have to be quick, and must not wait.
pub trait MeterRequests: Send + Sync + 'static {
    /// A request has come in.
    fn began(&self, head: MeteredHead);

    /// It has ended.
    fn ended(&self, summary: &RequestSummary<'_>);
}

/// What is known of a request from its beginning.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct MeteredHead {
    /// The method as OpenTelemetry knows it; any other is `_OTHER`.
    pub method: &'static str,
    /// `https` if the request says so, otherwise `http`.
    pub scheme: &'static str,
}

impl MeteredHead {
    pub(crate) fn new(method: &'static str, scheme: Option<&str>) -> Self {
        Self { method, scheme: if scheme == Some("https") { "https" } else { "http" } }
    }
}

/// How one request went.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestSummary<'a> {
    /// What was known at its beginning.
    pub head: MeteredHead,
    /// The template of its route; `None` where no route has matched.
    pub route: Option<&'a str>,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// Why it ended before its end: `cancelled`, `panic`, or a word of the adapter's.
    pub error: Option<&'static str>,
    /// From the first look at the request to the end of the response's body.
    pub duration: Duration,
    /// The size of the request's body as its header `content-length` tells it.
    pub request_bytes: Option<u64>,
    /// How much of the response's body was given away.
    pub response_bytes: u64,
    /// How the caller fared.
    pub auth: AuthOutcome,
    /// The issuer of the caller's token, if it was admitted with one.
    pub issuer: Option<&'a str>,
}
