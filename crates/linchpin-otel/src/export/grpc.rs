//! OTLP over gRPC.

use std::sync::OnceLock;

use bytes::BufMut;
use http::{HeaderMap, uri::PathAndQuery};
use linchpin_core::ConfigError;
use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Target},
};

use super::{Accepted, Answer, Endpoint, Failure, Sending, Transport};
use crate::Signal;

/// Calls the service of one signal at one server, over one connection that is made again when it breaks.
///
/// Of an answer no more than 64 KiB is taken.
pub(crate) struct GrpcTransport {
    target: Target,
    /// Made by the first call, on the runtime that makes it.
    channel: OnceLock<Channel>,
    path: PathAndQuery,
    headers: HeaderMap,
    has_gzip: bool,
}

impl GrpcTransport {
    pub(crate) fn new(signal: Signal, endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let wrong = |problem, fix| ConfigError::single("OTEL_EXPORTER_OTLP_ENDPOINT", problem, fix);
        if !endpoint.url.username().is_empty() || endpoint.url.password().is_some() {
            let fix = "give the credential in OTEL_EXPORTER_OTLP_HEADERS";
            return Err(wrong("has a user or a password, which gRPC does not know", fix));
        }
        let fix = "give a URL, for example http://collector:4317";
        let mut target = Target::from_shared(endpoint.url.to_string())
            .and_then(|target| target.user_agent(concat!("linchpin-otel/", env!("CARGO_PKG_VERSION"))))
            .map_err(|_| wrong("cannot be called", fix))?;
        if endpoint.url.scheme() == "https" {
            let mut tls = ClientTlsConfig::new().with_native_roots();
            let mut setting = "the telemetry's TLS";
            if let Some(roots) = &endpoint.roots {
                setting = &roots.name;
                tls = tls.ca_certificate(Certificate::from_pem(&roots.value));
            }
            target = target.tls_config(tls).map_err(|_| {
                let fix = "give root certificates in PEM, or install the system's (ca-certificates)";
                ConfigError::single(setting, "cannot be set up", fix)
            })?;
        }
        let service = match signal {
            Signal::Traces => "trace.v1.TraceService",
            Signal::Metrics => "metrics.v1.MetricsService",
            Signal::Logs => "logs.v1.LogsService",
        };
        let path = format!("/opentelemetry.proto.collector.{service}/Export");
        Ok(Self {
            target,
            channel: OnceLock::new(),
            path: path.parse().map_err(|_| wrong("cannot be called", fix))?,
            headers: endpoint.headers.clone(),
            has_gzip: endpoint.has_gzip,
        })
    }

    async fn call(&self, message: Vec<u8>) -> Result<Accepted, Failure> {
        let channel = self.channel.get_or_init(|| self.target.connect_lazy()).clone();
        let mut service = Grpc::new(channel).max_decoding_message_size(MAX_ANSWER);
        if self.has_gzip {
            service = service.send_compressed(CompressionEncoding::Gzip);
        }
        service.ready().await.map_err(|_| Failure::transient("cannot be connected"))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        let answer = service.unary(request, self.path.clone(), Messages).await;
        answer.map(|answer| answer.into_inner().into()).map_err(|status| failure(&status))
    }
}

impl Transport for GrpcTransport {
    fn send(&self, message: Vec<u8>) -> Sending<'_> {
        Box::pin(self.call(message))
    }
}

/// What the collector has said beside the code may be anything, and is told nobody.
fn failure(status: &Status) -> Failure {
    let code = status.code();
    let told = format!("the collector answered {code:?}: {}", code.description());
    // OTLP names these; any other answer would be the same a second time.
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Failure::transient(told),
        _ => Failure::refused(told),
    }
}

/// Requests are written already; only answers are read.
#[derive(Clone, Copy, Debug)]
struct Messages;

impl Codec for Messages {
    type Encode = Vec<u8>;
    type Decode = Answer;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Messages {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Messages {
    type Item = Answer;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Answer>, Status> {
        Answer::decode(message).map(Some).map_err(|_| Status::internal("no answer of OTLP"))
    }
}

const MAX_ANSWER: usize = 64 * 1024;
