//! The contract of the reference services, checked from outside: a real process, real HTTP, a real issuer.
//!
//! Both services include this file, so that neither can have rules of its own. How each refusal reads to the byte is shown
//! by `tests/parity`.

#[path = "black_box_relay.rs"]
mod relay;
#[path = "black_box_trace_context.rs"]
mod trace_context;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use linchpin_test::{ServedIssuer, TestIssuer};
use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};

struct Service {
    process: Child,
    /// What is logged. Somebody has to read it all the time: a service whose pipe is full waits.
    log: Receiver<String>,
    url: String,
    client: Client,
}

impl Service {
    fn start(issuer: &str) -> Self {
        Self::start_with(&[("AUTH_ISSUER", issuer), ("AUTH_AUDIENCE", "tests")])
    }

    fn start_with(vars: &[(&str, &str)]) -> Self {
        let mut process = command()
            .env("BIND_ADDR", "127.0.0.1:0")
            .envs(vars.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || {
            // Nobody listens any more once the test is over.
            lines.map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        let address = loop {
            let line = log.recv().expect("it listens before it ends");
            if line.contains("listening") {
                // As JSON and as text alike.
                let at_all = || line.split_once("0.0.0.0:");
                let (_, port) = line.split_once("127.0.0.1:").or_else(at_all).unwrap();
                let digits = port.chars().take_while(char::is_ascii_digit);
                break format!("127.0.0.1:{}", digits.collect::<String>());
            }
        };
        let client = Client::builder().no_proxy().build().unwrap();
        Self { process, log, url: format!("http://{address}"), client }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn until_ready(&self) {
        while self.get("/readyz", None).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    }

    /// Sends SIGTERM, and returns whether the process ended well and the rest of its log.
    fn stop(self) -> (bool, Vec<Value>) {
        let (ended_well, log) = self.stop_with_text();
        let parse =
            |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        (ended_well, log.iter().map(parse).collect())
    }

    /// Likewise, with the lines as they are.
    fn stop_with_text(mut self) -> (bool, Vec<String>) {
        let sent = Command::new("sh").args(["-c", &format!("kill {}", self.process.id())]).status().unwrap();
        assert!(sent.success());
        let log = self.log.iter().collect();
        (self.process.wait().unwrap().success(), log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The service without any of the variables that this machine may have set.
fn command() -> Command {
    let mut command = Command::new(super::BINARY);
    command.env_clear();
    command
}

fn run(vars: &[(&str, &str)]) -> Output {
    command().envs(vars.iter().copied()).output().unwrap()
}

async fn started() -> (ServedIssuer, Service) {
    let issuer = TestIssuer::start().await.unwrap();
    let service = Service::start(issuer.issuer());
    service.until_ready().await;
    (issuer, service)
}

async fn body(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_valid_token_is_told_who_it_is() {
    let (issuer, service) = started().await;
    let token = issuer.token("ann").scope("read:reports x").roles(["admin", "b"]).sign();

    let response = service.get("/whoami", Some(&token)).await;

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let who = body(response).await;
    assert_eq!((&who["sub"], &who["iss"]), (&"ann".into(), &issuer.issuer().into()));
    assert_eq!(who["scopes"], serde_json::json!(["read:reports", "x"]));
    assert_eq!(who["roles"], serde_json::json!(["admin", "b"]));
}

#[tokio::test]
async fn roles_and_scopes_open_their_routes_byte_for_byte() {
    let (issuer, service) = started().await;
    let status = async |path: &str, token: String| service.get(path, Some(&token)).await.status().as_u16();

    assert_eq!(status("/admin", issuer.token("ann").roles(["other", "admin"]).sign()).await, 200);
    assert_eq!(
        status("/admin", issuer.token("ann").roles(["Admin", "administrator", "admin "]).sign()).await,
        403
    );
    assert_eq!(status("/admin", issuer.token("ann").claim("roles", "admin").sign()).await, 403);
    assert_eq!(status("/scoped", issuer.token("ann").scope("a read:reports").sign()).await, 200);
    assert_eq!(status("/scoped", issuer.token("ann").scope("read:report read:reports2").sign()).await, 403);

    let refused = service.get("/scoped", Some(&issuer.token("ann").sign())).await;
    let challenge = r#"Bearer error="insufficient_scope", scope="read:reports""#;
    assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], challenge);
}

#[tokio::test]
async fn bad_tokens_and_missing_ones_are_refused_on_every_protected_route() {
    let (issuer, service) = started().await;
    let expired = issuer.token("ann").expired().sign();
    let unsigned = issuer.token("ann").unsigned().sign();

    for path in ["/whoami", "/admin", "/scoped", "/relay"] {
        for (token, reason) in [
            (None, "missing_credential"),
            (Some(&expired), "expired"),
            (Some(&unsigned), "algorithm_not_allowed"),
        ] {
            let response = service.get(path, token.map(String::as_str)).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {reason}");
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE), "{path} {reason}");
            assert_eq!(body(response).await["reason"], reason, "{path}");
        }
    }
}

#[tokio::test]
async fn open_routes_are_open_whatever_is_sent() {
    let service = Service::start("http://127.0.0.1:9"); // nobody is there
    let ask = async |path: &str, authorization: &str| {
        let request =
            service.client.get(format!("{}{path}", service.url)).header(header::AUTHORIZATION, authorization);
        request.send().await.unwrap().status().as_u16()
    };

    for authorization in ["", "Bearer x", "Bearer a b", "Basic x", "nonsense"] {
        assert_eq!(ask("/healthz", authorization).await, 200);
        assert_eq!(ask("/readyz", authorization).await, 503, "there are no keys");
    }
}

#[tokio::test]
async fn the_probe_tells_the_state_of_each_issuer_and_nothing_of_why() {
    let (issuer, service) = started().await;
    let expected = |name: &str, state: &str| serde_json::json!([{"issuer": name, "state": state}]);

    let told = body(service.get("/readyz", None).await).await;
    assert_eq!(told, serde_json::json!({"issuers": expected(issuer.issuer(), "fresh")}));

    let down = Service::start("http://127.0.0.1:9"); // nobody is there
    let response = down.get("/readyz", None).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let told = body(response).await;
    assert_eq!(told["reason"], "keys_unavailable");
    assert_eq!(told["issuers"], expected("http://127.0.0.1:9", "never_loaded"));
}

#[tokio::test]
async fn several_issuers_stand_in_a_file() {
    let (up, lms) =
        (TestIssuer::start().await.unwrap(), TestIssuer::builder().issuer("https://lms.test").build());
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuers.json");
    let issuers = serde_json::json!({"issuer": [
        {"issuer": up.issuer(), "audience": "tests"},
        {"issuer": "http://127.0.0.1:9", "audience": "tests"},
        {"provider": "open_edx", "issuer": "https://lms.test", "audience": "tests", "algorithms": ["ES256"],
            "jwks": lms.jwk_set()},
    ]});
    std::fs::write(&file, issuers.to_string()).unwrap();
    let service = Service::start_with(&[("AUTH_CONFIG", file.to_str().unwrap())]);
    service.until_ready().await;
    let status = async |token: String| service.get("/whoami", Some(&token)).await.status().as_u16();

    assert_eq!(status(up.token("ann").sign()).await, 200);
    assert_eq!(status(lms.token("ann").sign()).await, 200);
    assert_eq!(status(up.token("ann").claim("iss", "https://lms.test").sign()).await, 401);
    assert_eq!(status(up.token("ann").claim("iss", "http://127.0.0.1:9").sign()).await, 503);
    assert_eq!(status(up.token("ann").claim("iss", "https://other.test").sign()).await, 401);
}

#[tokio::test]
async fn unknown_paths_are_told_only_to_those_with_a_token() {
    let (issuer, service) = started().await;

    assert_eq!(service.get("/nothing-here", None).await.status(), StatusCode::UNAUTHORIZED);
    let token = issuer.token("ann").sign();
    assert_eq!(service.get("/nothing-here", Some(&token)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_methods_are_told_only_to_those_with_a_token() {
    let (issuer, service) = started().await;
    let token = issuer.token("ann").roles(["admin"]).sign();

    for path in ["/healthz", "/whoami", "/admin"] {
        let delete = || service.client.delete(format!("{}{path}", service.url));
        assert_eq!(delete().send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
        let told = delete().bearer_auth(&token).send().await.unwrap();
        assert_eq!(told.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(told.headers()[header::ALLOW], "GET,HEAD", "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get() {
    let (issuer, service) = started().await;
    let head = async |path: &str, token: &str| {
        let response =
            service.client.head(format!("{}{path}", service.url)).bearer_auth(token).send().await.unwrap();
        let length = response.headers()[header::CONTENT_LENGTH].to_str().unwrap().to_owned();
        (response.status().as_u16(), length, response.text().await.unwrap())
    };
    let token = issuer.token("ann").sign();

    assert_eq!(head("/healthz", "x").await, (200, "2".to_owned(), String::new()));
    assert_eq!(head("/whoami", &token).await.0, 200);
    assert_eq!(head("/admin", &token).await.0, 403);
    assert_eq!(head("/whoami", "x").await.0, 401);
}

#[tokio::test]
async fn it_starts_without_its_provider_and_heals_when_that_comes() {
    let mut issuer = TestIssuer::start().await.unwrap();
    issuer.stop().await;
    let service = Service::start(issuer.issuer());
    let token = issuer.token("ann").sign();

    let down = service.get("/whoami", Some(&token)).await;
    assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(down.headers().contains_key(header::RETRY_AFTER));
    issuer.restart().await.unwrap();
    service.until_ready().await;

    assert_eq!(service.get("/whoami", Some(&token)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_rotated_key_is_found_and_an_outage_is_outlived() {
    let (mut issuer, service) = started().await;
    let old = issuer.token("ann").sign();

    issuer.rotate();
    let new = issuer.token("ann").sign();
    assert_eq!(service.get("/whoami", Some(&new)).await.status(), StatusCode::OK);
    issuer.stop().await;

    assert_eq!(service.get("/whoami", Some(&new)).await.status(), StatusCode::OK);
    assert_eq!(service.get("/whoami", Some(&old)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn no_credential_is_in_its_log_even_at_the_highest_level() {
    let issuer = TestIssuer::start().await.unwrap();
    let vars = [("AUTH_ISSUER", issuer.issuer()), ("AUTH_AUDIENCE", "tests"), ("RUST_LOG", "trace")];
    let service = Service::start_with(&vars);
    service.until_ready().await;
    let tokens = [issuer.token("ann").sign(), issuer.token("ann").expired().sign()];
    for token in &tokens {
        let request =
            service.client.get(format!("{}/whoami?key=planted-query", service.url)).bearer_auth(token);
        request.header(header::COOKIE, "session=planted-cookie").send().await.unwrap();
    }

    let (_, log) = service.stop_with_text();

    let seen = log.iter().filter(|line| line.contains("linchpin::access") && line.contains("/whoami"));
    assert_eq!(seen.count(), tokens.len(), "both requests are in it");
    assert!(log.iter().any(|line| line.contains("TRACE")), "and so is what the libraries tell");
    for secret in tokens.iter().flat_map(|token| token.split('.')).chain(["planted-query", "planted-cookie"])
    {
        let leak = log.iter().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret}");
    }
}

#[tokio::test]
async fn it_stops_cleanly_on_sigterm_and_no_token_is_in_its_log() {
    let (issuer, service) = started().await;
    let (good, bad) = (issuer.token("ann").sign(), issuer.token("ann").expired().sign());
    service.get("/whoami", Some(&good)).await;
    service.get("/whoami", Some(&bad)).await;

    let (ended_well, log) = service.stop();

    assert!(ended_well);
    assert!(log.iter().any(|line| line["message"] == "stopped"), "{log:?}");
    assert!(!log.iter().any(|line| line.to_string().contains("eyJ")), "{log:?}");
}

#[tokio::test]
async fn every_answer_has_an_id_and_one_line_that_names_it() {
    let (issuer, service) = started().await;
    let token = issuer.token("ann").sign();
    let cases = [
        ("/whoami", Some(&token), "own-1", 200, json!("/whoami"), json!("authenticated"), Value::Null),
        ("/whoami", None, "own-2", 401, json!("/whoami"), json!("refused"), json!("missing_credential")),
        ("/admin", Some(&token), "own-3", 403, json!("/admin"), json!("refused"), json!("insufficient_role")),
        ("/nothing?x=1", Some(&token), "own-4", 404, Value::Null, json!("authenticated"), Value::Null),
    ];

    for (path, token, id, status, ..) in &cases {
        let request = service.client.get(format!("{}{path}", service.url)).header("x-request-id", *id);
        let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-request-id"]),
            (*status, &(*id).parse().unwrap())
        );
        let told = body(response).await;
        assert_eq!(told.get("request_id"), (*status != 200).then_some(&json!(id)), "{told}");
    }
    let probe = service.get("/healthz", None).await;
    assert_eq!(probe.headers()["x-request-id"].len(), 36, "minted");
    let (_, log) = service.stop();

    let lines: Vec<_> = log.iter().filter(|line| line["target"] == "linchpin::access").collect();
    for (_, _, id, status, route, auth, reason) in &cases {
        let of_id: Vec<_> = lines.iter().filter(|line| line["request_id"] == *id).collect();
        let [line] = *of_id else { panic!("{id} has not one line: {log:?}") };
        let found =
            (&line["status"], &line["route"], &line["auth"], &line["reason"], &line["client_address"]);
        assert_eq!(found, (&json!(status), route, auth, reason, &json!("127.0.0.1")), "{line}");
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
    }
    assert!(lines.iter().all(|line| line["route"] != "/healthz"), "successful probes have no line: {log:?}");
}

/// Sends header lines as they are, and returns the status and the answer, which has to come.
fn send_raw(service: &Service, path: &str, lines: &[Vec<u8>]) -> (u16, String) {
    exchange(service, &format!("GET {path}"), lines, b"")
}

/// Likewise, with a method and a body.
fn exchange(service: &Service, what: &str, lines: &[Vec<u8>], body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = format!("{what} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
    if !body.is_empty() {
        request.extend(format!("content-length: {}\r\n", body.len()).bytes());
    }
    lines.iter().for_each(|line| request.extend([line, &b"\r\n"[..]].concat()));
    request.extend([b"\r\n", body].concat());
    // A server that has answered already may have closed the connection.
    let _ = stream.write_all(&request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer to {what}: {answer:?}")), answer)
}

/// Header lines that nobody means well with, and the answer: 400 and 431 are the HTTP server's own, before any layer.
fn hostile_lines() -> Vec<(&'static str, Vec<Vec<u8>>, u16)> {
    let line = |name: &str, value: &[u8]| [name.as_bytes(), b": ", value].concat();
    let forged = br#"x","forged":"1"#;
    let hops = |hop: &str| [hop; 5000].join(",").into_bytes();
    vec![
        ("an id of 10 KiB", vec![line("x-request-id", &[b'a'; 10 * 1024])], 200),
        ("an id that would forge a field", vec![line("x-request-id", forged)], 200),
        ("an id beyond ASCII", vec![line("x-request-id", "\u{2028}\u{202e}forged".as_bytes())], 200),
        ("an id that is no text", vec![line("x-request-id", b"\xff\xfe")], 200),
        ("64 KiB of baggage", vec![line("baggage", &[b"a=b,".as_slice(); 16 * 1024].concat())], 200),
        ("baggage that would forge a field", vec![line("baggage", forged)], 200),
        ("5,000 hops", vec![line("x-forwarded-for", &hops("10.0.0.1"))], 200),
        ("5,000 hops of Forwarded", vec![line("forwarded", &hops("for=10.0.0.1"))], 200),
        ("a hop that would forge a field", vec![line("x-forwarded-for", forged)], 200),
        ("80 traces", vec![line("traceparent", TRACE_PARENT.as_bytes()); 80], 200),
        ("80 lines of a trace's state", vec![line("tracestate", br#"a=b,forged="1""#); 80], 200),
        ("a host that would forge a field", vec![line("host", forged)], 200),
        ("200 traces", vec![line("traceparent", TRACE_PARENT.as_bytes()); 200], 431),
        ("a line end alone", vec![line("x-request-id", b"a\n{\"forged\":1}")], 400),
        ("a zero", vec![line("x-request-id", b"a\0b")], 400),
        ("an escape", vec![line("x-request-id", b"\x1b[31mforged")], 400),
    ]
}

const TRACE_PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Ends a string, a field and a line, changes colours and the direction of text.
const HOSTILE_CLIENT: &str = "x\",\"forged\":\"1\n20 forged\r\u{1b}[31m\u{2028}\u{202e}\u{9b}";

/// Sends all of that with a path that is as bad, and returns the log.
async fn log_of_hostile_requests(format: &str) -> Vec<String> {
    let issuer = TestIssuer::start().await.unwrap();
    let service = Service::start_with(&[
        ("AUTH_ISSUER", issuer.issuer()),
        ("AUTH_AUDIENCE", "tests"),
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", format),
        ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"),
        ("LOG_HEALTH_CHECKS", "all"),
    ]);
    service.until_ready().await;
    for (name, mut lines, expected) in hostile_lines() {
        if !lines[0].starts_with(b"host") {
            lines.push(b"host: x".to_vec());
        }
        let (status, answer) = send_raw(&service, "/healthz?forged=1", &lines);
        assert_eq!(status, expected, "{name}");
        let has_id = answer.to_ascii_lowercase().contains("x-request-id: ");
        assert_eq!(has_id, expected == 200, "{name}: {answer}");
    }
    let (status, _) = send_raw(&service, "/%0d%0a%1b[31mforged%22,%22/\"{}<>", &[b"host: x".to_vec()]);
    assert!(matches!(status, 400 | 401), "{status}");
    // What a token holds is written, escaped: an issuer is trusted to say who is who, not to write our log.
    let token = issuer.token("ann").claim("client_id", HOSTILE_CLIENT).sign();
    assert_eq!(service.get("/whoami", Some(&token)).await.status(), StatusCode::OK);
    service.stop_with_text().1
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hostile_breaks_an_answer_or_a_line_of_json() {
    let log = log_of_hostile_requests("json").await;

    let mut access_lines = 0;
    for text in &log {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(line.get("forged").is_none(), "{text}");
        assert!(text.len() <= MAX_LINE && !text.contains(is_unsafe), "{text:?}");
        if line["target"] == "linchpin::access" {
            access_lines += 1;
            if line["route"] == "/whoami" {
                assert_eq!(line["client_id"], HOSTILE_CLIENT, "whole, once it is read as JSON");
                continue;
            }
            assert!(line["client_address"] == "127.0.0.1" || line["client_address"] == "10.0.0.1", "{text}");
            assert!(!text.contains("forged") && text.len() < 1024, "{text}");
        }
    }
    let normal = hostile_lines().iter().filter(|(.., status)| *status == 200).count();
    assert!(access_lines > normal, "one for each request that came so far: {access_lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hostile_breaks_a_line_of_text() {
    let log = log_of_hostile_requests("text").await;

    assert!(log.len() > hostile_lines().len());
    assert!(log.iter().any(|line| line.contains("20 forged")), "the hostile client is named");
    for line in &log {
        assert!(
            line.starts_with("20") && line.as_bytes()[10] == b'T',
            "a line begins with its time: {line:?}"
        );
        assert!(line.len() <= MAX_LINE && !line.contains(is_unsafe), "{line:?}");
    }
}

fn is_unsafe(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}')
}

/// What `Logs` promises, with room for the names of fields.
const MAX_LINE: usize = 128 * 1024;

#[test]
fn wrong_settings_stop_it_at_start_all_at_once() {
    let output = run(&[
        ("BIND_ADDR", "localhost"),
        ("RUST_LOG", "linchpin=loud"),
        ("LOG_HEALTH_CHECKS", "few"),
        ("AUTH_LEEWAY", "soon"),
        ("AUTH_ISSUER", "http://id.example"),
    ]);

    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    for line in [
        r#"BIND_ADDR is "localhost"; give an IP address and a port, for example 127.0.0.1:8080"#,
        r#"RUST_LOG is "linchpin=loud", which is not understood; give, for example, info or info,hyper=debug"#,
        r#"LOG_HEALTH_CHECKS is "few"; give all, failures, or 100 for one in a hundred"#,
        r#"AUTH_LEEWAY is "soon"; give whole seconds, for example 30"#,
        "AUTH_ISSUER is plain http to another host; use https",
        "AUTH_AUDIENCE is not set; set it to the `aud`",
    ] {
        assert!(told.contains(line), "{line:?} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 7, "one for the program's name, and one for each problem:\n{told}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output =
        run(&[("BIND_ADDR", &address), ("AUTH_ISSUER", "http://127.0.0.1:9"), ("AUTH_AUDIENCE", "tests")]);

    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("cannot listen on {address}: Address already in use")), "{told}");
}

/// Takes whatever is sent by HTTP, answers 200, and hands on path and body.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, send) = (stream.unwrap(), send.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                loop {
                    let mut head = String::new();
                    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
                    let Some(path) = head.split(' ').nth(1).map(str::to_owned) else { return };
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let mut body = vec![0; length.unwrap().parse().unwrap()];
                    reader.read_exact(&mut body).unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    if send.send((path, body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, received)
}

#[tokio::test]
async fn what_was_not_sent_yet_arrives_at_the_collector_when_the_service_stops() {
    let issuer = TestIssuer::start().await.unwrap();
    let (url, received) = collector();
    let service = Service::start_with(&[
        ("AUTH_ISSUER", issuer.issuer()),
        ("AUTH_AUDIENCE", "tests"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
    ]);
    service.until_ready().await;
    let token = issuer.token("alice").audience("tests").sign();
    assert_eq!(service.get("/whoami", Some(&token)).await.status(), StatusCode::OK);

    let (ended_well, _) = service.stop();

    assert!(ended_well);
    let contains = |body: &[u8], text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    let all: Vec<(String, Vec<u8>)> = received.try_iter().collect();
    let paths_with = |text: &str| -> Vec<&str> {
        all.iter().filter(|(_, body)| contains(body, text)).map(|(path, _)| path.as_str()).collect()
    };
    assert!(paths_with("GET /whoami").contains(&"/v1/traces"));
    for metric in ["http.server.request.duration", "linchpin.keys.usable", "linchpin.auth.requests"] {
        assert!(paths_with(metric).contains(&"/v1/metrics"), "{metric}");
    }
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(paths_with(signature).is_empty(), "a token is sent nowhere");
}
