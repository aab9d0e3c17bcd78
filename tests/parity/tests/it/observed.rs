//! What is written of a request: the same ids, spans and lines, whichever framework has answered it.

use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    net::TcpStream,
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use linchpin_test::TestIssuer;
use linchpin_trace::{ACCESS_TARGET, LogFormat, Logs, Observer, SPAN_TARGET};
use parity::{DOWN, Request, Server, Service, UnderWay, send, start_observed};
use serde_json::{Value, json};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

/// What the servers were asked for, and what is known to have been written of it.
struct Observed {
    issuer: TestIssuer,
    servers: [Server; 3],
    /// The same, where 127.0.0.1 is a trusted proxy.
    behind_proxy: [Server; 3],
    under_way: UnderWay,
    written: Mutex<Written>,
}

/// The access lines and the spans, in the order in which they ended.
struct Written {
    lines: Receiver<Value>,
    spans: Receiver<Fields>,
}

type Fields = BTreeMap<&'static str, String>;

static OPENED: AtomicUsize = AtomicUsize::new(0);
static CLOSED: AtomicUsize = AtomicUsize::new(0);

static OBSERVED: LazyLock<Observed> = LazyLock::new(|| {
    let (send_line, lines) = channel();
    let (send_span, spans) = channel();
    let logs = Logs::new("info").unwrap().format(LogFormat::Json).sink(move |line| {
        let text = std::str::from_utf8(line).unwrap();
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text:?}");
        let line: Value = serde_json::from_str(text).unwrap();
        if line["target"] == ACCESS_TARGET {
            send_line.send(line).unwrap();
        }
    });
    let (layer, _) = logs.layer();
    tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(layer).with(Spans(send_span)),
    )
    .unwrap();

    let service = Service::new();
    let under_way = UnderWay::default();
    let servers = start_observed(&service, &under_way, Observer::new);
    let behind_proxy = start_observed(&service, &under_way, |name| {
        Observer::new(name).proxies("127.0.0.1, 10.0.0.0/8".parse().unwrap())
    });
    let written = Mutex::new(Written { lines, spans });
    Observed { issuer: service.issuer, servers, behind_proxy, under_way, written }
});

/// Keeps the fields of the requests' spans, and counts the spans.
struct Spans(Sender<Fields>);

struct Record<'a>(&'a mut Fields);

impl Visit for Record<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if attributes.metadata().target() == SPAN_TARGET {
            let mut fields = Fields::new();
            attributes.record(&mut Record(&mut fields));
            ctx.span(id).unwrap().extensions_mut().insert(fields);
            OPENED.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let span = ctx.span(id).unwrap();
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(&mut Record(fields));
        }
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let fields = ctx.span(&id).unwrap().extensions_mut().remove::<Fields>();
        if let Some(fields) = fields {
            CLOSED.fetch_add(1, Ordering::SeqCst);
            self.0.send(fields).unwrap();
        }
    }
}

