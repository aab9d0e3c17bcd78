//! A verifier by hand, an application, and what is needed to look at answers and log lines.

use std::{
    cell::RefCell,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, Once},
    task::{Context, Poll, Waker},
};

use actix_http::Request;
use actix_web::{
    Error, HttpResponse,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::header,
    test::{self, TestRequest},
};
use linchpin_core::{Caller, Outcome, Pending, Reason, Refusal, Role, Timestamp, VerifyToken};
use tokio::sync::oneshot;

pub(crate) type Decision = Result<Arc<Caller>, Refusal>;

/// Accepts `good` and the restricted `app`, waits with `slow` until told what to decide, and refuses the rest as expired.
pub(crate) struct Fake {
    slow: Mutex<Option<oneshot::Receiver<Decision>>>,
}

impl Fake {
    /// The verifier, and the handle that decides about the one `slow` token.
    pub(crate) fn with_slow() -> (Arc<Self>, oneshot::Sender<Decision>) {
        let (decide, slow) = oneshot::channel();
        (Arc::new(Self::new(Some(slow))), decide)
    }

    fn new(slow: Option<oneshot::Receiver<Decision>>) -> Self {
        Log::install();
        Self { slow: Mutex::new(slow) }
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new(None)
    }
}

impl VerifyToken for Fake {
    fn verify(&self, token: &str, _now: Timestamp) -> Outcome {
        match token {
            "good" => Outcome::Ready(Ok(ann())),
            "app" => Outcome::Ready(Ok(app())),
            "slow" => {
                let slow = self.slow.lock().unwrap().take().expect("only one request is slow");
                Outcome::Pending(Pending::new(async {
                    slow.await.unwrap_or_else(|_| Err(Reason::KeysUnavailable.into()))
                }))
            }
            _ => Outcome::Ready(Err(Reason::Expired.into())),
        }
    }
}

/// A restricted application with the scope.
fn app() -> Arc<Caller> {
    let caller =
        Caller::builder("https://id.example").subject("ann").scopes(["grades:read".parse().unwrap()]);
    Arc::new(caller.restricted(true).build())
}

pub(crate) fn ann() -> Arc<Caller> {
    let caller = Caller::builder("https://id.example")
        .subject("ann")
        .scopes(["grades:read".parse().unwrap()])
        .roles([Role::new("staff")])
        .claims_json(r#"{"sub":"ann","tenant":"acme"}"#);
    Arc::new(caller.build())
}

/// A request for `path` with these `Authorization` headers.
pub(crate) fn get<const N: usize>(path: &str, authorization: [&[u8]; N]) -> Request {
    let request = authorization.into_iter().fold(TestRequest::with_uri(path), |request, value| {
        request.append_header((header::AUTHORIZATION, header::HeaderValue::from_bytes(value).unwrap()))
    });
    request.to_request()
}

pub(crate) async fn send<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: Request,
) -> Answered {
    Answered::new(test::call_service(app, request).await.into()).await
}

/// A response, in comparable parts.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) async fn new<B: MessageBody>(response: HttpResponse<B>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect();
        headers.sort();
        let status = response.status().as_u16();
        let Ok(body) = to_bytes(response.into_body()).await else { panic!("the body fails") };
        Self { status, headers, body: text(&body) }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The `reason` of the problem body; empty where there is none.
    pub(crate) fn reason(&self) -> &str {
        let after = self.body.split_once(r#""reason":""#).map_or("", |(_, rest)| rest);
        after.split('"').next().unwrap_or_default()
    }
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What this thread logs, at every level.
///
/// One subscriber serves the whole test binary, and every [`Fake`] installs it: tracing remembers whether anybody listens
/// to an event from its first use on, on whatever thread that is.
pub(crate) struct Log;

impl Log {
    pub(crate) fn install() {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(|| Log)
                .init();
        });
    }

    /// Takes what was logged since the last call.
    pub(crate) fn take() -> String {
        Self::install();
        String::from_utf8(LINES.take()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
