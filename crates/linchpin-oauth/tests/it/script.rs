//! A provider in memory that answers as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_oauth::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse};

pub(crate) const METADATA: &str = "https://id.example/realms/school/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "https://id.example/realms/school/keys";

#[derive(Clone, Default)]
pub(crate) struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    fetched: Vec<String>,
    last_etag: Option<String>,
}

#[derive(Clone)]
enum Answer {
    Respond(FetchResponse),
    Hang,
    Panic,
}

impl Script {
    /// A provider that is down.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn answer(&self, url: &str, answer: impl Into<FetchResponseOrBody>) {
        self.set(url, Some(Answer::Respond(answer.into().0)));
    }

    pub(crate) fn fail(&self, url: &str) {
        self.set(url, None);
    }

    pub(crate) fn hang(&self, url: &str) {
        self.set(url, Some(Answer::Hang));
    }

    pub(crate) fn panic(&self, url: &str) {
        self.set(url, Some(Answer::Panic));
    }

    pub(crate) fn fetched(&self) -> Vec<String> {
        self.state.lock().unwrap().fetched.clone()
    }

    pub(crate) fn last_etag(&self) -> Option<String> {
        self.state.lock().unwrap().last_etag.clone()
    }

    pub(crate) fn owners(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    fn set(&self, url: &str, answer: Option<Answer>) {
        let mut state = self.state.lock().unwrap();
        match answer {
            Some(answer) => state.answers.insert(url.to_owned(), answer),
            None => state.answers.remove(url),
        };
    }
}

impl Fetch for Script {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let answer = {
                let mut state = self.state.lock().unwrap();
                state.fetched.push(request.url.to_owned());
                state.last_etag = request.if_none_match.map(str::to_owned);
                state.answers.get(request.url).cloned()
            };
            // Nobody answers at once, so that several can wait for the same answer.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            match answer {
                Some(Answer::Respond(response)) => Ok(response),
                Some(Answer::Panic) => panic!("a bug in the fetcher"),
                Some(Answer::Hang) => std::future::pending().await,
                None => Err(FetchError::new("connection refused")),
            }
        })
    }
}

/// What can be answered: a whole response, or the body of a good one.
pub(crate) struct FetchResponseOrBody(FetchResponse);

impl From<FetchResponse> for FetchResponseOrBody {
    fn from(response: FetchResponse) -> Self {
        Self(response)
    }
}

impl From<String> for FetchResponseOrBody {
    fn from(body: String) -> Self {
        Self(FetchResponse::new(200, body))
    }
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

pub(crate) fn jwk_set<const N: usize>(keys: [&SigningKey; N]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk()).collect();
    serde_json::json!({ "keys": keys }).to_string()
}
