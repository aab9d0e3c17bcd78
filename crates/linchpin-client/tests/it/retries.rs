//! What is sent again, when, and how often.

use http::Method;
use linchpin_client::{Body, Client, ErrorKind, Retries};
use linchpin_core::{FakeClock, Timestamp};
use linchpin_test::{Reply, ScriptedUpstream};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{SECOND, builder, client, get, millis, upstream};

fn patient(upstream: &ScriptedUpstream, retries: Retries) -> Client {
    builder(upstream).retries(retries).no_breaker().build().unwrap()
}

/// How many requests arrive if the first two answers are `reply`.
async fn attempts(reply: Reply, method: Method, key: Option<&str>) -> usize {
    let upstream = upstream().await;
    upstream.script([reply.clone(), reply]);
    let request = client(&upstream).request(method, "/");
    let request = match key {
        Some(key) => request.idempotency_key(key),
        None => request,
    };
    let _ = request.body("{}").send().await;
    upstream.requests().len()
}

#[tokio::test(start_paused = true)]
async fn only_what_may_happen_twice_is_sent_again() {
    for (method, sent) in [
        (Method::GET, 3),
        (Method::HEAD, 3),
        (Method::OPTIONS, 3),
        (Method::PUT, 3),
        (Method::DELETE, 3),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        for reply in [Reply::status(503), Reply::reset()] {
            assert_eq!(attempts(reply.clone(), method.clone(), None).await, sent, "{method} {reply:?}");
            assert_eq!(attempts(reply, method.clone(), Some("4711")).await, 3, "{method} with a key");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_trouble_that_passes_is_a_reason() {
    for (status, sent) in [
        (200, 1),
        (302, 1),
        (400, 1),
        (404, 1),
        (408, 3),
        (409, 1),
        (425, 1),
        (429, 3),
        (500, 1),
        (501, 1),
        (502, 3),
        (503, 3),
        (504, 3),
    ] {
        assert_eq!(attempts(Reply::status(status), Method::GET, None).await, sent, "{status}");
    }
    assert_eq!(attempts(Reply::close(), Method::GET, None).await, 3);
    assert_eq!(attempts(Reply::hang(), Method::GET, None).await, 1, "it may still be at work");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_carries_the_same_key_and_body() {
    let upstream = upstream().await;
    upstream.script([Reply::status(503), Reply::reset()]);

    let answer = client(&upstream).post("/").idempotency_key("4711").json("body").send().await.unwrap();

    assert_eq!(answer.status(), 200);
    upstream.assert_requests(3);
    for request in upstream.requests() {
        request.assert_header("idempotency-key", "4711").assert_header("content-length", "6");
        assert_eq!(request.body(), b"\"body\"");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_streamed_is_sent_once() {
    let upstream = upstream().await;
    upstream.always(Reply::status(503));
    let body = Body::stream(http_body_util::Full::new(bytes::Bytes::from_static(b"once")));

    let answer = client(&upstream).put("/").idempotency_key("4711").body(body).send().await.unwrap();

    assert_eq!(answer.status(), 503);
    assert_eq!(upstream.only_request().body(), b"once");
}

#[tokio::test(start_paused = true)]
async fn waits_double_and_are_drawn() {
    let upstream = upstream().await;
    upstream.always(Reply::status(502));
    let retries = Retries::default().most(4).backoff(millis(100), millis(500));
    let client = patient(&upstream, retries.clone());

    let answer = client.get("/").send().await.unwrap();

    assert_eq!(answer.status(), 502, "the last answer is handed back");
    let at: Vec<u128> = upstream.take_requests().iter().map(|request| request.at().as_millis()).collect();
    let waits: Vec<u128> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [100, 200, 400, 500]);

    let hasty = builder(&upstream).retries(retries).no_breaker().jitter(|| 0.0).build().unwrap();
    let began = Instant::now();
    hasty.get("/").send().await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 0, "full jitter reaches down to nothing");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let upstream = upstream().await;
    let now = FakeClock::at(Timestamp::from_unix_seconds(784_111_777 - 4)); // the RFC's example is four seconds later
    let client = builder(&upstream).clock(now).jitter(|| 0.0).build().unwrap();

    for (value, seconds) in [
        ("3", 3),
        ("0", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 4),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 4),
        ("Sun Nov  6 08:49:37 1994", 4),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("soon", 0),
    ] {
        upstream.script([Reply::status(429).retry_after(value)]);
        let began = Instant::now();

        get(&client).await.unwrap();

        assert_eq!(began.elapsed().as_secs(), seconds, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_wants_to_be_left_alone_for_long_is() {
    let upstream = upstream().await;
    upstream.always(Reply::status(503).retry_after(11));
    let began = Instant::now();

    let error = get(&client(&upstream)).await.unwrap_err();

    assert_eq!(began.elapsed().as_secs(), 0);
    assert_eq!(error.retry_after(), Some(11 * SECOND));
    upstream.assert_requests(1);
}

#[tokio::test(start_paused = true)]
async fn no_retry_is_begun_for_which_there_is_no_time() {
    let upstream = upstream().await;
    upstream.always(Reply::status(503).retry_after(2));
    let client = client(&upstream);
    let began = Instant::now();

    let answer = client.get("/").timeout(SECOND).send().await.unwrap();

    assert_eq!(answer.status(), 503, "the answer that is there is better than a time-out");
    assert_eq!(began.elapsed().as_secs(), 0);
    upstream.assert_requests(1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_upstream_sees_no_more_than_the_normal_rate_and_the_budget() {
    let mut upstream = upstream().await;
    upstream.always(Reply::status(503));
    let client = patient(&upstream, Retries::default().most(5).budget(0.1, 10));

    for _ in 0..500 {
        client.get("/").send().await.unwrap();
    }

    let seen = upstream.take_requests().len();
    assert!((500..=500 + 50 + 10).contains(&seen), "{seen} requests for 500 calls");
    assert!(seen >= 555, "the budget is used: {seen}");

    upstream.stop().await;
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(get(&client).await.unwrap_err().kind(), ErrorKind::Connect);
    }
    assert!(began.elapsed() <= millis(300), "two retries at most: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_share_one_budget() {
    let upstream = upstream().await;
    upstream.always(Reply::status(503));
    let client = patient(&upstream, Retries::default().budget(0.0, 7));

    let calls: Vec<_> = (0..64).map(|_| tokio::spawn(client.get("/").send())).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 503);
    }

    upstream.assert_requests(64 + 7);
}

#[tokio::test(start_paused = true)]
async fn none_means_none() {
    let upstream = upstream().await;
    upstream.always(Reply::status(503));

    patient(&upstream, Retries::none()).get("/").send_json::<Value>().await.unwrap_err();

    upstream.assert_requests(1);
}
