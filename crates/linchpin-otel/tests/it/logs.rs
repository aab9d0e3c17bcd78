//! The lines that a collector receives.

use linchpin_trace::RequestHead;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::any_value::Value,
    logs::v1::{LogRecord, SeverityNumber},
};
use prost::Message;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Collector, Manner, PATIENCE, telemetry, texts};

/// What arrives of what `work` logs, in the order in which it was logged.
async fn logged(vars: &[(&str, &str)], work: impl FnOnce(&linchpin_otel::Telemetry)) -> Vec<LogRecord> {
    let collector = Collector::start(Manner::Well);
    let endpoint = collector.endpoint();
    let on = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_LOGS_EXPORTER", "otlp")];
    let telemetry = telemetry(&[&on, vars].concat());
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || work(&telemetry));
    telemetry.flush(PATIENCE).await;

    let requests = collector.requests().into_iter().filter(|request| request.path == "/v1/logs");
    let parts =
        requests.flat_map(|request| ExportLogsServiceRequest::decode(request.body).unwrap().resource_logs);
    parts.flat_map(|part| part.scope_logs).flat_map(|scope| scope.log_records).collect()
}

fn message(record: &LogRecord) -> &str {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_line_has_the_ids_of_its_request_and_of_the_span_that_it_stands_in() {
    let mut ids = None;
    let records = logged(&[], |telemetry| {
        let observation = telemetry.observer().begin(RequestHead::new("GET", "/"), []);
        let trace = observation.context().trace();
        ids = Some((trace.trace_id().to_bytes(), trace.span_id().to_bytes()));
        observation.enter(|| {
            tracing::warn!(rows = 3, "in the request");
            tracing::info_span!("load").in_scope(|| tracing::info!("deeper"));
            linchpin_trace::set_attribute("course", "edX+DemoX");
        });
        observation.complete();
        tracing::error!("outside");
    })
    .await;

    let (trace_id, span_id) = ids.unwrap();
    let [first, deeper, access, outside] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((message(first), first.severity_number()), ("in the request", SeverityNumber::Warn));
    assert_eq!((&*first.trace_id, &*first.span_id), (&trace_id[..], &span_id[..]));
    let attributes = texts(&first.attributes);
    assert_eq!((attributes["rows"].as_str(), attributes["target"].as_str()), ("3", "it::logs"));
    assert!(attributes.contains_key("request_id"));
    assert_eq!(&*deeper.trace_id, &trace_id[..]);
    assert!(!deeper.span_id.is_empty() && *deeper.span_id != span_id[..]);
    assert_eq!((message(access), &*texts(&access.attributes)["course"]), ("request", "edX+DemoX"));
    assert!(outside.trace_id.is_empty() && outside.span_id.is_empty());
    assert!(records.iter().all(|record| record.time_unix_nano > 0));
}

#[tokio::test]
async fn a_request_whose_trace_is_not_recorded_has_its_ids_on_lines_all_the_same() {
    let records = logged(&[("OTEL_TRACES_SAMPLER", "always_off")], |telemetry| {
        let observation = telemetry.observer().begin(RequestHead::new("GET", "/"), []);
        observation.enter(|| tracing::info!("in the request"));
        observation.complete();
    })
    .await;

    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.trace_id.len() == 16 && record.span_id.len() == 8));
}

#[tokio::test]
async fn only_what_the_level_lets_through_is_sent() {
    let log = |_: &linchpin_otel::Telemetry| {
        tracing::debug!("low");
        tracing::debug!(target: "loud", "low but loud");
        tracing::info!("high");
    };

    let plain = logged(&[], log).await;
    let chosen = logged(&[("RUST_LOG", "warn,loud=debug")], log).await;
    let none = logged(&[("OTEL_LOGS_EXPORTER", "none")], log).await;

    assert_eq!(plain.iter().map(message).collect::<Vec<_>>(), ["high"]);
    assert_eq!(chosen.iter().map(message).collect::<Vec<_>>(), ["low but loud"]);
    assert_eq!(none, []);
}
