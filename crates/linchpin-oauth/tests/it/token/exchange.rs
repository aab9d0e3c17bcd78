//! Tokens on behalf of callers.

use linchpin_core::{FakeClock, SubjectToken};
use linchpin_oauth::{
    AccessToken, FetchResponse, TokenError, TokenErrorKind, TokenExchange, TokenOutcome, TokenSource,
};
use tokio::task::JoinSet;

use super::{
    CALL, endpoint, pass,
    server::{Answer, Server},
};

fn exchange(server: &Server, clock: &FakeClock, max_callers: usize) -> TokenExchange {
    let builder = TokenExchange::builder(&endpoint(server, clock)).audience("billing").scope("invoices:read");
    builder.max_callers(max_callers).build().unwrap()
}

fn subject(text: &str) -> SubjectToken {
    SubjectToken::new(text).unwrap()
}

async fn ask(source: &TokenExchange, text: &str) -> Result<AccessToken, TokenError> {
    match source.token(&CALL.subject(Some(&subject(text)))) {
        TokenOutcome::Ready(result) => result,
        TokenOutcome::Pending(pending) => pending.await,
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_token_is_exchanged_as_the_rfc_asks() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());

    let token = ask(&exchange(&server, &clock, 10), "ann.ann").await.unwrap();

    assert_eq!(token.secret(), "t1");
    let asked = &server.asked()[0];
    let access_token = Some("urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(asked.parameter("grant_type"), Some("urn:ietf:params:oauth:grant-type:token-exchange"));
    assert_eq!(asked.parameter("subject_token"), Some("ann.ann"));
    assert_eq!(asked.parameter("subject_token_type"), access_token);
    assert_eq!(asked.parameter("requested_token_type"), access_token);
    assert_eq!(asked.parameter("audience"), Some("billing"));
    assert_eq!(asked.parameter("scope"), Some("invoices:read"));
    assert!(asked.authorization.is_some());
}

#[tokio::test(start_paused = true)]
async fn many_callers_have_so_many_fetches_at_once_and_no_more() {
    let (server, clock) = (Server::with(Answer::Hang), FakeClock::default());
    let source = std::sync::Arc::new(exchange(&server, &clock, 10));

    let mut callers = JoinSet::new();
    for i in 0..200 {
        let source = source.clone();
        callers.spawn(async move { ask(&source, &format!("caller.{i}")).await });
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(server.count(), 64);

    for answer in callers.join_all().await {
        assert!(answer.unwrap_err().is_timeout(), "nobody waits for longer than the deadline");
    }
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_a_token_of_their_own_however_alike_theirs_are() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = exchange(&server, &clock, 10);
    let texts = ["a.b.c", "a.b.d", "a.b", "A.b.c", "a.b.c="];

    let mut first = Vec::new();
    for text in texts {
        first.push(ask(&source, text).await.unwrap());
    }
    let mut again = Vec::new();
    for text in texts {
        again.push(ask(&source, text).await.unwrap());
    }

    assert_eq!(first, again);
    let mut secrets: Vec<_> = first.iter().map(AccessToken::secret).collect();
    secrets.dedup();
    assert_eq!(secrets, ["t1", "t2", "t3", "t4", "t5"]);
    assert_eq!(server.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn many_calls_for_one_caller_cause_one_exchange() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = exchange(&server, &clock, 10);

    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let source = source.clone();
        calls.spawn(async move { ask(&source, "ann").await.unwrap().secret().to_owned() });
    }

    assert_eq!(calls.join_all().await, vec!["t1"; 64]);
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_not_exchanged() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());

    let outcome = exchange(&server, &clock, 10).token(&CALL);

    assert!(matches!(outcome, TokenOutcome::Ready(Err(error)) if error.kind() == TokenErrorKind::NoSubject));
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_more_callers_than_are_kept_the_one_who_was_away_longest_goes() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = exchange(&server, &clock, 2);
    ask(&source, "ann").await.unwrap();
    ask(&source, "bob").await.unwrap();
    ask(&source, "ann").await.unwrap();

    ask(&source, "cleo").await.unwrap();

    assert_eq!(ask(&source, "ann").await.unwrap().secret(), "t1", "used since bob was");
    assert_eq!(ask(&source, "bob").await.unwrap().secret(), "t4", "fetched anew");
    assert_eq!(ask(&source, "ann").await.unwrap().secret(), "t1");
    assert_eq!(ask(&source, "cleo").await.unwrap().secret(), "t5");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_refused_does_not_stand_in_the_way_of_others() {
    let (server, clock) = (Server::default(), FakeClock::default());
    let source = exchange(&server, &clock, 10);
    server.answer(Answer::Respond(FetchResponse::new(
        400,
        r#"{"error":"invalid_grant","error_description":"the token ann.of.the.long.name is not active"}"#,
    )));
    let refused = ask(&source, "ann.of.the.long.name").await.unwrap_err();
    server.answer(Answer::Tokens(60));

    assert_eq!(refused.error_code(), Some("invalid_grant"));
    assert!(!format!("{refused} {refused:?}").contains("ann."), "{refused:?}");
    assert!(ask(&source, "bob").await.is_ok());
    assert!(ask(&source, "ann.of.the.long.name").await.is_err(), "it is too early");
    pass(&clock, 3).await;
    assert!(ask(&source, "ann.of.the.long.name").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_callers_token_is_replaced_when_it_is_used_and_not_by_itself() {
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = exchange(&server, &clock, 10);
    ask(&source, "ann").await.unwrap();
    ask(&source, "ann").await.unwrap();

    pass(&clock, 70).await;
    assert_eq!(server.count(), 1);
    for _ in 0..10 {
        assert_eq!(ask(&source, "ann").await.unwrap().secret(), "t1", "it is still good");
    }
    pass(&clock, 1).await;

    assert_eq!(ask(&source, "ann").await.unwrap().secret(), "t2");
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_for_its_caller_alone() {
    let (server, clock) = (Server::with(Answer::Tokens(3600)), FakeClock::default());
    let source = exchange(&server, &clock, 10);
    let ann = ask(&source, "ann").await.unwrap();
    ask(&source, "bob").await.unwrap();

    source.rejected(&ann);

    assert_eq!(ask(&source, "bob").await.unwrap().secret(), "t2");
    assert_eq!(ask(&source, "ann").await.unwrap().secret(), "t3");
}

#[tokio::test(start_paused = true)]
async fn what_is_issued_has_to_be_an_access_token() {
    let (server, clock) = (Server::default(), FakeClock::default());
    let source = exchange(&server, &clock, 10);
    server.json(
        r#"{"access_token":"a","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:saml2"}"#,
    );

    assert_eq!(ask(&source, "ann").await.unwrap_err().kind(), TokenErrorKind::BadAnswer);
}
