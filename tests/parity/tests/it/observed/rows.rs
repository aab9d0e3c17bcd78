//! The requests, and what each of them leaves behind.

use parity::{DOWN, Request};
use serde_json::{Value, json};

use super::OBSERVED;

/// A request, and what is to be written of it beside what no two requests share.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) request: Request,
    /// Members of the access line; null is one that is not there.
    pub(super) line: Value,
    /// Fields of the span; null is one that is not there.
    pub(super) span: Value,
}

/// What every server is asked.
pub(super) fn rows() -> Vec<Row> {
    let issuer = &OBSERVED.issuer;
    let (good, expired) = (issuer.token("ann").sign(), issuer.token("ann").expired().sign());
    let down = issuer.token("ann").claim("iss", DOWN).sign();
    let get = |path| Request::get(path).line(format!("x-request-id: {KEPT}"));
    let row = |name, request, line, span| Row { name, request, line, span };
    let kept = |status: u16, route: Value, auth: &str, reason: Value| json!({"status": status, "route": route, "auth": auth, "reason": reason, "request_id": KEPT});
    let span_of = |auth: &str, error: Value| {
        let otel = if error.is_null() { Value::Null } else { json!("ERROR") };
        json!({"auth.outcome": auth, "error.type": error, "otel.status_code": otel})
    };
    let none = || Value::Null;
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01");
    let continued = json!({"trace_id": TRACE, "parent_span_id": "b7ad6b7169203331"});
    let begun = || json!({"trace_id": "begun", "parent_span_id": null});
    let minted = || json!({"request_id": "minted"});

    vec![
        row(
            "a public route",
            get("/open?secret=1"),
            kept(200, json!("/open"), "anonymous", none()),
            json!({
                "otel.name": "GET /open", "http.request.method": "GET", "http.route": "/open", "url.path": "/open",
                "http.response.status_code": "200", "client.address": "127.0.0.1", "server.address": "parity.test",
                "otel.kind": "server", "url.scheme": null,
            }),
        ),
        row(
            "a caller",
            get("/grades/7").bearer(&good),
            json!({"status": 200, "route": "/grades/{id}", "auth": "authenticated", "issuer": issuer.issuer(),
                "client_id": "test-client", "client_address": "127.0.0.1", "error": null}),
            json!({"otel.name": "GET /grades/{id}", "auth.issuer": issuer.issuer(), "auth.client_id": "test-client"}),
        ),
        row(
            "no token",
            get("/grades/7"),
            kept(401, json!("/grades/{id}"), "refused", json!("missing_credential")),
            span_of("refused", none()),
        ),
        row(
            "an expired token",
            get("/admin").bearer(&expired),
            kept(401, json!("/admin"), "refused", json!("expired")),
            json!({"auth.reason": "expired"}),
        ),
        row(
            "two tokens",
            get("/admin").bearer(format!("{good} {good}")),
            kept(400, json!("/admin"), "refused", json!("malformed_credential")),
            span_of("refused", none()),
        ),
        row(
            "a role that is missing",
            get("/admin").bearer(&good),
            kept(403, json!("/admin"), "refused", json!("insufficient_role")),
            span_of("refused", none()),
        ),
        row(
            "a scope that the handler misses",
            get("/reports").bearer(&good),
            kept(403, json!("/reports"), "refused", json!("insufficient_scope")),
            json!({"auth.issuer": issuer.issuer()}),
        ),
        row(
            "no keys",
            get("/admin").bearer(&down),
            kept(503, json!("/admin"), "refused", json!("keys_unavailable")),
            span_of("refused", json!("503")),
        ),
        row(
            "no such path",
            get("/nothing").bearer(&good),
            kept(404, none(), "authenticated", none()),
            json!({"otel.name": "GET", "http.route": null, "url.path": "/nothing"}),
        ),
        row(
            "no such path, for strangers",
            get("/nothing"),
            kept(401, none(), "refused", json!("missing_credential")),
            json!({"otel.name": "GET"}),
        ),
        row(
            "no such method",
            get("/grades/7").method("DELETE").bearer(&good),
            kept(405, json!("/grades/{id}"), "authenticated", none()),
            json!({"otel.name": "DELETE /grades/{id}"}),
        ),
        row(
            "a method that nobody knows",
            get("/grades/7").method("BREW").bearer(&good),
            kept(405, json!("/grades/{id}"), "authenticated", none()),
            json!({"otel.name": "_OTHER /grades/{id}"}),
        ),
        row(
            "HEAD",
            get("/open").method("HEAD"),
            kept(200, json!("/open"), "anonymous", none()),
            json!({"http.request.method": "HEAD"}),
        ),
        row("no id", Request::get("/open"), minted(), json!({})),
        row("an id with a space", Request::get("/open").line("x-request-id: a b"), minted(), json!({})),
        row(
            "an id beyond ASCII",
            Request::get("/open").line("x-request-id: \u{e4}\u{2028}"),
            minted(),
            json!({}),
        ),
        row(
            "an id of 129 characters",
            Request::get("/open").line(format!("x-request-id: {}", "a".repeat(129))),
            minted(),
            json!({}),
        ),
        row(
            "an id of 10 KiB",
            Request::get("/open").line(format!("x-request-id: {}", "a".repeat(10 * 1024))),
            minted(),
            json!({}),
        ),
        row("two ids", get("/open").line("x-request-id: other"), minted(), json!({})),
        row("the same id twice", get("/open").line(format!("x-request-id: {KEPT}")), minted(), json!({})),
        row("a trace", get("/open").line(parent.as_str()), json!({"trace_id": TRACE}), continued.clone()),
        row(
            "a trace of a later version",
            get("/open").line(format!("traceparent: 01-{TRACE}-b7ad6b7169203331-01-x")),
            json!({"trace_id": TRACE}),
            continued,
        ),
        row(
            "two traces",
            get("/open").line(parent.as_str()).line(parent.as_str()),
            json!({"trace_id": "begun"}),
            begun(),
        ),
        row(
            "a malformed trace",
            get("/open").line(format!("traceparent: 00-{}-b7ad6b7169203331-01", "0".repeat(32))),
            json!({"trace_id": "begun"}),
            begun(),
        ),
        row("a probe", get("/healthz"), none(), json!({"http.route": "/healthz"})),
        row(
            "a forged hop",
            get("/open").line("x-forwarded-for: 203.0.113.9"),
            json!({"client_address": "127.0.0.1"}),
            json!({"client.address": "127.0.0.1"}),
        ),
    ]
}

