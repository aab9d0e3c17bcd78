//! What a collector receives.

use std::io::Read;

use linchpin_otel::Telemetry;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::span::SpanKind,
};
use prost::Message;

use crate::support::{Collector, Manner, PATIENCE, lines, serve, telemetry, texts};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[tokio::test]
async fn a_request_arrives_as_a_span_with_the_facts_of_the_service() {
    let collector = Collector::start(Manner::Well);
    let telemetry = telemetry(&[
        (ENDPOINT, &collector.endpoint()),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=grading"),
        ("POD_NAME", "grades-1"),
    ]);

    serve(&telemetry, 1);
    telemetry.shutdown(PATIENCE).await;

    let spans = collector.spans();
    let [(resource, span)] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((span.name.as_str(), span.kind()), ("GET /grades/{id}", SpanKind::Server));
    let attributes = texts(&span.attributes);
    assert_eq!(attributes["http.request.method"], "GET");
    assert_eq!(attributes["http.route"], "/grades/{id}");
    assert_eq!(attributes["http.response.status_code"], "200");
    for (name, value) in [
        ("service.name", "grades"),
        ("service.version", "1.2.3"),
        ("team", "grading"),
        ("k8s.pod.name", "grades-1"),
        ("telemetry.sdk.name", "linchpin"),
    ] {
        assert_eq!(resource[name], value, "{name}");
    }
    assert!(resource.contains_key("service.instance.id"));
}

#[tokio::test]
async fn batches_are_as_large_as_was_said_and_nothing_is_lost_on_the_way() {
    let collector = Collector::start(Manner::Well);
    let telemetry = telemetry(&[
        (ENDPOINT, &collector.endpoint()),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ]);

    serve(&telemetry, 950);
    telemetry.shutdown(PATIENCE).await;

    let sizes: Vec<usize> = collector
        .requests()
        .into_iter()
        .map(|request| ExportTraceServiceRequest::decode(request.body).unwrap())
        .map(|message| message.resource_spans[0].scope_spans[0].spans.len())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 950);
    assert!(sizes.iter().all(|size| *size <= 100), "{sizes:?}");
}

#[tokio::test]
async fn headers_arrive_and_are_shown_nowhere() {
    let collector = Collector::start(Manner::Well);
    let endpoint = collector.endpoint().replace("//", "//ann:hunter2@");
    let telemetry = telemetry(&[
        (ENDPOINT, &endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2%20x"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ]);

    let shown = format!("{telemetry:?}");
    serve(&telemetry, 1);
    telemetry.flush(PATIENCE).await;
    collector.set(Manner::Status(401));
    serve(&telemetry, 1);
    telemetry.shutdown(PATIENCE).await;

    let request = &collector.requests()[0];
    assert_eq!(request.headers["x-key"], "hunter2 x");
    assert_eq!(request.headers["authorization"], "Basic YW5uOmh1bnRlcjI=");
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut message).unwrap();
    assert_eq!(ExportTraceServiceRequest::decode(&message[..]).unwrap().resource_spans.len(), 1);
    assert!(!shown.contains("hunter2"));
    let told = lines(&collector.address.to_string());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told[0].contains("hunter2"), "{told:?}");
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_gathered() {
    let telemetry = telemetry(&[]);

    serve(&telemetry, 1);

    telemetry.shutdown(PATIENCE).await;
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_once() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
    ];

    let error = Telemetry::builder("grades")
        .from_vars(vars.map(|(name, value)| (name.into(), value.into())))
        .unwrap_err();

    let mut told: Vec<&str> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, vars.map(|(name, _)| name));
}

#[tokio::test]
async fn a_broken_file_of_roots_is_a_wrong_setting() {
    let path = std::env::temp_dir().join(format!("linchpin-otel-{}.pem", std::process::id()));
    std::fs::write(&path, "no certificate").unwrap();
    let vars = [
        (ENDPOINT.into(), "https://collector.example:4318".into()),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE".into(), path.clone().into()),
    ];

    let error = Telemetry::builder("grades").from_vars(vars).unwrap_err();

    std::fs::remove_file(path).unwrap();
    assert_eq!(error.problems()[0].setting, "OTEL_EXPORTER_OTLP_CERTIFICATE", "{error}");
}
