//! A receiver of OTLP over gRPC, and others that are none.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    trace::v1::Span,
};
use tonic::{Code, Request, Response, Status, codec::CompressionEncoding, transport::Server};

use crate::support::{Collector, Manner, PATIENCE, lines, serve, telemetry, texts};

/// A server that takes everything, or answers with a code.
#[derive(Clone, Default)]
struct Receiver {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<String>>>,
    keys: Arc<Mutex<Vec<String>>>,
    refuses_with: Option<Code>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").map(|key| key.to_str().unwrap().to_owned());
        self.keys.lock().unwrap().extend(key);
        if let Some(code) = self.refuses_with {
            return Err(Status::new(code, "hunter2 is not shown"));
        }
        let parts = request.into_inner().resource_spans.into_iter();
        let spans = parts.flat_map(|part| part.scope_spans).flat_map(|scope| scope.spans);
        self.spans.lock().unwrap().extend(spans);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let parts = request.into_inner().resource_metrics.into_iter();
        let metrics = parts.flat_map(|part| part.scope_metrics).flat_map(|scope| scope.metrics);
        self.metrics.lock().unwrap().extend(metrics.map(|metric| metric.name));
        Ok(Response::new(Default::default()))
    }
}

async fn start(receiver: Receiver) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let traces = TraceServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
    let metrics = MetricsServiceServer::new(receiver).accept_compressed(CompressionEncoding::Gzip);
    let server = Server::builder().add_service(traces).add_service(metrics);
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    address
}

#[tokio::test]
async fn traces_and_metrics_arrive_with_their_headers() {
    for compression in ["none", "gzip"] {
        let receiver = Receiver::default();
        let address = start(receiver.clone()).await;
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
            ("OTEL_METRICS_EXPORTER", "otlp"),
        ]);

        serve(&telemetry, 3);
        telemetry.flush(PATIENCE).await;
        assert_eq!(telemetry.delivered().traces.exported, 3);
        telemetry.shutdown(PATIENCE).await;

        let spans = receiver.spans.lock().unwrap();
        assert_eq!(spans.len(), 3, "{compression}");
        assert_eq!(texts(&spans[0].attributes)["http.route"], "/grades/{id}");
        let metrics = receiver.metrics.lock().unwrap();
        assert!(metrics.iter().any(|name| name == "http.server.request.duration"), "{metrics:?}");
        assert_eq!(*receiver.keys.lock().unwrap(), ["hunter2"]);
    }
}

#[tokio::test]
async fn a_refusal_is_counted_and_told_once_without_what_the_collector_said() {
    let receiver = Receiver { refuses_with: Some(Code::Unauthenticated), ..Receiver::default() };
    let address = start(receiver.clone()).await;
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
    ]);

    for _ in 0..2 {
        serve(&telemetry, 3);
        telemetry.flush(PATIENCE).await;
    }

    assert_eq!(telemetry.delivered().traces.refused, 6);
    assert_eq!(receiver.keys.lock().unwrap().len(), 2, "no batch is sent twice");
    let told = lines(&address.to_string());
    assert!(
        told.len() == 1 && told[0].contains("Unauthenticated") && !told[0].contains("hunter2"),
        "{told:?}"
    );
}

#[tokio::test]
async fn who_is_busy_not_there_or_speaks_something_else_costs_a_counter() {
    let busy = start(Receiver { refuses_with: Some(Code::Unavailable), ..Receiver::default() }).await;
    let absent = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = Collector::start(Manner::Html).address;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();

    for address in [busy, absent, other, silent.local_addr().unwrap()] {
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ]);
        serve(&telemetry, 3);
        telemetry.flush(PATIENCE).await;

        let delivered = telemetry.delivered().traces;
        assert_eq!((delivered.exported, delivered.undelivered + delivered.refused), (0, 3), "{address}");
        assert_eq!(lines(&address.to_string()).len(), 1, "{address}");
    }
}

#[test]
fn a_password_in_the_url_is_a_wrong_setting_that_does_not_show_it() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://ann:hunter2@127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];

    let error = linchpin_otel::Telemetry::builder("grades")
        .from_vars(vars.map(|(name, value)| (name.into(), value.into())))
        .unwrap_err();

    assert!(error.to_string().contains("OTEL_EXPORTER_OTLP_HEADERS"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
