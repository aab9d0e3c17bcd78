//! What an upstream's 401 causes.

use std::time::Duration;

use linchpin_core::FakeClock;
use linchpin_oauth::{AccessToken, TokenSource};
use tokio::task::JoinSet;

use super::{
    ask, pass, pending, ready,
    server::{Answer, Server},
    source,
};

#[tokio::test(start_paused = true)]
async fn all_who_saw_the_same_token_rejected_share_one_fresh_one() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);
    let token = ask(&source).await.unwrap();

    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let (source, token) = (source.clone(), token.clone());
        calls.spawn(async move {
            source.rejected(&token);
            ask(&source).await.unwrap().secret().to_owned()
        });
    }
    let tokens = calls.join_all().await;
    // One of them was slow.
    source.rejected(&token);

    assert_eq!(tokens, vec!["t2"; 64]);
    assert_eq!(ready(&source).unwrap(), "t2");
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_not_given_out_even_if_there_is_no_other() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);
    let token = ask(&source).await.unwrap();
    server.answer(Answer::Down);

    source.rejected(&token);

    assert!(pending(&source).await.unwrap_err().is_unavailable());
    assert!(ready(&source).unwrap_err().is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_rejects_every_token_does_not_cause_a_request_per_call() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);

    for _ in 0..100 {
        for _ in 0..10 {
            let token = ask(&source).await.unwrap();
            source.rejected(&token);
        }
        pass(&clock, 1).await;
    }

    // One at first, two at once, and one per ten seconds.
    assert!((12..=14).contains(&server.count()), "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_token_of_somebody_else_is_nothing_to_the_source() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = source(&server, &clock);
    ask(&source).await.unwrap();

    source.rejected(&AccessToken::new("other").unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert_eq!(ready(&source).unwrap(), "t1");
    assert_eq!(server.count(), 1);
}
