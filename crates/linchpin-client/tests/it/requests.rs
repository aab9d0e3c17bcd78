//! What is sent.

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use linchpin_client::{Body, Client, ErrorKind};
use linchpin_core::Problem;
use linchpin_test::Reply;
use serde_json::json;

use crate::support::{client, upstream};

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_as_it_was_made() {
    let upstream = upstream().await;
    let client =
        Client::builder("billing", format!("{}/api/", upstream.url())).service("grades", "1.2.3").build();

    let answer = client
        .unwrap()
        .post("/invoices")
        .segment("7/2026?")
        .query([("currency", "EUR"), ("note", "a b&c")])
        .query([("again", "1")])
        .header("x-tenant", "edX")
        .json(&json!({"amount": 30}))
        .send()
        .await
        .unwrap();

    assert_eq!(answer.status(), 200);
    let request = upstream.only_request();
    request
        .assert_line("POST", "/api/invoices/7%2F2026%3F?currency=EUR&note=a+b%26c&again=1")
        .assert_header("user-agent", "grades/1.2.3")
        .assert_header("content-type", "application/json")
        .assert_header("x-tenant", "edX")
        .assert_header("host", &upstream.address().to_string())
        .assert_json(&json!({"amount": 30}));
    for absent in [
        "authorization",
        "cookie",
        "referer",
        "x-request-id",
        "traceparent",
        "baggage",
        "x-request-timeout-ms",
    ] {
        request.assert_no_header(absent);
    }
}

#[tokio::test(start_paused = true)]
async fn each_method_is_sent_as_itself() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for request in [
        client.get("/"),
        client.head("/"),
        client.post("/"),
        client.put("/"),
        client.patch("/"),
        client.delete("/"),
        client.request(Method::OPTIONS, "/"),
    ] {
        request.send().await.unwrap();
    }

    let methods: Vec<String> =
        upstream.requests().iter().map(|request| request.method().to_owned()).collect();
    assert_eq!(methods, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_streamed_up_and_down() {
    let upstream = upstream().await;
    upstream.always(Reply::status(200).body("x".repeat(3_000_000)).chunked());
    let client = client(&upstream);

    let mut answer =
        client.put("/file").stream(Full::new(Bytes::from(vec![b'y'; 2_000_000]))).send().await.unwrap();
    let mut received = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        assert!(chunk.iter().all(|byte| *byte == b'x'));
        received += chunk.len();
    }

    assert_eq!(received, 3_000_000, "what is read in pieces is not bounded");
    assert_eq!(upstream.only_request().body().len(), 2_000_000);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_an_error_before_anything_is_sent() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for request in [
        client.get("invoices"),
        client.get("//evil.example/x"),
        client.get("https://evil.example/"),
        client.get("@evil.example/"),
        client.get("/\\evil.example"),
        client.get("/a/../b"),
        client.get("/a/%2e%2e/b"),
        client.get("/a?b"),
        client.get("/a").segment(".."),
        client.get("/a").segment(""),
        client.get("/a").header("x-a", "a\r\nx-admin: 1"),
        client.get("/a").header("x a", "b"),
        client.get("/a").header("host", "evil.example"),
        client.get("/a").header("Content-Length", "1"),
        client.get("/a").header("transfer-encoding", "chunked"),
        client.post("/a").idempotency_key("a\n"),
        client.post("/a").idempotency_key(""),
        client.request(Method::CONNECT, "/a"),
    ] {
        let shown = format!("{request:?}");
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{shown}: {error}");
        assert_eq!(Problem::from(error).status(), 400, "whoever sends such a value is told so");
    }
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_json_is_an_error_of_ours() {
    let upstream = upstream().await;
    let map = std::collections::HashMap::from([((1, 2), 3)]);

    let error = client(&upstream).post("/").json(&map).send().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::RequestBody);
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(Problem::from(error).status(), 500);
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_while_it_is_sent_is_no_failure_of_the_upstream() {
    struct Broken;
    impl http_body::Body for Broken {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
            std::task::Poll::Ready(Some(Err(std::io::Error::other("the disk is gone"))))
        }
    }
    let upstream = upstream().await;
    let client = client(&upstream);

    let error = client.put("/").body(Body::stream(Broken)).send().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::RequestBody, "{error:?}");
    assert_eq!(client.health().recent_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn connections_are_used_again_and_shared_by_clones() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for _ in 0..5 {
        let _: serde_json::Value = client.clone().get("/").send_json().await.unwrap();
    }

    assert_eq!(upstream.connections(), 1);
    let first = &upstream.requests()[0];
    first.assert_header("accept", "application/json");
    assert_eq!(first.body(), b"");
}

#[tokio::test(start_paused = true)]
async fn a_connection_survives_answers_that_nobody_wants_unless_they_are_long() {
    let upstream = upstream().await;
    let client = client(&upstream);
    let missing = |body: String| Reply::json(body).with_status(404);

    upstream.script([
        missing("{}".into()),
        missing("{}".into()).chunked(),
        Reply::json("{}").with_status(503),
    ]);
    for _ in 0..2 {
        client.post("/").send_json::<u8>().await.unwrap_err();
    }
    client.get("/").send_json::<serde_json::Value>().await.unwrap();
    assert_eq!((upstream.connections(), upstream.requests().len()), (1, 4));

    upstream.script([missing("x".repeat(100_000)), missing("{}".into()).stall_midway()]);
    let began = tokio::time::Instant::now();
    for _ in 0..2 {
        client.post("/").send_json::<u8>().await.unwrap_err();
    }
    client.get("/").send().await.unwrap();
    assert_eq!(upstream.connections(), 3);
    assert_eq!(began.elapsed().as_millis(), 50, "nobody waits long for what is thrown away");
}
