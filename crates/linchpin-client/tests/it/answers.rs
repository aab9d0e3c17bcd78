//! What is made of an answer.

use http::StatusCode;
use linchpin_client::ErrorKind;
use linchpin_core::Problem;
use linchpin_test::Reply;
use serde_json::{Value, json};

use crate::support::{SECOND, builder, client, get, upstream};

#[tokio::test(start_paused = true)]
async fn status_headers_and_body_are_handed_out_whatever_the_status() {
    let upstream = upstream().await;
    upstream.always(Reply::status(418).header("x-pot", "tea").body("short and stout"));

    let answer = client(&upstream).get("/").send().await.unwrap();

    assert_eq!((answer.status(), answer.header("X-Pot")), (StatusCode::IM_A_TEAPOT, Some("tea")));
    assert_eq!(answer.bytes().await.unwrap(), "short and stout");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_no_success_is_never_read_as_the_expected_value() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for status in [204, 301, 304, 400, 404, 500] {
        upstream.script([Reply::json(json!({"total": 1})).with_status(status)]);
        let result = client.post("/").send_json::<Value>().await;
        match status {
            204 => assert_eq!(result.unwrap_err().kind(), ErrorKind::Body, "it has no body"),
            _ => assert_eq!(result.unwrap_err().status().unwrap().as_u16(), status),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_problem_of_an_upstream_is_read() {
    let upstream = upstream().await;
    let problem = json!({
        "type": "https://billing.example/out-of-credit", "title": "Out of credit", "status": 403,
        "detail": "30 is less than 50", "instance": "/accounts/12", "balance": 30, "extra": [1]
    });
    upstream.always(Reply::json(problem).with_status(403));
    let plain = client(&upstream).get("/").send_json::<Value>().await.unwrap_err();
    assert_eq!(plain.problem(), None, "it does not say that it is one");

    upstream
        .always(Reply::status(403).header("content-type", "Application/Problem+JSON; charset=utf-8").body(
        r#"{"type":"https://billing.example/out-of-credit","title":"Out of credit","detail":7,"balance":30}"#,
    ));
    let error = get(&client(&upstream)).await.unwrap_err();

    assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(StatusCode::FORBIDDEN)));
    let found = error.problem().unwrap();
    assert_eq!(
        (found.type_uri(), found.title()),
        ("https://billing.example/out-of-credit", Some("Out of credit"))
    );
    assert_eq!((found.detail(), found.member::<u8>("balance")), (None, Some(30)));
    assert_eq!(error.to_string(), "billing: the answer has the status 403");
}

#[tokio::test(start_paused = true)]
async fn a_problem_that_is_too_large_or_malformed_leaves_the_status() {
    let upstream = upstream().await;
    let problem =
        |body: String| Reply::status(409).header("content-type", "application/problem+json").body(body);
    upstream.script([
        problem(format!(r#"{{"title":"{}"}}"#, "x".repeat(70_000))),
        problem("{".into()),
        problem(r#"{"title":"x"}"#.into()).cut_short(),
        problem(r#"{"title":"x"}"#.into()).stall_midway(),
    ]);
    let client = builder(&upstream).read_timeout(SECOND).build().unwrap();

    for _ in 0..4 {
        let error = client.post("/").send_json::<Value>().await.unwrap_err();
        assert_eq!((error.status(), error.problem()), (Some(StatusCode::CONFLICT), None));
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_upstream_is_told_to_our_caller_without_its_details() {
    let upstream = upstream().await;
    let client = builder(&upstream).retries(linchpin_client::Retries::none()).build().unwrap();

    for (reply, status, retry_after) in [
        (Reply::status(400), 502, None),
        (Reply::status(401), 502, None),
        (Reply::status(403), 502, None),
        (Reply::status(404), 502, None),
        (Reply::status(429).retry_after(7), 503, Some("7")),
        (Reply::status(500), 502, None),
        (Reply::status(501), 502, None),
        (Reply::status(502), 502, None),
        (Reply::status(503), 503, Some("1")),
        (Reply::status(503).retry_after(9_999_999_999_u64), 503, Some("3600")),
        (Reply::status(504), 504, None),
        (Reply::redirect(302, "/elsewhere"), 502, None),
        (Reply::html(), 502, None),
        (Reply::reset(), 502, None),
        (Reply::hang(), 504, None),
    ] {
        let shown = format!("{reply:?}");
        upstream.script([reply.header("x-secret", "s3cret")]);
        let answer = Problem::from(get(&client).await.unwrap_err()).into_answer();

        assert_eq!(answer.status(), status, "{shown}");
        let told =
            answer.headers().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.to_owned());
        assert_eq!(told.as_deref(), retry_after, "{shown}");
        assert!(!answer.body().contains("s3cret") && !answer.body().contains("billing"));
    }
}
