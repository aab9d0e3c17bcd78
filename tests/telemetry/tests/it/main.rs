//! reference-axum calls reference-actix, and a real receiver of OTLP hears of it from both; Prometheus scrapes one of them.

mod prometheus;
mod receiver;
mod services;

use std::collections::HashMap;

use linchpin::trace::TraceContext;
use linchpin_test::TestIssuer;
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, Span, span::SpanKind},
};

use crate::{
    receiver::{Protocol, Receiver},
    services::{Running, actix, axum},
};

#[tokio::test]
async fn over_http_one_trace_goes_through_both_services_with_right_parents_and_no_secret() {
    one_trace_goes_through_both_services(Protocol::Http).await;
}

#[tokio::test]
async fn over_grpc_one_trace_goes_through_both_services_with_right_parents_and_no_secret() {
    one_trace_goes_through_both_services(Protocol::Grpc).await;
}

async fn one_trace_goes_through_both_services(protocol: Protocol) {
    let receiver = Receiver::start(protocol).await;
    let issuer = TestIssuer::start().await.unwrap();
    let second = actix(&issuer, &receiver);
    // The open route of the second service stands for any upstream.
    let first = axum(&issuer, &receiver, &format!("{}/healthz", second.url));
    let token = issuer.token("alice").audience("tests").claim("note", SECRET).sign();
    let trace = TraceContext::root(true);

    let request = reqwest::Client::new().get(format!("{}/relay?password={SECRET}", first.url));
    let request = request.bearer_auth(&token).header("cookie", SECRET);
    let request = request.header("traceparent", trace.to_traceparent());
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (reqwest::StatusCode::OK, "ok"));
    let spans = arrived(&receiver, &[&first, &second], &trace).await;

    let [relay, call, health] = ["GET /relay", "GET", "GET /healthz"].map(|name| {
        let found: Vec<_> = spans.iter().filter(|(_, span)| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    });
    assert_eq!([&*relay.0, &*call.0, &*health.0], ["reference-axum", "reference-axum", "reference-actix"]);
    assert_eq!(relay.1.parent_span_id, trace.span_id().to_bytes());
    assert_eq!(call.1.parent_span_id, relay.1.span_id);
    assert_eq!(health.1.parent_span_id, call.1.span_id);
    assert_eq!(
        [relay.1.kind(), call.1.kind(), health.1.kind()],
        [SpanKind::Server, SpanKind::Client, SpanKind::Server]
    );
    let outcome = attributes(&relay.1);
    assert_eq!(outcome["auth.outcome"], "authenticated");
    assert_eq!(outcome["auth.issuer"], issuer.issuer());
    let lines =
        receiver.logs().into_iter().flat_map(|part| part.scope_logs).flat_map(|scope| scope.log_records);
    let places: Vec<_> = lines.map(|line| (line.trace_id, line.span_id)).collect();
    let place = (relay.1.trace_id.clone(), relay.1.span_id.clone());
    assert!(places.contains(&place), "the access line stands in its span: {places:?}");
    let signature = token.rsplit_once('.').unwrap().1;
    let everything = receiver.everything();
    for secret in [SECRET, signature, "authorization", "Bearer", "cookie", "alice"] {
        assert!(!everything.contains(secret), "{secret} is in:\n{everything}");
    }
}

/// The spans of a trace, each with its service, once all three are there: a server lets go of a request when it may.
async fn arrived(receiver: &Receiver, services: &[&Running], trace: &TraceContext) -> Vec<(String, Span)> {
    loop {
        for service in services {
            service.telemetry.flush(PATIENCE).await;
        }
        let of = |part: ResourceSpans| {
            let resource = part.resource.unwrap();
            let name = resource.attributes.iter().find(|known| known.key == "service.name").unwrap();
            let name = text(name.value.as_ref().and_then(|value| value.value.as_ref()));
            let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(move |span| (name.clone(), span)).collect::<Vec<_>>()
        };
        let spans = receiver.traces().into_iter().flat_map(of);
        let spans: Vec<_> = spans.filter(|(_, span)| span.trace_id == trace.trace_id().to_bytes()).collect();
        if spans.len() >= 3 {
            return spans;
        }
        tokio::task::yield_now().await;
    }
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let value = |known: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        text(known.value.as_ref().and_then(|value| value.value.as_ref()))
    };
    span.attributes.iter().map(|known| (known.key.clone(), value(known))).collect()
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

const SECRET: &str = "hunter2";

/// Long enough for whatever this process says to itself.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
