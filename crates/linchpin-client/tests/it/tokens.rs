//! Which token is sent, and where to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use linchpin_client::{Client, ErrorKind, Retries};
use linchpin_core::{Problem, SubjectToken};
use linchpin_oauth::{
    AccessToken, ClientAuth, ClientCredentials, ForwardCaller, PendingToken, StaticToken, TokenEndpoint,
    TokenOutcome, TokenRequest, TokenSource,
};
use linchpin_test::{Reply, ScriptedTokenEndpoint as Issuing};
use tokio::time::Instant;

use crate::support::{SECOND, builder, get, upstream};

/// A source that gives `first`, and `second` once that was rejected.
#[derive(Debug, Default)]
struct Renewed {
    rejections: AtomicUsize,
}

impl TokenSource for Renewed {
    fn token(&self, call: &TokenRequest<'_>) -> TokenOutcome {
        assert!(call.origin().starts_with("http://127.0.0.1:"), "{}", call.origin());
        let text = if self.rejections.load(Ordering::Relaxed) == 0 { "first" } else { "second" };
        TokenOutcome::Ready(AccessToken::new(text))
    }

    fn rejected(&self, token: &AccessToken) {
        assert!(["first", "second"].contains(&token.secret()));
        self.rejections.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source that never has one.
#[derive(Debug)]
struct Slow;

impl TokenSource for Slow {
    fn token(&self, _: &TokenRequest<'_>) -> TokenOutcome {
        TokenOutcome::Pending(PendingToken::new(std::future::pending()))
    }
}

fn bearers(requests: Vec<linchpin_test::SentRequest>) -> Vec<Option<String>> {
    requests.iter().map(|request| request.bearer().map(str::to_owned)).collect()
}

async fn credentials(issuing: &Issuing) -> ClientCredentials {
    let endpoint = TokenEndpoint::url(issuing.token_url(), ClientAuth::secret_basic("grades", "s3cret"))
        .build()
        .unwrap();
    ClientCredentials::builder(&endpoint).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn many_calls_on_a_cold_token_cause_one_request_for_it() {
    let (upstream, issuing) = (upstream().await, Issuing::start().await.unwrap());
    let client = builder(&upstream).token_source(credentials(&issuing).await).build().unwrap();

    let calls: Vec<_> = (0..64).map(|_| tokio::spawn(client.get("/").send())).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }

    assert_eq!(issuing.token_requests().len(), 1);
    assert_eq!(bearers(upstream.requests()), vec![Some("token-1".to_owned()); 64]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_once() {
    let (upstream, issuing) = (upstream().await, Issuing::start().await.unwrap());
    upstream.script([Reply::status(401)]);
    let client = builder(&upstream).token_source(credentials(&issuing).await).build().unwrap();

    let answer = client.post("/").body("{}").send().await.unwrap();

    assert_eq!(answer.status(), 200, "nothing was done at the first attempt, so a POST may be made again");
    assert_eq!(bearers(upstream.take_requests()), [Some("token-1".to_owned()), Some("token-2".to_owned())]);

    upstream.always(Reply::status(401));
    let answer = client.get("/").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(upstream.requests().len() <= 2, "once, and no more");
}

#[tokio::test(start_paused = true)]
async fn a_401_is_handed_back_where_there_is_no_other_token_or_no_other_body() {
    let upstream = upstream().await;
    upstream.always(Reply::status(401));
    let with = |retries: Retries| {
        builder(&upstream).retries(retries).token_source(Renewed::default()).build().unwrap()
    };

    let fixed = builder(&upstream).token_source(StaticToken::new("abc").unwrap()).build().unwrap();
    assert_eq!(fixed.get("/").send().await.unwrap().status(), 401);
    assert_eq!(bearers(upstream.take_requests()), [Some("abc".to_owned())], "the same token again is no use");

    let body = http_body_util::Full::new(bytes::Bytes::from_static(b"once"));
    assert_eq!(with(Retries::default()).put("/").stream(body).send().await.unwrap().status(), 401);
    assert_eq!(upstream.take_requests().len(), 1);

    assert_eq!(with(Retries::none()).get("/").send().await.unwrap().status(), 401);
    assert_eq!(with(Retries::default().budget(0.0, 0)).get("/").send().await.unwrap().status(), 401);
    assert_eq!(upstream.take_requests().len(), 2, "neither has a retry to give");

    assert_eq!(with(Retries::default()).get("/").send().await.unwrap().status(), 401);
    assert_eq!(bearers(upstream.take_requests()), [Some("first".to_owned()), Some("second".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_told_even_if_the_call_cannot_be_made_again() {
    let upstream = upstream().await;
    upstream.always(Reply::status(401));
    let source = Arc::new(Renewed::default());
    let client = builder(&upstream).retries(Retries::none()).token_source(source.clone()).build().unwrap();

    client.get("/").send().await.unwrap();

    assert_eq!(source.rejections.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_is_sent() {
    let (upstream, issuing) = (upstream().await, Issuing::start().await.unwrap());
    issuing.always(Reply::token_error(401, "invalid_client"));
    let client = builder(&upstream).token_source(credentials(&issuing).await).build().unwrap();

    let error = get(&client).await.unwrap_err();

    assert!(error.is_token() && !error.is_timeout(), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"));
    let answer = Problem::from(error).into_answer();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().any(|(name, _)| name == "retry-after"));
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_token_is_part_of_the_calls_time() {
    let upstream = upstream().await;
    let client = builder(&upstream).total_timeout(3 * SECOND).token_source(Slow).build().unwrap();
    let began = Instant::now();

    let error = get(&client).await.unwrap_err();

    assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::Timeout, 3));
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn the_callers_token_goes_to_named_hosts_and_for_callers_only() {
    let upstream = upstream().await;
    let client = |source| builder(&upstream).token_source(source).build().unwrap();
    let ann = SubjectToken::new("ann-token").unwrap();

    let named = client(ForwardCaller::to([upstream.url()]).unwrap());
    named.get("/").on_behalf_of(&ann).send().await.unwrap();
    named.get("/").on_behalf_of(&SubjectToken::new("ben-token").unwrap()).send().await.unwrap();
    let nobody = named.get("/").send().await.unwrap_err();
    let other = client(ForwardCaller::to(["https://other.internal"]).unwrap());
    let refused = other.get("/").on_behalf_of(&ann).send().await.unwrap_err();

    assert_eq!(bearers(upstream.requests()), [Some("ann-token".to_owned()), Some("ben-token".to_owned())]);
    assert!(nobody.is_token() && refused.is_token());
    assert_eq!(Problem::from(refused).status(), 500, "that is a mistake in our code");
}

#[tokio::test(start_paused = true)]
async fn an_authorization_header_of_the_request_counts_instead() {
    let upstream = upstream().await;
    let client = builder(&upstream).token_source(Slow).build().unwrap();

    client.get("/").header("authorization", "Basic YTpi").send().await.unwrap();

    upstream.only_request().assert_header("authorization", "Basic YTpi");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_shown_nowhere() {
    let upstream = upstream().await;
    let client: Client =
        builder(&upstream).token_source(StaticToken::new("s3cret").unwrap()).build().unwrap();
    let request = client.get("/").on_behalf_of(&SubjectToken::new("s3cret").unwrap());

    let shown = format!("{client:?} {request:?} {:?} {:?}", client.service(), builder(&upstream));
    let answer = request.send().await.unwrap();

    assert!(!format!("{shown} {answer:?}").contains("s3cret"));
}
