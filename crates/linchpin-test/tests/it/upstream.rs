//! The scripted upstream.

use std::{io, time::Duration};

use linchpin_test::{Reply, ScriptedUpstream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::http::{Received, exchange, first, until_the_end};

async fn get(upstream: &ScriptedUpstream) -> Received {
    exchange(upstream.address(), GET).await
}

#[tokio::test]
async fn each_request_gets_the_next_reply_and_then_the_last_word() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::status(503).retry_after(7), Reply::html()]);
    upstream.always(Reply::json(json!({"id": 7})));

    let unavailable = get(&upstream).await;
    let page = get(&upstream).await;
    let answers = [get(&upstream).await, get(&upstream).await];

    assert_eq!((unavailable.status(), unavailable.header("retry-after")), (Some(503), Some("7")));
    assert_eq!((page.status(), page.header("content-type")), (Some(200), Some("text/html")));
    for answer in answers {
        assert_eq!((answer.status(), answer.body()), (Some(200), Some(r#"{"id":7}"#)));
        assert_eq!(answer.header("content-length"), Some("8"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.end.is_ok(), "{:?}", answer.end);
    }
    upstream.assert_requests(4);
}

#[tokio::test]
async fn an_upstream_without_a_script_answers_an_empty_object() {
    let upstream = ScriptedUpstream::start().await.unwrap();

    let answer = get(&upstream).await;

    assert_eq!((answer.status(), answer.body()), (Some(200), Some("{}")));
}

#[tokio::test]
async fn a_closure_decides_by_what_was_sent() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.answer_with(|request| match request.path() {
        "/known" => Reply::json(json!({"query": request.query()})).with_status(201),
        _ => Reply::redirect(307, "http://elsewhere.test/"),
    });

    let known = exchange(upstream.address(), "GET /known?a=1 HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    let other = get(&upstream).await;

    assert_eq!((known.status(), known.body()), (Some(201), Some(r#"{"query":"a=1"}"#)));
    assert_eq!((other.status(), other.header("location")), (Some(307), Some("http://elsewhere.test/")));
}

#[tokio::test]
async fn requests_are_recorded_with_their_connection_and_body() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let answer = "HTTP/1.1 200 Scripted\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

    // Two requests in one packet, and a third in chunks on another connection.
    let both = "POST /a?x=1 HTTP/1.1\r\nAuthorization: Bearer one\r\nX-Tag: a\r\nx-tag: b\r\ncontent-length: 9\r\n\r\n\
                {\"n\": 1 }\
                POST /token HTTP/1.1\r\ncontent-length: 17\r\n\r\ngrant=a+b&scope=c";
    stream.write_all(both.as_bytes()).await.unwrap();
    assert_eq!(first(&mut stream, 2 * answer.len()).await, answer.repeat(2));
    let chunked = "PUT /c HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    assert_eq!(exchange(upstream.address(), chunked).await.status(), Some(200));

    let requests = upstream.requests();
    let [json, form, chunks] = &requests[..] else { panic!("{requests:#?}") };
    json.assert_line("POST", "/a?x=1")
        .assert_json(&json!({"n": 1}))
        .assert_header("authorization", "Bearer one")
        .assert_no_header("cookie");
    assert_eq!((json.path(), json.query(), json.bearer()), ("/a", Some("x=1"), Some("one")));
    assert_eq!(json.headers("X-TAG"), ["a", "b"]);
    assert_eq!((form.field("grant").as_deref(), form.field("nothing")), (Some("a b"), None));
    assert_eq!(form.form()[1], ("scope".to_owned(), "c".to_owned()));
    assert_eq!(chunks.body(), b"abcd");
    assert_eq!([json.connection(), form.connection(), chunks.connection()], [0, 0, 1]);
    assert!(json.at() <= form.at() && form.at() <= chunks.at());
    assert_eq!(upstream.connections(), 2);
    assert!(!format!("{json:?}").contains("one"), "no credential is shown");
    assert_eq!(upstream.take_requests().len(), 3);
    upstream.assert_requests(0);
}

#[tokio::test]
async fn what_is_not_http_is_closed_and_not_recorded() {
    for nonsense in ["\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HT"] {
        let upstream = ScriptedUpstream::start().await.unwrap();
        let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();

        assert_eq!(until_the_end(stream).await.text, "", "{nonsense:?}");

        upstream.assert_requests(0);
    }
}

#[tokio::test]
async fn a_connection_ends_as_the_reply_says() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let document = || Reply::json(r#"{"id":7}"#);
    upstream.script([
        Reply::close(),
        Reply::reset(),
        Reply::reset_unread(),
        document().cut_short(),
        document().reset_midway(),
        Reply::raw("SSH-2.0-OpenSSH_9\r\n"),
    ]);

    let closed = get(&upstream).await;
    assert_eq!((closed.text.as_str(), closed.end.is_ok()), ("", true));
    for _ in 0..2 {
        let reset = get(&upstream).await;
        assert_eq!((reset.text.as_str(), reset.was_reset()), ("", true));
    }
    upstream.assert_requests(2); // The one that was reset unread is none.
    let cut = get(&upstream).await;
    assert_eq!((cut.header("content-length"), cut.body()), (Some("8"), Some(r#"{"id"#)));
    assert!(cut.end.is_ok());
    let reset = get(&upstream).await;
    assert_eq!((reset.header("content-length"), reset.was_reset()), (Some("8"), true));
    let garbage = get(&upstream).await;
    assert_eq!((garbage.text.as_str(), garbage.end.is_ok()), ("SSH-2.0-OpenSSH_9\r\n", true));
}

#[tokio::test]
async fn a_connection_is_closed_when_either_side_wants_it() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::json("{}").closing()]);

    let said = exchange(upstream.address(), "GET / HTTP/1.1\r\n\r\n").await;
    let asked = exchange(upstream.address(), "GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;

    assert_eq!(said.header("connection"), Some("close"));
    assert_eq!((said.body(), asked.body()), (Some("{}"), Some("{}")));
}

#[tokio::test]
async fn answers_that_have_no_body_are_sent_without_one() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::status(204).body("x"), Reply::status(304).body("x"), Reply::json("{}")]);

    let no_content = get(&upstream).await;
    let not_modified = get(&upstream).await;
    let head = exchange(upstream.address(), "HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n").await;

    assert_eq!((no_content.body(), no_content.header("content-length")), (Some(""), None));
    assert_eq!((not_modified.body(), not_modified.header("content-length")), (Some(""), None));
    assert_eq!((head.body(), head.header("content-length")), (Some(""), Some("2")));
}

#[tokio::test]
async fn interim_answers_come_before_the_answer() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let waiting = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";

    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(waiting.as_bytes()).await.unwrap();
    assert_eq!(first(&mut stream, go_on.len()).await, go_on);
    stream.write_all(b"{}").await.unwrap();
    assert_eq!(until_the_end(stream).await.status(), Some(200));

    upstream.script([Reply::json("{}").interim(103), Reply::status(413).early()]);
    let hinted = get(&upstream).await;
    assert!(
        hinted.text.starts_with("HTTP/1.1 103 Interim\r\n\r\nHTTP/1.1 200 Scripted\r\n"),
        "{}",
        hinted.text
    );
    // The body never comes, and the answer does.
    let refused = exchange(upstream.address(), waiting).await;
    assert_eq!(refused.status(), Some(413));
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(upstream.requests()[2].body(), b"");
}

#[tokio::test]
async fn a_large_body_is_made_while_it_is_sent() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::json("{}").padded(200_000), Reply::json("{}").padded(3).chunked()]);

    let long = get(&upstream).await;
    let chunked = get(&upstream).await;

    assert_eq!(long.header("content-length"), Some("200002"));
    assert_eq!(long.body().map(|body| (body.len(), body.trim_start())), Some((200_002, "{}")));
    assert_eq!(
        (chunked.header("content-length"), chunked.header("transfer-encoding")),
        (None, Some("chunked"))
    );
    assert_eq!(chunked.body(), Some("3\r\n   \r\n2\r\n{}\r\n0\r\n\r\n"));
    assert_eq!(upstream.bytes_sent(), 200_007);
}

