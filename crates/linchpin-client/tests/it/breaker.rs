//! The breaker around an upstream that fails.

use linchpin_client::{Breaker, BreakerState, Client, ErrorKind, Retries};
use linchpin_core::Problem;
use linchpin_test::{Reply, ScriptedUpstream};
use tokio::time::{Instant, advance};

use crate::support::{Record, SECOND, builder, get, millis, observed, upstream};

/// Opens at the fourth failure, draws no jitter, and makes two probes.
fn fragile(upstream: &ScriptedUpstream) -> Client {
    let breaker = Breaker::default().minimum_calls(4).open_for(5 * SECOND).probes(2);
    builder(upstream).breaker(breaker).retries(Retries::none()).jitter(|| 0.0).build().unwrap()
}

async fn fail(client: &Client, times: usize) {
    for _ in 0..times {
        get(client).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn it_opens_refuses_at_once_probes_and_heals() {
    let mut upstream = upstream().await;
    let client = fragile(&upstream);
    get(&client).await.unwrap();

    upstream.stop().await;
    fail(&client, 3).await;
    let began = Instant::now();
    let error = get(&client).await.unwrap_err();

    assert!(error.is_refused_by_breaker(), "{error:?}");
    assert_eq!((began.elapsed(), error.retry_after()), (millis(0), Some(5 * SECOND)));
    let answer = Problem::from(error).into_answer();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().any(|header| header == ("retry-after", "5")));
    let health = client.health();
    assert_eq!((health.breaker, health.recent_failures), (Some(BreakerState::Open), 3));

    advance(5 * SECOND).await;
    fail(&client, 1).await;
    assert_eq!(client.health().breaker, Some(BreakerState::Open), "a probe has failed");
    assert!(get(&client).await.unwrap_err().is_refused_by_breaker());

    upstream.restart().unwrap();
    upstream.take_requests();
    advance(5 * SECOND).await;
    assert_eq!(client.health().breaker, Some(BreakerState::HalfOpen));
    get(&client).await.unwrap();
    get(&client).await.unwrap();
    assert_eq!(client.health().breaker, Some(BreakerState::Closed));
    upstream.assert_requests(2);
}

#[tokio::test(start_paused = true)]
async fn what_counts_as_a_failure() {
    for (reply, counts) in [
        (Reply::status(500), true),
        (Reply::status(502), true),
        (Reply::status(503), true),
        (Reply::status(599), true),
        (Reply::reset(), true),
        (Reply::close(), true),
        (Reply::hang(), true),
        (Reply::json("{\"a\": 1}").cut_short(), true),
        (Reply::json("{\"a\": 1}").stall_midway(), true),
        (Reply::json("{}"), false),
        (Reply::status(501), false),
        (Reply::status(400), false),
        (Reply::status(401), false),
        (Reply::status(404), false),
        (Reply::status(429), false),
        (Reply::redirect(302, "/"), false),
        (Reply::html(), false),
    ] {
        let upstream = upstream().await;
        let shown = format!("{reply:?}");
        upstream.always(reply);
        let client = fragile(&upstream);

        let _ = get(&client).await;

        let health = client.health();
        assert_eq!((health.recent_calls, health.recent_failures), (1, u32::from(counts)), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_hangs_opens_it_however_short_the_clients_own_time_is() {
    let upstream = upstream().await;
    upstream.always(Reply::hang());
    let breaker = Breaker::default().minimum_calls(4);
    let client = builder(&upstream)
        .breaker(breaker)
        .retries(Retries::none())
        .total_timeout(millis(200))
        .build()
        .unwrap();

    fail(&client, 4).await;

    assert_eq!(client.health().breaker, Some(BreakerState::Open));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_no_time_cannot_open_it_for_everybody() {
    let upstream = upstream().await;
    upstream.always(Reply::json("{}").after(millis(500)));
    let client = fragile(&upstream);

    for _ in 0..50 {
        let hasty = observed(&[("x-request-timeout-ms", "100")]);
        let error = hasty.enter(|| client.get("/").send()).await.unwrap_err();
        assert!(error.is_deadline());
    }
    get(&client).await.unwrap();
    assert_eq!(client.health().recent_failures, 0);

    upstream.always(Reply::hang());
    for _ in 0..4 {
        let patient = observed(&[("x-request-timeout-ms", "2000")]);
        patient.enter(|| client.get("/").send()).await.unwrap_err();
    }
    assert_eq!(client.health().breaker, Some(BreakerState::Open), "two seconds were enough");
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_are_neutral_and_give_their_places_back() {
    let upstream = upstream().await;
    let client = fragile(&upstream);
    upstream.always(Reply::hang());

    for _ in 0..20 {
        tokio::time::timeout(millis(10), client.get("/").send()).await.unwrap_err();
    }
    assert_eq!(client.health().recent_calls, 0);

    upstream.always(Reply::status(500));
    fail(&client, 4).await;
    upstream.always(Reply::hang());
    advance(5 * SECOND).await;
    for _ in 0..20 {
        // Each is a probe, and there are two places for them.
        tokio::time::timeout(millis(10), client.get("/").send()).await.unwrap_err();
    }
    upstream.always(Reply::json("{}"));
    get(&client).await.unwrap();
    get(&client).await.unwrap();

    let health = client.health();
    assert_eq!((health.breaker, health.in_flight), (Some(BreakerState::Closed), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn probes_at_once_are_bounded() {
    let upstream = upstream().await;
    let client = fragile(&upstream);
    upstream.always(Reply::status(500));
    fail(&client, 4).await;
    advance(5 * SECOND).await;
    upstream.take_requests();
    upstream.always(Reply::json("{}").after(SECOND));

    let calls: Vec<_> = (0..64).map(|_| tokio::spawn(client.get("/").send())).collect();
    let mut refused = 0;
    for call in calls {
        refused += usize::from(call.await.unwrap().is_err_and(|error| error.is_refused_by_breaker()));
    }

    assert_eq!(refused, 62);
    upstream.assert_requests(2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_has_succeeded_with_the_head_of_its_answer() {
    let upstream = upstream().await;
    let client = fragile(&upstream);
    upstream.always(Reply::status(500));
    fail(&client, 4).await;
    advance(5 * SECOND).await;
    upstream.always(Reply::json("{}"));

    // Neither has been read, and who knows when it will be.
    let _probes = (client.get("/").send().await.unwrap(), client.get("/").send().await.unwrap());

    assert_eq!(client.health().breaker, Some(BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_needs_no_token_and_makes_no_retry() {
    let mut upstream = upstream().await;
    let client = builder(&upstream).breaker(Breaker::default().minimum_calls(1)).build().unwrap();
    upstream.stop().await;
    let began = Instant::now();

    let error = get(&client).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::BreakerOpen, "the first attempt has opened it for the second");
    assert!(began.elapsed() <= millis(100));
}

#[tokio::test(start_paused = true)]
async fn each_change_is_logged_once() {
    let (record, _guard) = Record::begin();
    let mut upstream = upstream().await;
    let client = fragile(&upstream);

    upstream.stop().await;
    fail(&client, 10).await;
    advance(5 * SECOND).await;
    upstream.restart().unwrap();
    for _ in 0..10 {
        get(&client).await.unwrap();
    }

    let lines = record.of("linchpin_client::client");
    let states: Vec<&str> = ["open", "half_open", "closed"]
        .into_iter()
        .filter(|state| lines.iter().any(|line| line.contains(&format!("state=\"{state}\""))))
        .collect();
    assert_eq!((lines.len(), states), (3, vec!["open", "half_open", "closed"]), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("client=\"billing\"")));
}

#[tokio::test(start_paused = true)]
async fn without_one_every_call_is_made() {
    let upstream = upstream().await;
    upstream.always(Reply::status(500));
    let client = builder(&upstream).no_breaker().build().unwrap();

    fail(&client, 50).await;

    upstream.assert_requests(50);
    assert_eq!(client.health().breaker, None);
}
