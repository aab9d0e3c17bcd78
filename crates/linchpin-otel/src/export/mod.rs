//! How telemetry is sent: where to, in what form, and what the answers mean.

mod endpoint;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod tell;
mod worker;

use std::{future::Future, pin::Pin, time::Duration};

#[cfg(feature = "grpc")]
pub(crate) use self::grpc::GrpcTransport;
pub(crate) use self::{
    endpoint::{Endpoint, Protocol},
    http::HttpTransport,
    tell::Teller,
    worker::{Delivery, send_batches},
};

/// Sends one request of OTLP, once.
pub(crate) trait Transport: Send + Sync + 'static {
    /// `message` is the request in protobuf.
    fn send(&self, message: Vec<u8>) -> Sending<'_>;
}

pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Result<Accepted, Failure>> + Send + 'a>>;

/// The collector has taken the request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Accepted {
    /// How many items of it the collector refused all the same.
    pub(crate) rejected: u64,
    /// What it said about them, shortened and escaped.
    pub(crate) message: String,
}

/// The collector has not taken it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// What has happened, without anything that could be a secret.
    pub(crate) told: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FailureKind {
    /// It may go better in a while, at the earliest after this.
    Transient { after: Option<Duration> },
    /// The collector does not want it, and would not a second time.
    Refused,
}

impl Failure {
    pub(crate) fn transient(told: impl Into<String>) -> Self {
        Self { kind: FailureKind::Transient { after: None }, told: told.into() }
    }

    pub(crate) fn refused(told: impl Into<String>) -> Self {
        Self { kind: FailureKind::Refused, told: told.into() }
    }
}

/// What a collector says of a request that it has taken: the same message for all signals, but for names.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl From<Answer> for Accepted {
    fn from(answer: Answer) -> Self {
        let PartialSuccess { rejected, error_message } = answer.partial_success.unwrap_or_default();
        Self { rejected: rejected.max(0).unsigned_abs(), message: printable(&error_message) }
    }
}

/// The beginning of what a collector has said, on one line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(MAX_TOLD).flat_map(char::escape_debug).collect()
}

const MAX_TOLD: usize = 200;
