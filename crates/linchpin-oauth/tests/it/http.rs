//! `HttpFetch` against real sockets on loopback, which answer whatever they are told.

use std::{env, process::Command};

use linchpin_oauth::{Fetch, FetchRequest, FetchResponse, HttpFetch};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

const MAX_BYTES: usize = 1000;

/// A proxy that nobody listens as.
const NOBODY: &str = "http://127.0.0.1:1";

/// Answers one request with these bytes; the task returns the head of the request.
async fn server(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let answer = answer.into();
    let head = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&answer).await.unwrap();
        // Held open until the client hangs up, so that no answer ends early.
        let _ = stream.read_u8().await;
        String::from_utf8(head).unwrap()
    });
    (url, head)
}

async fn fetch(request: FetchRequest<'_>) -> Result<FetchResponse, String> {
    HttpFetch::new(None).unwrap().fetch(request).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, other) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (url, _) =
        server(format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n")).await;

    let response = fetch(FetchRequest::new(&url, MAX_BYTES)).await;

    assert_eq!(response, Ok(FetchResponse::new(302, "")));
    assert!(!other.is_finished(), "nobody came there");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_while_it_arrives() {
    // The rest never comes: whoever waits for it waits for ever.
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    let (url, _) = server([head.as_bytes(), &[b' '; MAX_BYTES + 1]].concat()).await;

    let response = fetch(FetchRequest::new(&url, MAX_BYTES)).await;

    assert_eq!(response, Err("the answer is larger than 1000 bytes".to_owned()));
}

#[tokio::test]
async fn a_body_may_be_as_large_as_allowed() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {MAX_BYTES}\r\n\r\n");
    let (url, _) = server([head.as_bytes(), &[b' '; MAX_BYTES]].concat()).await;

    let response = fetch(FetchRequest::new(&url, MAX_BYTES)).await;

    assert_eq!(response, Ok(FetchResponse::new(200, [b' '; MAX_BYTES])));
}

#[tokio::test]
async fn the_answer_is_read_with_its_status_etag_and_cache_control() {
    let (url, _) = server(
        "HTTP/1.1 503 Busy\r\netag: \"v1\"\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;

    let response = fetch(FetchRequest::new(&url, MAX_BYTES)).await;

    assert_eq!(response, Ok(FetchResponse::new(503, "{}").etag("\"v1\"").cache_control("max-age=60")));
}

#[tokio::test]
async fn an_etag_is_sent_if_there_is_one() {
    let not_modified = "HTTP/1.1 304 Not Modified\r\n\r\n";
    let (with, head_with) = server(not_modified).await;
    let (without, head_without) = server(not_modified).await;
    let mut conditional = FetchRequest::new(&with, MAX_BYTES);
    conditional.if_none_match = Some("\"v1\"");

    assert_eq!(fetch(conditional).await, Ok(FetchResponse::new(304, "")));
    assert_eq!(fetch(FetchRequest::new(&without, MAX_BYTES)).await, Ok(FetchResponse::new(304, "")));

    let (with, without) = (head_with.await.unwrap(), head_without.await.unwrap());
    assert!(with.starts_with("GET /keys HTTP/1.1\r\n"), "{with}");
    assert!(with.contains("if-none-match: \"v1\"\r\n"), "{with}");
    assert!(!without.contains("if-none-match"), "{without}");
}

#[tokio::test]
async fn all_lines_of_cache_control_count() {
    let (url, _) = server(
        "HTTP/1.1 200 OK\r\ncache-control: public\r\ncontent-length: 0\r\nCache-Control: max-age=60\r\n\r\n",
    )
    .await;

    let response = fetch(FetchRequest::new(&url, MAX_BYTES)).await;

    assert_eq!(response, Ok(FetchResponse::new(200, "").cache_control("public, max-age=60")));
}

/// Runs a test in a process of its own with all proxy variables set to `proxy`, and returns whether this is that process.
///
/// Variables can be set for a child only: here other threads may be reading them.
async fn is_behind_proxy(test: &str, proxy: &str) -> bool {
    const CHILD: &str = "LINCHPIN_TEST_BEHIND_A_PROXY";
    if env::var_os(CHILD).is_some() {
        return true;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("http::{test}"), "--nocapture"]);
    child.env(CHILD, "yes").env_remove("NO_PROXY").env_remove("no_proxy").env_remove("REQUEST_METHOD");
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    child.envs(names.map(|name| (name, proxy)));
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    false
}

