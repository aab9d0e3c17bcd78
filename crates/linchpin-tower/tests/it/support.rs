//! A verifier by hand, requests, and a way to poll a future just once.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
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

/// Accepts `good`, waits with `slow` until told what to decide, and refuses the rest as expired.
#[derive(Default)]
pub(crate) struct Fake {
    slow: Mutex<Option<oneshot::Receiver<Decision>>>,
}

impl Fake {
    /// The verifier, and the handle that decides about the one `slow` token.
    pub(crate) fn with_slow() -> (Arc<Self>, oneshot::Sender<Decision>) {
        let (decide, slow) = oneshot::channel();
        (Arc::new(Self { slow: Mutex::new(Some(slow)) }), decide)
    }
}

impl VerifyToken for Fake {
    fn verify(&self, token: &str, _now: Timestamp) -> Outcome {
        match token {
            "good" => Outcome::Ready(Ok(ann())),
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
