//! How many calls are in flight.

use linchpin_client::{Bulkhead, Client};
use linchpin_core::Problem;
use linchpin_test::{Reply, ScriptedUpstream};

use crate::support::{Record, SECOND, builder, get, millis, observed, upstream};

fn narrow(upstream: &ScriptedUpstream, bulkhead: Bulkhead) -> Client {
    builder(upstream).bulkhead(bulkhead).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_place_and_no_more_are_in_flight_than_may() {
    let upstream = upstream().await;
    upstream.always(Reply::json("{}").after(millis(100)));
    let client = narrow(&upstream, Bulkhead::new(4).waiting(60, 10 * SECOND));

    let calls: Vec<_> =
        (0..64).map(|_| tokio::spawn(client.get("/").send_json::<serde_json::Value>())).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }

    assert_eq!(upstream.most_at_once(), 4);
    upstream.assert_requests(64);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_is_refused_and_told_when_to_come_back() {
    let (record, _guard) = Record::begin();
    let upstream = upstream().await;
    upstream.always(Reply::json("{}").after(5 * SECOND));
    let client = narrow(&upstream, Bulkhead::new(2).waiting(1, SECOND));

    let calls: Vec<_> = (0..10).map(|_| tokio::spawn(client.get("/").send())).collect();
    let mut refused = Vec::new();
    for call in calls {
        refused.extend(call.await.unwrap().err());
    }
    let _: serde_json::Value = get(&client).await.unwrap();

    assert_eq!(refused.len(), 8);
    assert!(refused.iter().all(|error| error.is_refused_by_bulkhead()), "{refused:#?}");
    upstream.assert_requests(3);
    let answer = Problem::from(refused.pop().unwrap()).into_answer();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().any(|header| header == ("retry-after", "1")));
    assert_eq!(record.of("linchpin_client::call").len(), 2, "full, and free again: {}", record.everything());
    let health = client.health();
    assert_eq!((health.in_flight, health.waiting), (Some(0), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_place_is_kept_until_the_answer_has_been_read_or_dropped() {
    let upstream = upstream().await;
    let client = narrow(&upstream, Bulkhead::new(1).waiting(0, SECOND));

    let answer = client.get("/").send().await.unwrap();
    assert_eq!(client.health().in_flight, Some(1));
    assert!(get(&client).await.unwrap_err().is_refused_by_bulkhead());
    answer.bytes().await.unwrap();
    drop(client.get("/").send().await.unwrap());
    let body = client.get("/").send().await.unwrap().into_body();
    assert_eq!(client.health().in_flight, Some(1), "a body that is handed on keeps it");
    drop(body);

    assert_eq!(client.health().in_flight, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_its_deadline() {
    let upstream = upstream().await;
    let client = narrow(&upstream, Bulkhead::new(1).waiting(1, 10 * SECOND));
    let _held = client.get("/").send().await.unwrap();
    let began = tokio::time::Instant::now();

    let request = observed(&[("x-request-timeout-ms", "500")]);
    let error = request.enter(|| client.get("/").send()).await.unwrap_err();

    assert!(error.is_deadline(), "{error:?}");
    assert_eq!(began.elapsed().as_millis(), 490);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_to_be_retried_holds_no_place() {
    let upstream = upstream().await;
    upstream.script([Reply::status(503).retry_after(5)]);
    let client = narrow(&upstream, Bulkhead::new(1).waiting(0, SECOND));

    let retried = tokio::spawn(client.get("/").send_json::<serde_json::Value>());
    upstream.until_requests(1).await;
    tokio::time::sleep(SECOND).await;
    get(&client).await.unwrap();

    retried.await.unwrap().unwrap();
    upstream.assert_requests(3);
}

#[tokio::test(start_paused = true)]
async fn without_one_any_number_is_in_flight() {
    let upstream = upstream().await;
    upstream.always(Reply::json("{}").after(SECOND));
    // Fewer than the default lets through, because the system's queue of new connections is short.
    let client = builder(&upstream).bulkhead(Bulkhead::new(1)).no_bulkhead().build().unwrap();

    let calls: Vec<_> = (0..100).map(|_| tokio::spawn(client.get("/").send())).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }

    assert_eq!(upstream.most_at_once(), 100);
    assert_eq!(client.health().in_flight, None);
}
