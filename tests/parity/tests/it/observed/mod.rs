//! What is written of a request: the same ids, spans and lines, whichever framework has answered it.

mod rows;
mod written;

use std::{
    io::Write,
    net::TcpStream,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Instant,
};

use linchpin_test::TestIssuer;
use linchpin_trace::Observer;
use parity::{Request, Server, Service, UnderWay, send, start_observed};
use serde_json::{Value, json};

use self::{
    rows::{KEPT, Row, TRACE, proxied_rows, rows},
    written::{CLOSED, Fields, OPENED, PATIENCE, Written},
};

/// What the servers were asked for, and what is known to have been written of it.
struct Observed {
    issuer: TestIssuer,
    servers: [Server; 3],
    /// The same, where 127.0.0.1 is a trusted proxy.
    behind_proxy: [Server; 3],
    under_way: UnderWay,
    written: Mutex<Written>,
}

static OBSERVED: LazyLock<Observed> = LazyLock::new(|| {
    let written = Mutex::new(Written::begin());
    let service = Service::new();
    let under_way = UnderWay::default();
    let servers = start_observed(&service, &under_way, Observer::new);
    let behind_proxy = start_observed(&service, &under_way, |name| {
        Observer::new(name).proxies("127.0.0.1, 10.0.0.0/8".parse().unwrap())
    });
    Observed { issuer: service.issuer, servers, behind_proxy, under_way, written }
});

/// One test at a time, so that what is written is about its own requests.
fn written() -> MutexGuard<'static, Written> {
    OBSERVED.written.lock().unwrap_or_else(PoisonError::into_inner)
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