/// What a server behind a trusted proxy is asked.
pub(super) fn proxied_rows() -> Vec<Row> {
    let row = |name, lines: &[&str], client: &str| Row {
        name,
        request: lines.iter().fold(Request::get("/open"), |request, line| request.line(*line)),
        line: json!({"client_address": client}),
        span: json!({"client.address": client}),
    };
    vec![
        row("no hop", &[], "127.0.0.1"),
        row("one hop", &["x-forwarded-for: 203.0.113.9"], "203.0.113.9"),
        row(
            "a hop that the client has made up",
            &["x-forwarded-for: 6.6.6.6, 203.0.113.9, 10.1.2.3"],
            "203.0.113.9",
        ),
        row("two lines", &["x-forwarded-for: 6.6.6.6", "x-forwarded-for: 203.0.113.9:4711"], "203.0.113.9"),
        row("junk", &["x-forwarded-for: 203.0.113.9, junk"], "127.0.0.1"),
        row("Forwarded", &[r#"forwarded: for=6.6.6.6, for="[2001:db8::7]:4711";proto=https"#], "2001:db8::7"),
        row("Forwarded that is malformed", &[r#"forwarded: for="203.0.113.9"#], "127.0.0.1"),
        row("both, alike", &["x-forwarded-for: 203.0.113.9", "forwarded: for=203.0.113.9"], "203.0.113.9"),
        row("both, at odds", &["x-forwarded-for: 203.0.113.9", "forwarded: for=203.0.113.8"], "127.0.0.1"),
    ]
}

/// The id that the rows send.
pub(super) const KEPT: &str = "parity-1";
/// The trace that they continue.
pub(super) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
