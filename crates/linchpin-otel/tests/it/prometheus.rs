//! The page that Prometheus fetches, judged by its own tool; `tests/telemetry` has Prometheus itself fetch it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
};

use linchpin_otel::Telemetry;

use crate::support::{serve, telemetry};

/// Telemetry with a page, and some numbers on it.
fn scraped() -> (Telemetry, SocketAddr) {
    let telemetry = telemetry(&[
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
        ("OTEL_RESOURCE_ATTRIBUTES", "note=a%22b%0A%5Cc"),
    ]);
    serve(&telemetry, 3);
    let address = telemetry.scraped_at().unwrap();
    (telemetry, address)
}

/// The whole answer to one request.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn page(address: SocketAddr) -> String {
    let answer = ask(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

#[tokio::test]
async fn the_page_has_requests_process_and_resource() {
    let (_telemetry, address) = scraped();

    let page = page(address);

    let count = "http_server_request_duration_seconds_count{http_request_method=\"GET\",url_scheme=\"http\",\
                 http_route=\"/grades/{id}\",http_response_status_code=\"200\"} 3";
    assert!(page.contains(count), "{page}");
    assert!(
        page.contains("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 0\n")
    );
    assert!(page.contains("note=\"a\\\"b\\n\\\\c\"") && page.contains("service_name=\"grades\""));
    assert!(page.contains("\nprocess_memory_usage_bytes ") && page.contains("\nlinchpin_build_info{"));
}

#[tokio::test]
async fn it_listens_on_this_machine_only_and_shows_nothing_else() {
    let (_telemetry, address) = scraped();

    assert!(address.ip().is_loopback());
    assert!(ask(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "POST /metrics HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(page(address).contains("target_info"), "and still answers");
}

#[tokio::test]
async fn whoever_stays_silent_does_not_keep_others_out_for_ever() {
    let (_telemetry, address) = scraped();

    // As many as are served at once; each is let go when it has not asked in time.
    let silent: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();

    assert!(page(address).contains("target_info"));
    drop(silent);
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_wrong_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let vars = [("OTEL_METRICS_EXPORTER", "prometheus"), ("OTEL_EXPORTER_PROMETHEUS_PORT", &*port)];

    let error = Telemetry::builder("grades")
        .from_vars(vars.map(|(name, value)| (name.into(), value.into())))
        .unwrap_err();

    assert_eq!(error.problems()[0].setting, "OTEL_EXPORTER_PROMETHEUS_PORT");
}

#[tokio::test]
async fn promtool_accepts_the_page() {
    let (_telemetry, address) = scraped();

    let mut promtool = command("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn_quietly();
    promtool.stdin.take().unwrap().write_all(page(address).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();

    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// A program of Debian's package `prometheus`, which `cargo xtask test` installs where it may.
fn command(program: &str) -> Command {
    Command::new(program)
}

trait SpawnQuietly {
    fn spawn_quietly(&mut self) -> std::process::Child;
}

impl SpawnQuietly for Command {
    fn spawn_quietly(&mut self) -> std::process::Child {
        let program = self.get_program().to_string_lossy().into_owned();
        let spawned = self.stderr(Stdio::piped()).spawn();
        spawned.unwrap_or_else(|error| {
            panic!("{program} cannot be started ({error}); install Debian's package `prometheus`")
        })
    }
}
