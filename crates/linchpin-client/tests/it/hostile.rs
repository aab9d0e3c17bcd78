//! Upstreams that misbehave: typed errors, within bounds.

use std::error::Error as StdError;

use linchpin_client::{Error, ErrorKind, Retries};
use linchpin_test::Reply;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{SECOND, builder, client, get, upstream};

fn chain(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn every_misbehaviour_has_its_kind_and_none_takes_longer_than_it_may() {
    let upstream = upstream().await;
    let client = builder(&upstream)
        .retries(Retries::none())
        .no_breaker()
        .read_timeout(2 * SECOND)
        .total_timeout(5 * SECOND)
        .build()
        .unwrap();
    let ten_megabytes = format!("\"{}\"", "x".repeat(10_000_000));

    for (reply, kind, seconds) in [
        (Reply::hang(), ErrorKind::Timeout, 2),
        (Reply::json("{}").after(3 * SECOND), ErrorKind::Timeout, 2),
        (Reply::json(json!({"a": 1})).stall_midway(), ErrorKind::Timeout, 2),
        (Reply::json("{\"a\":  1}").in_pieces(1, SECOND), ErrorKind::Timeout, 5),
        (Reply::close(), ErrorKind::Broken, 0),
        (Reply::reset(), ErrorKind::Broken, 0),
        (Reply::json(json!({"a": 1})).cut_short(), ErrorKind::Broken, 0),
        (Reply::raw("SSH-2.0-OpenSSH_9.9\r\n"), ErrorKind::Broken, 0),
        (Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"), ErrorKind::Broken, 0),
        (Reply::endless_headers(), ErrorKind::Broken, 0),
        (Reply::html(), ErrorKind::Body, 0),
        (Reply::status(200).header("content-type", "text/plain").body("{}"), ErrorKind::Body, 0),
        (Reply::status(200).header("content-type", "\u{e4}").body("{}"), ErrorKind::Body, 0),
        (Reply::json("{\"a\":"), ErrorKind::Body, 0),
        (Reply::json("[".repeat(100_000)), ErrorKind::Body, 0),
        (Reply::json(&ten_megabytes), ErrorKind::Body, 0),
        (Reply::json(&ten_megabytes).chunked(), ErrorKind::Body, 0),
        (Reply::json("{}").endless(), ErrorKind::Body, 0),
    ] {
        let shown = format!("{:.120}", format!("{reply:?}"));
        upstream.script([reply]);
        let began = Instant::now();

        let error = get(&client).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{shown}: {error:?}");
        assert_eq!(error.is_timeout(), kind == ErrorKind::Timeout);
        assert_eq!(began.elapsed().as_secs(), seconds, "{shown}");
    }
    assert!(upstream.bytes_sent() < 40_000_000, "an endless body is left alone");
    let health = client.health();
    assert_eq!((health.in_flight, health.waiting), (Some(0), Some(0)), "each has given its place back");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_wrong_shape_is_not_quoted() {
    let upstream = upstream().await;
    upstream.always(Reply::json(json!({"s3cret": "s3cret"})));

    let error =
        client(&upstream).get("/s3cret").query([("s3cret", "s3cret")]).send_json::<u64>().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Body);
    assert!(error.to_string().starts_with("billing: the answer's JSON is not of the expected shape"));
    assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn no_error_shows_path_or_query_or_credential() {
    let mut upstream = upstream().await;
    let client = builder(&upstream).retries(Retries::none()).build().unwrap();
    let call = || {
        let request = client.get("/s3cret").segment("s3cret").query([("k", "s3cret")]);
        request.header("authorization", "Bearer s3cret").header("cookie", "s3cret").send_json::<Value>()
    };

    for reply in
        [Reply::reset(), Reply::hang(), Reply::status(500), Reply::raw("junk s3cret\r\n\r\n"), Reply::html()]
    {
        upstream.script([reply]);
        let error = call().await.unwrap_err();
        assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    }
    upstream.stop().await;
    let error = call().await.unwrap_err();

    assert!(error.is_connect() && error.source().is_some());
    assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn json_under_another_name_is_read_and_so_is_json_without_one() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for content_type in [Some("application/vnd.api+json"), Some("APPLICATION/JSON; charset=utf-8"), None] {
        let reply = Reply::status(200).body(r#"{"a":1}"#);
        upstream.script([content_type
            .into_iter()
            .fold(reply, |reply, value| reply.header("content-type", value))]);
        assert_eq!(get(&client).await.unwrap(), json!({"a": 1}), "{content_type:?}");
    }
}
