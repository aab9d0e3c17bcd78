//! Prometheus fetches the numbers of a reference service.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use linchpin_test::{ServedIssuer, TestIssuer};
use serde_json::Value;

use crate::{
    receiver::{Protocol, Receiver},
    services::{Running, actix},
};

/// A reference service that has answered three requests, and nothing else.
async fn served() -> (ServedIssuer, Running) {
    let receiver = Receiver::start(Protocol::Http).await;
    let issuer = TestIssuer::start().await.unwrap();
    let service = actix(&issuer, &receiver);
    for _ in 0..3 {
        let answer = reqwest::get(format!("{}/whoami", service.url)).await.unwrap();
        assert_eq!(answer.status(), reqwest::StatusCode::UNAUTHORIZED);
    }
    (issuer, service)
}

#[tokio::test]
async fn prometheus_scrapes_a_reference_service_and_answers_queries_about_it() {
    let (_issuer, service) = served().await;
    let folder = Folder::new();
    let target = service.telemetry.scraped_at().unwrap();
    let config = format!(
        "global: {{scrape_interval: 100ms}}\nscrape_configs: [{{job_name: grades, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    fs::write(folder.0.join("prometheus.yml"), config).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.0.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _prometheus = Process(prometheus.unwrap_or_else(|error| panic!("{}", missing("prometheus", &error))));

    let query = r#"sum(linchpin_auth_requests_total{auth_reason="missing_credential"})"#;
    let url =
        reqwest::Url::parse_with_params(&format!("http://127.0.0.1:{port}/api/v1/query"), [("query", query)]);
    let (client, url) = (reqwest::Client::new(), url.unwrap());
    let mut found = Value::Null;
    // It takes a moment to start; a minute is more than any machine needs.
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Ok(answer) = client.get(url.clone()).send().await else { continue };
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        found = answer["data"]["result"][0]["value"][1].clone();
        if !found.is_null() {
            break;
        }
    }

    assert_eq!(found, "3");
}

#[tokio::test]
async fn promtool_accepts_the_numbers_of_a_reference_service() {
    let (_issuer, service) = served().await;
    let url = format!("http://{}/metrics", service.telemetry.scraped_at().unwrap());
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(
        page.contains("linchpin_keys_usable{")
            && page.contains("http_server_request_duration_seconds_bucket{")
    );

    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.unwrap_or_else(|error| panic!("{}", missing("promtool", &error)));
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();

    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

fn missing(program: &str, error: &std::io::Error) -> String {
    format!("{program} cannot be started ({error}); install Debian's package `prometheus`")
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("linchpin-telemetry-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
