//! When a token is replaced, and until when it is used.

use std::time::Duration;

use linchpin_core::{Clock, FakeClock};
use linchpin_oauth::{ClientCredentials, TokenErrorKind, TokenSource};
use tokio::time::sleep;

use super::{
    CALL, ask, endpoint, pass, pending, ready,
    server::{Answer, Server},
    source,
};

#[tokio::test(start_paused = true)]
async fn a_token_in_use_is_replaced_in_the_background_before_it_expires() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();

    // The margin is a quarter; eight to nine tenths of the rest are 60 to 68 seconds.
    pass(&clock, 59).await;
    assert_eq!(ready(&source).unwrap(), "t1");
    assert_eq!(server.count(), 1);
    pass(&clock, 10).await;

    // Nobody has asked since.
    assert_eq!(server.count(), 2);
    assert_eq!(ready(&source).unwrap(), "t2");
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_now_and_then_never_waits() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();

    for _ in 0..100 {
        pass(&clock, 30).await;
        ready(&source).unwrap();
    }

    // Each is used for 60 to 68 seconds of the 3000.
    assert!((44..=51).contains(&server.count()), "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_token_nobody_uses_is_not_replaced() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();

    pass(&clock, 1000).await;
    assert_eq!(server.count(), 1);

    assert_eq!(pending(&source).await.unwrap().secret(), "t2");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_used_once_is_replaced_once() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    ready(&source).unwrap();

    pass(&clock, 1000).await;

    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_processes_do_not_replace_their_tokens_together() {
    let (server, clock) = (Server::with(Answer::Tokens(1000)), FakeClock::default());
    let sources: Vec<_> = (0..20).map(|_| source(&server, &clock)).collect();
    for source in &sources {
        ask(source).await.unwrap();
        ready(source).unwrap();
    }

    pass(&clock, 900).await;

    let asked = server.asked();
    assert_eq!(asked.len(), 40);
    let mut seconds: Vec<_> = asked[20..].iter().map(|later| (later.at - asked[0].at).as_secs()).collect();
    seconds.dedup();
    assert!(seconds.len() > 10, "{seconds:?}");
    assert!(seconds.iter().all(|seconds| (776..=874).contains(seconds)), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn the_valid_token_is_kept_while_the_server_is_down_and_not_longer() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    server.answer(Answer::Down);

    for second in 0..99 {
        assert_eq!(ask(&source).await.unwrap().secret(), "t1", "after {second}");
        pass(&clock, 1).await;
    }
    pass(&clock, 2).await;

    assert_eq!(ask(&source).await.unwrap_err().kind(), TokenErrorKind::Unavailable);
    // 0.5, 1, 2, 4, 8, 10, 10, … seconds in 40, a fifth less at most
    assert!(server.count() <= 13, "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_asked_in_the_background() {
    let (server, clock) = (Server::with(Answer::Tokens(1000)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    ready(&source).unwrap();
    server.answer(Answer::Down);
    pass(&clock, 900).await;

    server.answer(Answer::Tokens(1000));
    pass(&clock, 11).await;

    assert!(ready(&source).unwrap() != "t1", "nobody has asked for it");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_not_asked_for_long_if_nobody_calls() {
    let (server, clock) = (Server::with(Answer::Tokens(10_000)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    ready(&source).unwrap();
    server.answer(Answer::Down);

    pass(&clock, 9_990).await;
    let asked = server.count();
    assert!((20..=31).contains(&asked), "{asked}");

    ask(&source).await.unwrap();
    assert_eq!(server.count(), asked + 1, "a call has it asked again");
}

#[tokio::test(start_paused = true)]
async fn what_may_expire_on_the_way_is_not_given_out_as_fresh() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = ClientCredentials::builder(&endpoint(&server, &clock))
        .margin(Duration::from_secs(20))
        .build()
        .unwrap();
    ask(&source).await.unwrap();

    // Unused, it is not replaced by itself.
    pass(&clock, 81).await;

    assert_eq!(pending(&source).await.unwrap().secret(), "t2");
}

#[tokio::test(start_paused = true)]
async fn what_may_expire_on_the_way_is_better_than_nothing() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    server.answer(Answer::Down);
    pass(&clock, 90).await;

    assert_eq!(pending(&source).await.unwrap().secret(), "t1", "the fetch has failed");
    assert_eq!(ready(&source).unwrap(), "t1", "it is too early for another");
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_not() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    server.answer(Answer::Down);
    pass(&clock, 100).await;

    assert!(pending(&source).await.unwrap_err().is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_life_shorter_than_the_margin_does_not_cause_a_request_per_call() {
    let (server, clock) = (Server::with(Answer::Tokens(4)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();

    for _ in 0..200 {
        ask(&source).await.unwrap();
    }
    assert_eq!(server.count(), 1);
    for _ in 0..100 {
        pass(&clock, 1).await;
        ask(&source).await.unwrap();
    }

    assert!((25..=51).contains(&server.count()), "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_on_arrival_is_an_error_and_no_herd() {
    for expires_in in ["0", "-1", "0.5", "\"-3600\""] {
        let (server, clock) = (Server::default(), FakeClock::default());
        server.json(&format!(r#"{{"access_token":"a","token_type":"Bearer","expires_in":{expires_in}}}"#));
        let source = source(&server, &clock);

        for _ in 0..100 {
            assert_eq!(ask(&source).await.unwrap_err().kind(), TokenErrorKind::BadAnswer, "{expires_in}");
        }

        assert_eq!(server.count(), 1, "{expires_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_that_is_not_told_is_five_minutes_unless_set() {
    for (set, life) in [(None, 300), (Some(60), 60)] {
        let (server, clock) = (Server::default(), FakeClock::default());
        server.json(r#"{"access_token":"a","token_type":"Bearer"}"#);
        let mut builder = ClientCredentials::builder(&endpoint(&server, &clock));
        if let Some(seconds) = set {
            builder = builder.default_lifetime(Duration::from_secs(seconds));
        }
        let source = builder.build().unwrap();
        ask(&source).await.unwrap();
        server.answer(Answer::Down);

        pass(&clock, life - 1).await;
        assert!(ask(&source).await.is_ok());
        pass(&clock, 2).await;

        assert!(ask(&source).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_huge_life_ends_after_a_day() {
    let (server, clock) = (Server::with(Answer::Tokens(u64::MAX)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    server.answer(Answer::Down);
    let day = Duration::from_secs(24 * 60 * 60);

    clock.advance(day - Duration::from_secs(1));
    assert!(ask(&source).await.is_ok());
    clock.advance(Duration::from_secs(2));
    sleep(Duration::from_secs(11)).await;

    assert!(ask(&source).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_keep_an_expired_token_alive() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();
    server.answer(Answer::Down);
    clock.set(clock.now().saturating_sub(Duration::from_secs(24 * 60 * 60)));

    sleep(Duration::from_secs(99)).await;
    assert!(ask(&source).await.is_ok());
    sleep(Duration::from_secs(2)).await;

    assert!(ask(&source).await.is_err());
    assert!(matches!(source.token(&CALL), linchpin_oauth::TokenOutcome::Ready(Err(_))));
}