#[tokio::test]
async fn what_never_ends_is_sent_until_the_client_leaves() {
    for endless in [Reply::json("{}").endless(), Reply::endless_headers()] {
        let upstream = ScriptedUpstream::start().await.unwrap();
        upstream.always(endless);
        let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();

        let received = first(&mut stream, 8 * 1024 * 1024).await;
        assert!(received.starts_with("HTTP/1.1 200 Scripted\r\n"));
        assert_eq!(upstream.under_way(), 1);
        drop(stream);

        while upstream.under_way() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_take_the_time_of_the_runtime() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let minute = Duration::from_secs(60);
    upstream.script([
        Reply::json("{}").after(minute),
        Reply::json("123456").in_pieces(2, minute),
        Reply::json("{}"),
    ]);

    for expected in [minute, 3 * minute, Duration::ZERO] {
        let began = Instant::now();
        assert_eq!(get(&upstream).await.status(), Some(200));
        let took = began.elapsed();
        assert_eq!(took.as_secs(), expected.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_out_strikes_only_when_the_upstream_had_its_chance() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let limit = Duration::from_millis(1);
    let stalling = [Reply::hang(), Reply::json("{}").stall_midway(), Reply::json("{}").after(2 * limit)];

    for _ in 0..100 {
        assert_eq!(timeout(limit, get(&upstream)).await.unwrap().status(), Some(200));
    }
    for stalling in stalling {
        upstream.script([stalling]);
        assert!(timeout(limit, get(&upstream)).await.is_err());
    }

    upstream.assert_requests(103);
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_are_counted() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.always(Reply::json("{}").after(Duration::from_secs(1)));

    let calls = async { tokio::join!(get(&upstream), get(&upstream), get(&upstream)) };
    calls.await;
    get(&upstream).await;

    assert_eq!((upstream.most_at_once(), upstream.connections()), (3, 4));
}

#[tokio::test]
async fn a_request_that_was_answered_is_under_way_no_more_although_its_connection_is_open() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::json("{}").closing(), Reply::json("{}").stall_midway()]);
    let mut answered = TcpStream::connect(upstream.address()).await.unwrap();
    let mut waiting = TcpStream::connect(upstream.address()).await.unwrap();

    answered.write_all(GET.as_bytes()).await.unwrap();
    answered.read_to_end(&mut Vec::new()).await.unwrap();
    waiting.write_all(GET.as_bytes()).await.unwrap();
    waiting.read_u8().await.unwrap();

    assert_eq!((upstream.under_way(), upstream.most_at_once()), (1, 1));
    drop((answered, waiting));
}

