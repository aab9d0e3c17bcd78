//! A verifier by hand, requests, and a way to poll a future just once.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, Once},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use linchpin_core::{Caller, Identity, Outcome, Pending, Reason, Refusal, Timestamp, VerifyToken};
use tokio::sync::oneshot;
use tower::{Service, service_fn, util::BoxCloneService};

pub(crate) type Body = Full<Bytes>;
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
    Arc::new(Caller::builder("https://id.example").subject("ann").build())
}

pub(crate) fn bearer(token: &str) -> Request<()> {
    Request::builder().header("authorization", format!("Bearer {token}")).body(()).unwrap()
}

/// Answers with the subject of the caller, `-` for the anonymous, and panics where no layer stood.
pub(crate) fn who() -> BoxCloneService<Request<()>, Response<Body>, Infallible> {
    BoxCloneService::new(service_fn(|request: Request<()>| async move {
        let identity = request.extensions().get::<Identity>().expect("the layer leaves an identity");
        let subject = identity.caller().map_or("-", |caller| caller.subject().unwrap_or_default());
        Ok(Response::new(Body::from(subject.to_owned())))
    }))
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn is_ready<S: Service<R>, R>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    use http_body_util::BodyExt;

    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
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
