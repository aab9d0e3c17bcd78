//! One fetch for all, and what becomes of it.

use std::time::Duration;

use linchpin_core::FakeClock;
use linchpin_oauth::{FetchResponse, TokenErrorKind, TokenSource};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    CALL, ask, pass, pending, ready,
    server::{Answer, Server},
    source,
};

#[tokio::test(start_paused = true)]
async fn sixty_four_calls_on_a_cold_token_cause_exactly_one_request() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);

    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let source = source.clone();
        calls.spawn(async move { ask(&source).await.unwrap().authorization().to_owned() });
    }
    let tokens = calls.join_all().await;

    assert_eq!(tokens, vec!["Bearer t1"; 64]);
    assert_eq!(server.count(), 1);
    assert_eq!(ready(&source).unwrap(), "t1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_is_enough_for_calls_on_several_threads() {
    for _ in 0..50 {
        let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
        let source = source(&server, &clock);

        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let source = source.clone();
            calls.spawn(async move { ask(&source).await.unwrap().secret().to_owned() });
        }

        assert_eq!(calls.join_all().await, vec!["t1"; 64]);
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_the_first_call() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let _source = source(&server, &clock);

    pass(&clock, 600).await;

    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_does_not_end_the_fetch_for_others() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);

    let first = pending(&source);
    let second = pending(&source);
    drop(first);

    assert_eq!(second.await.unwrap().secret(), "t1");
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_nobody_waits_for_any_more_is_of_use_to_the_next_call() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);

    drop(pending(&source));
    sleep(Duration::from_secs(1)).await;

    assert_eq!(ready(&source).unwrap(), "t1");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_costs_a_call_five_seconds_and_no_more() {
    let (server, clock) = (Server::with(Answer::Hang), FakeClock::default());
    let source = source(&server, &clock);
    let start = Instant::now();

    let error = ask(&source).await.unwrap_err();

    assert!(error.is_timeout() && error.is_unavailable() && !error.is_refused(), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn during_the_back_off_the_last_error_is_there_at_once_and_says_when_to_come_back() {
    let (server, clock) = (Server::with(Answer::Down), FakeClock::default());
    let source = source(&server, &clock);

    let first = ask(&source).await.unwrap_err();
    let second = ready(&source).unwrap_err();

    assert_eq!(first.kind(), TokenErrorKind::Unavailable);
    assert_eq!(second.to_string(), first.to_string());
    let pause = first.retry_after().unwrap();
    assert!(pause >= Duration::from_millis(400) && pause <= Duration::from_millis(500), "{pause:?}");
    assert!(second.retry_after().unwrap() <= pause);
    assert_eq!(server.count(), 1);

    server.answer(Answer::Tokens(60));
    sleep(pause).await;

    assert_eq!(ask(&source).await.unwrap().secret(), "t2");
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_requests_are_rare_however_many_calls_there_are() {
    let (server, clock) = (Server::with(Answer::Down), FakeClock::default());
    let source = source(&server, &clock);

    for _ in 0..60_000 {
        let _ = source.token(&CALL);
        sleep(Duration::from_millis(1)).await;
    }

    // 0.5, 1, 2, 4, 8, 10, 10, … seconds, a fifth less at most
    assert!((8..=13).contains(&server.count()), "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_asks_more_rarely_still() {
    let (server, clock) = (Server::default(), FakeClock::default());
    server.answer(Answer::Respond(FetchResponse::new(401, r#"{"error":"invalid_client"}"#)));
    let source = source(&server, &clock);

    let error = ask(&source).await.unwrap_err();
    assert!(error.is_refused() && !error.is_unavailable());
    assert_eq!(error.error_code(), Some("invalid_client"));
    for _ in 0..600 {
        let _ = source.token(&CALL);
        sleep(Duration::from_secs(1)).await;
    }

    assert!((10..=20).contains(&server.count()), "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_up_to_a_minute() {
    for (value, pause) in [("7", 7), ("3600", 60), ("Thu, 01 Jan 2026 00:00:30 GMT", 30)] {
        for status in [429, 503] {
            let (server, clock) = (Server::default(), FakeClock::default());
            server.answer(Answer::Respond(FetchResponse::new(status, "").retry_after(value)));
            let source = source(&server, &clock);

            let error = ask(&source).await.unwrap_err();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(pause)), "{value}");
            server.answer(Answer::Tokens(60));
            sleep(Duration::from_secs(pause) - Duration::from_millis(5)).await;
            assert!(ready(&source).is_err(), "{value}");
            sleep(Duration::from_millis(10)).await;

            assert!(ask(&source).await.is_ok(), "{value}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_fetching_is_a_failed_fetch() {
    let (server, clock) = (Server::with(Answer::Panic), FakeClock::default());
    let source = source(&server, &clock);

    let error = ask(&source).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    server.answer(Answer::Tokens(60));
    pass(&clock, 1).await;

    assert!(ask(&source).await.is_ok());
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[test]
fn a_runtime_that_has_ended_is_an_error_and_no_hang() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let first = runtime();
    let source = first.block_on(async { source(&server, &clock) });
    drop(first);

    let error = runtime().block_on(ask(&source)).unwrap_err();

    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert_eq!(server.count(), 0);
}

#[test]
fn a_runtime_that_is_stuck_costs_a_call_a_second_more_than_the_deadline() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let stuck = runtime();
    let source = stuck.block_on(async { source(&server, &clock) });

    let (error, waited) = runtime().block_on(async {
        let start = Instant::now();
        (ask(&source).await.unwrap_err(), start.elapsed())
    });

    assert!(error.is_timeout());
    assert_eq!(waited, Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_on_once_the_source_is_dropped() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    ready(&source).unwrap();

    drop(source);
    pass(&clock, 600).await;

    assert_eq!(server.count(), 1);
    assert_eq!(server.owners(), 1);
}
