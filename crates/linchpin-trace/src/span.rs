//! The spans, with the fields of OpenTelemetry's stable HTTP conventions.

use tracing::{Span, field::Empty};

use crate::{RequestContext, SpanId, SpanPlace, TraceContext};

/// The target of the spans of requests and outgoing calls.
pub const SPAN_TARGET: &str = "linchpin::request";

pub(crate) fn request_span(
    method: &'static str,
    path: &str,
    scheme: Option<&str>,
    server: Option<(&str, Option<u16>)>,
    context: &RequestContext,
    parent: Option<SpanId>,
) -> Span {
    let trace = context.trace();
    let span = || {
        tracing::info_span!(
            target: SPAN_TARGET,
            parent: None,
            "request",
            otel.name = Empty,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = Empty,
            http.response.status_code = Empty,
            url.path = path,
            url.scheme = scheme,
            server.address = server.map(|(address, _)| address),
            server.port = server.and_then(|(_, port)| port),
            client.address = context.client_address().map(tracing::field::display),
            error.type = Empty,
            auth.outcome = Empty,
            auth.reason = Empty,
            auth.issuer = Empty,
            auth.client_id = Empty,
            code.owner = Empty,
            request_id = context.request_id().as_str(),
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
            parent_span_id = parent.map(tracing::field::display),
            attributes = Empty,
        )
    };
    SpanPlace::new(trace, parent).open(span)
}

/// The span of an outgoing call, as a child of the current one: made by service clients.
///
/// `trace` is what the call carries, mostly a [child](TraceContext::child) of the request's; a call outside any request carries
/// none. The client records `http.response.status_code` and `error.type` when they are known, and `http.request.resend_count` for
/// a call that is sent again. No URL is recorded but the server's name and port.
///
/// # Examples
///
/// ```
/// use linchpin_trace::{TraceContext, outgoing_span};
///
/// let trace = TraceContext::root(true);
/// let span = outgoing_span("GET", "grades.example", Some(443), Some(&trace));
/// span.record("http.response.status_code", 200);
/// ```
pub fn outgoing_span(method: &str, server: &str, port: Option<u16>, trace: Option<&TraceContext>) -> Span {
    let span = || {
        tracing::info_span!(
            target: SPAN_TARGET,
            "call",
            otel.name = method,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = method,
            http.request.resend_count = Empty,
            http.response.status_code = Empty,
            server.address = server,
            server.port = port,
            error.type = Empty,
            trace_id = trace.map(|trace| tracing::field::display(trace.trace_id())),
            span_id = trace.map(|trace| tracing::field::display(trace.span_id())),
        )
    };
    match trace {
        Some(trace) => SpanPlace::of_call(trace).open(span),
        None => span(),
    }
}