/// One test at a time, so that what is written is about its own requests.
fn written() -> MutexGuard<'static, Written> {
    OBSERVED.written.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Written {
    /// The next request that has ended: its line, if it has one, is there before its span.
    fn next(&self) -> (Option<Value>, Fields) {
        let span = self.spans.recv_timeout(PATIENCE).expect("the request ends");
        (self.lines.try_recv().ok(), span)
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// A request, and what is to be written of it beside what no two requests share.
struct Row {
    name: &'static str,
    request: Request,
    /// Members of the access line; null is one that is not there.
    line: Value,
    /// Fields of the span; null is one that is not there.
    span: Value,
}

/// Everything that a client is told and that is written, with what differs between any two requests masked.
#[derive(Debug, PartialEq)]
struct Seen {
    status: String,
    body: String,
    id: String,
    line: Option<Value>,
    span: Fields,
}

fn see(server: &Server, row: &Row, written: &Written) -> Seen {
    let answer = send(server.address, &row.request).unwrap();
    let (mut line, mut span) = written.next();

    let id =
        answer.headers.iter().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id").to_owned();
    assert_eq!(span["request_id"], id, "{}: {}", server.name, row.name);
    assert_eq!(span["span_id"].len(), 16, "{}: {}", server.name, row.name);
    if let Some(line) = &mut line {
        assert_eq!(
            (&line["service"], &line["request_id"]),
            (&json!(server.name), &json!(id)),
            "{}",
            row.name
        );
        assert_eq!(line["trace_id"], span["trace_id"], "{}: {}", server.name, row.name);
        assert_eq!(line["bytes"], answer.body.len(), "{}: {}", server.name, row.name);
        assert!(line["duration_ms"].as_f64().unwrap() >= 0.0);
        for masked in ["service", "timestamp", "duration_ms"] {
            line.as_object_mut().unwrap().remove(masked);
        }
        if id != KEPT {
            line["request_id"] = json!("minted");
        }
        if span["trace_id"] != TRACE {
            line["trace_id"] = json!("begun");
        }
    }
    if span["trace_id"] != TRACE {
        assert_eq!(span["trace_id"].len(), 32);
        span.insert("trace_id", "begun".to_owned());
    }
    span.insert("span_id", "its own".to_owned());
    let body = answer.body.replace(&id, "the id");
    let id = if id == KEPT { id } else { String::from("minted") };
    span.insert("request_id", id.clone());
    Seen { status: answer.status, body, id, line, span }
}

fn rows() -> Vec<Row> {
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

fn proxied_rows() -> Vec<Row> {
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

/// Sends each row to each server, and compares with the row and among the servers.
fn compare(servers: &[Server; 3], rows: &[Row]) {
    let written = written();
    for row in rows {
        let seen = servers.map(|server| see(&server, row, &written));
        for (server, seen) in servers.iter().zip(&seen) {
            let told = || format!("{}: {}: {seen:#?}", server.name, row.name);
            match (&row.line, &seen.line) {
                (Value::Null, found) => assert_eq!(*found, None, "{}", told()),
                (expected, found) => {
                    let found = found.as_ref().unwrap_or_else(|| panic!("no line: {}", told()));
                    for (name, value) in expected.as_object().unwrap() {
                        assert_eq!(&found[name], value, "{name}: {}", told());
                    }
                }
            }
            for (name, value) in row.span.as_object().unwrap() {
                assert_eq!(seen.span.get(&**name).map(String::as_str), value.as_str(), "{name}: {}", told());
            }
            if seen.body.starts_with('{') {
                assert!(seen.body.contains(r#""request_id":"the id""#), "{}", told());
            }
        }
        assert_eq!(seen[0], seen[1], "tower and axum: {}", row.name);
        assert_eq!(seen[0], seen[2], "tower and actix: {}", row.name);
    }
}

#[test]
fn the_same_is_written_of_the_same_request() {
    compare(&OBSERVED.servers, &rows());
}

#[test]
fn the_client_is_who_the_trusted_proxies_say() {
    compare(&OBSERVED.behind_proxy, &proxied_rows());
}

#[test]
fn a_handler_that_panics_is_told_and_others_go_on() {
    let written = written();
    for server in &OBSERVED.servers {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.write_all(b"GET /panics HTTP/1.1\r\nhost: parity.test\r\n\r\n").unwrap();

        let (line, span) = written.next();

        let line = line.unwrap_or_else(|| panic!("{}: no line: {span:?}", server.name));
        let told = (&line["service"], &line["error"], &line["route"], &line["status"]);
        assert_eq!(told, (&json!(server.name), &json!("panic"), &json!("/panics"), &Value::Null), "{line}");
        assert_eq!((&*span["error.type"], &*span["otel.status_code"]), ("panic", "ERROR"), "{span:?}");
        assert_eq!(
            send(server.address, &Request::get("/open")).unwrap().status_code(),
            200,
            "{}",
            server.name
        );
        written.next();
    }
}

#[test]
fn a_thousand_cancelled_requests_leave_nothing_behind() {
    const TOGETHER: usize = 100;
    let written = written();
    let under_way = &OBSERVED.under_way;
    for server in &OBSERVED.servers {
        for _ in 0..10 {
            let begun = under_way.begun();
            let clients: Vec<_> = (0..TOGETHER)
                .map(|_| {
                    let mut client = TcpStream::connect(server.address).unwrap();
                    client.write_all(b"GET /pending/7 HTTP/1.1\r\nhost: parity.test\r\n\r\n").unwrap();
                    client
                })
                .collect();
            while under_way.begun() < begun + TOGETHER {
                std::thread::yield_now();
            }
            drop(clients);

            for _ in 0..TOGETHER {
                let (line, span) = written.next();
                let line = line.unwrap_or_else(|| panic!("{}: no line: {span:?}", server.name));
                let told = (&line["service"], &line["error"], &line["route"], &line["status"]);
                let expected =
                    (&json!(server.name), &json!("cancelled"), &json!("/pending/{id}"), &Value::Null);
                assert_eq!(told, expected, "{line}");
                assert_eq!(span["error.type"], "cancelled", "{span:?}");
            }
        }

        assert_eq!(under_way.begun(), under_way.ended(), "{}: handlers", server.name);
        assert_eq!(OPENED.load(Ordering::SeqCst), CLOSED.load(Ordering::SeqCst), "{}: spans", server.name);
        assert!(written.lines.try_recv().is_err(), "{}: one line for each", server.name);
    }
    // A connection's task ends after its request has.
    let began = Instant::now();
    while under_way.tasks() > 0 {
        assert!(began.elapsed() < PATIENCE, "{} tasks are left", under_way.tasks());
        std::thread::yield_now();
    }
}

/// The id that the rows send.
const KEPT: &str = "parity-1";
/// The trace that they continue.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