#[tokio::test]
async fn a_stopped_upstream_refuses_connections_and_goes_on_with_its_script() {
    let mut upstream = ScriptedUpstream::start().await.unwrap();
    upstream.script([Reply::hang(), Reply::status(500)]);
    let (address, url) = (upstream.address(), upstream.url());

    let mut hanging = TcpStream::connect(address).await.unwrap();
    hanging.write_all(GET.as_bytes()).await.unwrap();
    upstream.until_requests(1).await;
    upstream.stop().await;
    assert_eq!(until_the_end(hanging).await.text, "");
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    upstream.restart().unwrap();

    assert_eq!(get(&upstream).await.status(), Some(500));
    assert_eq!((upstream.address(), upstream.url()), (address, url));
    upstream.assert_requests(2);
}

#[tokio::test]
#[should_panic(expected = "expected one request, and there are 0")]
async fn the_only_request_is_missed() {
    ScriptedUpstream::start().await.unwrap().only_request();
}

#[tokio::test]
#[should_panic(expected = "the header x-tag")]
async fn a_header_with_another_value_is_noticed() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    exchange(upstream.address(), "GET / HTTP/1.1\r\nx-tag: a\r\nconnection: close\r\n\r\n").await;

    upstream.only_request().assert_header("x-tag", "b");
}

#[tokio::test]
#[should_panic(expected = "x-tag was sent 2 times")]
async fn a_repeated_header_is_noticed() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    exchange(upstream.address(), "GET / HTTP/1.1\r\nx-tag: a\r\nx-tag: a\r\nconnection: close\r\n\r\n").await;

    upstream.only_request().header("x-tag");
}

const GET: &str = "GET / HTTP/1.1\r\nhost: upstream.test\r\nconnection: close\r\n\r\n";