#[tokio::test]
async fn plain_http_goes_through_no_proxy() {
    if !is_behind_proxy("plain_http_goes_through_no_proxy", NOBODY).await {
        return;
    }
    let (url, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;

    assert_eq!(fetch(FetchRequest::new(&url, MAX_BYTES)).await, Ok(FetchResponse::new(200, "{}")));
}

#[tokio::test]
async fn https_on_loopback_goes_through_no_proxy() {
    if !is_behind_proxy("https_on_loopback_goes_through_no_proxy", NOBODY).await {
        return;
    }
    for host in ["127.0.0.1", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{host}:{}/keys", listener.local_addr().unwrap().port());

        let mut fetching = tokio::spawn(async move { fetch(FetchRequest::new(&url, MAX_BYTES)).await });
        let (mut stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            response = &mut fetching => panic!("{host} was looked for elsewhere: {response:?}"),
        };

        const HANDSHAKE: u8 = 22;
        assert_eq!(stream.read_u8().await.unwrap(), HANDSHAKE, "{host}");
    }
}

#[tokio::test]
async fn https_elsewhere_goes_through_the_proxy_and_its_secrets_stay_out_of_errors() {
    let (proxy, head) = server("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    let proxy = proxy.replace("http://", "http://ann:s3cret@");
    let test = "https_elsewhere_goes_through_the_proxy_and_its_secrets_stay_out_of_errors";
    if !is_behind_proxy(test, &proxy).await {
        let head = head.await.unwrap();
        assert!(head.starts_with("CONNECT id.example:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("proxy-authorization: basic "), "{head}");
        return;
    }
    let fetcher = HttpFetch::new(None).unwrap();

    let error = fetcher
        .fetch(FetchRequest::new("https://bob:s3cret@id.example/keys?token=s3cret", MAX_BYTES))
        .await
        .unwrap_err();

    let told = format!("{error} {error:?} {fetcher:?}");
    assert!(
        told.contains("no answer") && !told.contains("s3cret") && !told.contains("YW5uOnMzY3JldA"),
        "{told}"
    );
}

#[tokio::test]
async fn neither_errors_nor_requests_show_what_may_be_secret_in_a_url() {
    for url in ["https://bob:s3cret@127.0.0.1:1/keys?token=s3cret", "bob:s3cret", "s3cret://[s3cret"] {
        let request = FetchRequest::new(url, MAX_BYTES);

        let error = HttpFetch::new(None).unwrap().fetch(request).await.unwrap_err();

        let told = format!("{error} {error:?}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let request = FetchRequest::new("https://bob:s3cret@id.example/keys?token=s3cret", 7);
    assert_eq!(
        format!("{request:?}"),
        r#"FetchRequest { url: "https://id.example/keys", if_none_match: None, max_bytes: 7 }"#
    );
}

#[test]
fn a_broken_bundle_of_certificates_is_told_from_an_empty_one() {
    let problem = |pem: &str| {
        let error = HttpFetch::new(Some(pem.as_bytes())).unwrap_err();
        assert_eq!(error.problems()[0].setting, "ca_pem");
        error.problems()[0].problem.clone()
    };
    let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");

    for empty in ["", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert_eq!(problem(empty), "holds no certificate", "{empty}");
    }
    for broken in [pem("!"), pem("AAAA")] {
        let problem = problem(&broken);
        assert!(problem.starts_with("holds a broken certificate: "), "{problem}");
    }
}

#[tokio::test]
async fn a_wrong_bundle_is_reported_with_all_other_settings() {
    let error = crate::remote().ca_pem("").max_bytes(0).build().unwrap_err();

    let settings: Vec<&str> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["ca_pem", "max_bytes"]);
}
