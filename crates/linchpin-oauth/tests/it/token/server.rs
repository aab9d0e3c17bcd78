//! A token endpoint in memory that answers as it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use linchpin_oauth::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse, FormRequest, PostForm};

#[derive(Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answer: Answer,
    metadata: Option<String>,
    asked: Vec<Asked>,
    fetched: Vec<String>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) url: String,
    pub(crate) authorization: Option<String>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) at: tokio::time::Instant,
}

#[derive(Clone, Default)]
pub(crate) enum Answer {
    /// `t1`, `t2`, …, each for so many seconds.
    Tokens(u64),
    Respond(FetchResponse),
    Hang,
    Panic,
    #[default]
    Down,
}

impl Asked {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.form.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }
}

impl Server {
    pub(crate) fn with(answer: Answer) -> Self {
        let server = Self::default();
        server.answer(answer);
        server
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    pub(crate) fn json(&self, body: &str) {
        self.answer(Answer::Respond(FetchResponse::new(200, body)));
    }

    pub(crate) fn metadata(&self, json: impl Into<String>) {
        self.state.lock().unwrap().metadata = Some(json.into());
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    pub(crate) fn fetched(&self) -> Vec<String> {
        self.state.lock().unwrap().fetched.clone()
    }

    /// How many hold it: it is one of them.
    pub(crate) fn owners(&self) -> usize {
        Arc::strong_count(&self.state)
    }
}

impl Fetch for Server {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            state.fetched.push(request.url.to_owned());
            match &state.metadata {
                Some(json) => Ok(FetchResponse::new(200, json.clone())),
                None => Ok(FetchResponse::new(404, "")),
            }
        })
    }
}

impl PostForm for Server {
    fn post_form<'a>(&'a self, request: FormRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let (answer, number) = {
                let mut state = self.state.lock().unwrap();
                state.asked.push(Asked {
                    url: request.url.to_owned(),
                    authorization: request.authorization.map(str::to_owned),
                    form: form_urlencoded::parse(request.body.as_bytes()).into_owned().collect(),
                    at: tokio::time::Instant::now(),
                });
                (state.answer.clone(), state.asked.len())
            };
            // Nobody answers at once, so that several can wait for the same answer.
            tokio::time::sleep(Duration::from_millis(1)).await;
            match answer {
                Answer::Tokens(seconds) => {
                    let json = serde_json::json!({
                        "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": seconds,
                    });
                    Ok(FetchResponse::new(200, json.to_string()))
                }
                Answer::Respond(response) => Ok(response),
                Answer::Hang => std::future::pending().await,
                Answer::Panic => panic!("a bug in the client"),
                Answer::Down => Err(FetchError::new("connection refused")),
            }
        })
    }
}
