//! What operators read: that tokens cannot be had, and that they can again, each once.

use linchpin_core::{FakeClock, SubjectToken};
use linchpin_oauth::{FetchResponse, TokenExchange, TokenOutcome, TokenSource};

use super::{
    CALL, ask, endpoint, pass,
    server::{Answer, Server},
    source,
};
use crate::log::Log;

#[tokio::test(start_paused = true)]
async fn an_outage_is_two_lines_however_long_it_lasts() {
    let (log, _guard) = Log::start();
    let (server, clock) = (Server::with(Answer::Tokens(100)), FakeClock::default());
    let source = source(&server, &clock);
    let run = async |seconds| {
        for _ in 0..seconds {
            let _ = ask(&source).await;
            pass(&clock, 1).await;
        }
        log.take()
    };

    let up = run(1000).await;
    let echo = r#"{"error":"invalid_client","error_description":"grades:s3cret\nis wrong"}"#;
    server.answer(Answer::Respond(FetchResponse::new(401, echo)));
    let down = run(1000).await;
    server.answer(Answer::Tokens(100));
    let up_again = run(1000).await;

    assert_eq!(up, Vec::<String>::new());
    assert_eq!(down.len(), 1, "{down:?}");
    for part in
        ["WARN", "https://id.example/token", "grades", "invalid_client", "the one that is there is used"]
    {
        assert!(down[0].contains(part), "{}", down[0]);
    }
    assert!(!down[0].contains("s3cret"), "{}", down[0]);
    assert_eq!(up_again.len(), 1, "{up_again:?}");
    assert!(up_again[0].contains("INFO") && up_again[0].contains("can be fetched again"), "{}", up_again[0]);
}

#[tokio::test(start_paused = true)]
async fn without_any_token_it_is_an_error() {
    let (log, _guard) = Log::start();
    let (server, clock) = (Server::with(Answer::Down), FakeClock::default());

    ask(&source(&server, &clock)).await.unwrap_err();

    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("connection refused"), "{}", lines[0]);
}

#[tokio::test(start_paused = true)]
async fn that_a_caller_is_refused_is_no_line_and_that_the_client_is_refused_is_one() {
    let (log, _guard) = Log::start();
    let (server, clock) = (Server::default(), FakeClock::default());
    let source = TokenExchange::builder(&endpoint(&server, &clock)).audience("billing").build().unwrap();
    let ask = async |subject: &str, code: &str| {
        server.answer(Answer::Respond(FetchResponse::new(400, format!(r#"{{"error":"{code}"}}"#))));
        let subject = SubjectToken::new(subject).unwrap();
        let TokenOutcome::Pending(pending) = source.token(&CALL.subject(Some(&subject))) else {
            panic!("cold")
        };
        pending.await.unwrap_err();
        log.take()
    };

    assert_eq!(ask("ann", "invalid_grant").await, Vec::<String>::new());
    assert_eq!(ask("bob", "invalid_request").await, Vec::<String>::new());
    let refused = ask("cleo", "invalid_client").await;
    assert!(refused.len() == 1 && refused[0].contains("invalid_client"), "{refused:?}");
    assert_eq!(ask("dora", "invalid_client").await, Vec::<String>::new(), "it has been told");
}
