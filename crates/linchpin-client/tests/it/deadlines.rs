//! The time that is left of a request of ours.

use linchpin_client::{Client, ErrorKind};
use linchpin_core::Problem;
use linchpin_test::Reply;
use tokio::time::Instant;

use crate::support::{SECOND, builder, client, get, millis, observed, upstream};

/// Gets `/` for a request of ours with these headers, after some of its time has passed.
async fn get_within(
    client: &Client,
    headers: &[(&str, &str)],
    passed: std::time::Duration,
) -> Result<serde_json::Value, linchpin_client::Error> {
    let observation = observed(headers);
    tokio::time::advance(passed).await;
    let call = observation.enter(|| client.get("/").send_json());
    let result = call.await;
    observation.complete();
    result
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_sent_on_less_the_margin() {
    let upstream = upstream().await;
    let client = builder(&upstream).deadline_margin(millis(20)).build().unwrap();

    get_within(&client, &[("x-request-timeout-ms", "5000")], millis(1500)).await.unwrap();
    get_within(&client, &[("grpc-timeout", "2S")], millis(0)).await.unwrap();

    let sent: Vec<u64> = upstream
        .requests()
        .iter()
        .map(|request| request.header("x-request-timeout-ms").unwrap().parse().unwrap())
        .collect();
    assert_eq!(sent, [3480, 1980]);
}

#[tokio::test(start_paused = true)]
async fn the_header_has_another_name_if_it_is_given_one() {
    let upstream = upstream().await;
    let client = builder(&upstream).timeout_header("X-Time-Left").deadline_margin(millis(0)).build().unwrap();

    get_within(&client, &[("x-request-timeout-ms", "5000")], millis(0)).await.unwrap();

    upstream.only_request().assert_header("x-time-left", "5000").assert_no_header("x-request-timeout-ms");
}

#[tokio::test(start_paused = true)]
async fn a_retry_sends_what_is_left_then() {
    let upstream = upstream().await;
    upstream.script([Reply::status(503).retry_after(2)]);
    let client = builder(&upstream).deadline_margin(millis(0)).jitter(|| 0.0).build().unwrap();

    get_within(&client, &[("x-request-timeout-ms", "5000")], millis(0)).await.unwrap();

    let sent: Vec<String> = upstream
        .requests()
        .iter()
        .map(|request| request.header("x-request-timeout-ms").unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["5000", "3000"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_end_in_time_is_refused_at_once() {
    let upstream = upstream().await;
    let client = builder(&upstream).deadline_margin(millis(10)).minimum_time(millis(50)).build().unwrap();

    for (left, passed) in [("0", 0), ("10", 0), ("59", 0), ("5000", 4960), ("5000", 60_000)] {
        let error = get_within(&client, &[("x-request-timeout-ms", left)], millis(passed)).await.unwrap_err();
        assert!(error.is_deadline() && error.is_timeout(), "{left}: {error}");
        assert_eq!(Problem::from(error).status(), 504);
    }
    upstream.assert_requests(0);
    assert_eq!(client.health().recent_calls, 0, "nothing is learned of the upstream");

    get_within(&client, &[("x-request-timeout-ms", "60")], millis(0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_call_and_all_its_retries() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for reply in
        [Reply::hang(), Reply::json("{\"a\": 1}").in_pieces(1, SECOND), Reply::json("{}").stall_midway()]
    {
        upstream.script([reply]);
        let began = Instant::now();
        let error = get_within(&client, &[("x-request-timeout-ms", "2000")], millis(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline, "{error:?}");
        assert_eq!(began.elapsed().as_millis(), 1990);
    }
    upstream.always(Reply::status(503).retry_after(3));
    let began = Instant::now();
    let error = get_within(&client, &[("x-request-timeout-ms", "2000")], millis(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Status, "the answer is worth more than waiting for nothing");
    assert_eq!(began.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_only_shortens_what_the_client_allows() {
    let upstream = upstream().await;
    upstream.always(Reply::hang());
    let client = builder(&upstream).total_timeout(3 * SECOND).build().unwrap();
    let began = Instant::now();

    let error = get_within(&client, &[("x-request-timeout-ms", "60000")], millis(0)).await.unwrap_err();

    assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::Timeout, 3));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_call_counts_in_place_of_the_clients() {
    let upstream = upstream().await;
    upstream.always(Reply::hang());
    let began = Instant::now();

    let error = client(&upstream).get("/").timeout(SECOND).send().await.unwrap_err();

    assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::Timeout, 1));
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_no_deadline_change_nothing() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for value in ["", "-1", "soon", "1e9", "99999999999999999999999999"] {
        get_within(&client, &[("x-request-timeout-ms", value), ("grpc-timeout", value)], millis(0))
            .await
            .unwrap();
    }
    get(&client).await.unwrap();

    assert!(upstream.requests().iter().all(|request| request.header("x-request-timeout-ms").is_none()));
}

#[tokio::test(start_paused = true)]
async fn limits_beyond_all_clocks_are_no_panic() {
    let upstream = upstream().await;
    let longest = std::time::Duration::MAX;
    let client = builder(&upstream)
        .connect_timeout(longest)
        .read_timeout(longest)
        .total_timeout(longest)
        .pool_idle_timeout(longest)
        .breaker(linchpin_client::Breaker::default().open_for(longest).window(longest).minimum_calls(1))
        .bulkhead(linchpin_client::Bulkhead::new(1).waiting(1, longest))
        .retries(linchpin_client::Retries::default().backoff(longest, longest).longest_retry_after(longest))
        .build()
        .unwrap();

    get_within(&client, &[("x-request-timeout-ms", &u64::MAX.to_string())], millis(0)).await.unwrap();
    upstream.always(Reply::status(503).retry_after(u64::MAX));
    client.get("/").timeout(longest).send().await.unwrap();
    let error = get(&client).await.unwrap_err();

    assert!(error.is_refused_by_breaker());
}
