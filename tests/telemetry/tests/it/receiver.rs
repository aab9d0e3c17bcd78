//! A receiver of OTLP, over HTTP or gRPC.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::Uri};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    logs::v1::ResourceLogs,
    metrics::v1::ResourceMetrics,
    trace::v1::ResourceSpans,
};
use prost::Message;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// What has arrived; clones share it.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
    arrived: Arrived,
}

#[derive(Clone, Default)]
struct Arrived {
    traces: Arc<Mutex<Vec<ResourceSpans>>>,
    metrics: Arc<Mutex<Vec<ResourceMetrics>>>,
    logs: Arc<Mutex<Vec<ResourceLogs>>>,
}

impl Receiver {
    pub(crate) async fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, arrived) = (listener.local_addr().unwrap(), Arrived::default());
        let state = arrived.clone();
        match protocol {
            Protocol::Http => {
                let app = Router::new().fallback(receive).with_state(state);
                tokio::spawn(async move { axum::serve(listener, app).await });
            }
            Protocol::Grpc => {
                let server = Server::builder()
                    .add_service(TraceServiceServer::new(state.clone()))
                    .add_service(MetricsServiceServer::new(state.clone()))
                    .add_service(LogsServiceServer::new(state));
                tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await });
            }
        }
        Self { protocol, address, arrived }
    }

    pub(crate) fn traces(&self) -> Vec<ResourceSpans> {
        self.arrived.traces.lock().unwrap().clone()
    }

    /// All log lines that have arrived.
    pub(crate) fn logs(&self) -> Vec<ResourceLogs> {
        self.arrived.logs.lock().unwrap().clone()
    }

    /// All names and values that have arrived.
    pub(crate) fn everything(&self) -> String {
        let metrics = self.arrived.metrics.lock().unwrap();
        format!("{:#?}{:#?}{:#?}", self.traces(), metrics, self.logs())
    }
}

async fn receive(State(arrived): State<Arrived>, uri: Uri, body: Bytes) {
    match uri.path() {
        "/v1/traces" => {
            let message = ExportTraceServiceRequest::decode(body).unwrap();
            arrived.traces.lock().unwrap().extend(message.resource_spans);
        }
        "/v1/metrics" => {
            let message = ExportMetricsServiceRequest::decode(body).unwrap();
            arrived.metrics.lock().unwrap().extend(message.resource_metrics);
        }
        "/v1/logs" => {
            let message = ExportLogsServiceRequest::decode(body).unwrap();
            arrived.logs.lock().unwrap().extend(message.resource_logs);
        }
        other => panic!("nothing is sent to {other}"),
    }
}

#[tonic::async_trait]
impl TraceService for Arrived {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Arrived {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().extend(request.into_inner().resource_metrics);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Arrived {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logs.lock().unwrap().extend(request.into_inner().resource_logs);
        Ok(Response::new(Default::default()))
    }
}
