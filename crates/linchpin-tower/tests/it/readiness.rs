//! Whoever waits or is refused stands in nobody's way.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use linchpin_tower::VerifyLayer;
use tower::{Layer, Service, ServiceExt, buffer::Buffer, limit::ConcurrencyLimit};

use crate::support::{Body, Fake, ann, bearer, is_ready, poll_once, text, who};

#[tokio::test]
async fn a_request_that_waits_holds_no_place_under_a_limit() {
    let (fake, decide) = Fake::with_slow();
    let mut first = VerifyLayer::new(fake).layer(ConcurrencyLimit::new(who(), 1));
    let mut other = first.clone();

    let mut slow = Box::pin(first.ready().await.unwrap().call(bearer("slow")));
    assert!(poll_once(slow.as_mut()).is_pending());
    assert!(is_ready(&mut other));

    let quick = other.call(bearer("good"));
    decide.send(Ok(ann())).unwrap();
    // Admitted by now, it waits for the one place, which the other has.
    assert!(poll_once(slow.as_mut()).is_pending());

    assert_eq!(text(quick.await.unwrap()).await, "ann");
    assert_eq!(text(slow.await.unwrap()).await, "ann");
    assert!(is_ready(&mut other));
}

#[tokio::test]
async fn a_service_that_refused_holds_no_place_under_a_limit() {
    let mut first = VerifyLayer::new(Arc::new(Fake::default())).layer(ConcurrencyLimit::new(who(), 1));
    let mut other = first.clone();

    let response = first.ready().await.unwrap().call(bearer("old")).await.unwrap();

    assert_eq!(response.status(), 401);
    assert!(is_ready(&mut other));
    drop(first);
}

#[tokio::test]
async fn a_refusal_that_nobody_polls_holds_no_place_under_a_limit() {
    let mut first = VerifyLayer::new(Arc::new(Fake::default())).layer(ConcurrencyLimit::new(who(), 1));
    let mut other = first.clone();

    let refusal = first.ready().await.unwrap().call(bearer("old"));

    assert!(is_ready(&mut other));
    drop(refusal);
}

#[tokio::test]
async fn a_buffer_is_asked_again_after_the_wait() {
    let (fake, decide) = Fake::with_slow();
    let mut service = VerifyLayer::new(fake).layer(Buffer::new(who(), 1));

    let mut slow = Box::pin(service.ready().await.unwrap().call(bearer("slow")));
    assert!(poll_once(slow.as_mut()).is_pending());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(bearer("old")).await.unwrap();
        assert_eq!(response.status(), 401);
        let response = service.ready().await.unwrap().call(bearer("good")).await.unwrap();
        assert_eq!(text(response).await, "ann");
    }

    decide.send(Ok(ann())).unwrap();
    assert_eq!(text(slow.await.unwrap()).await, "ann");
}

#[tokio::test]
async fn dropping_a_request_that_waits_frees_everything() {
    let (fake, mut decide) = Fake::with_slow();
    let body = Arc::new(());
    let inner = Arc::new(());
    let held = inner.clone();
    let handler = move |_: Request<Arc<()>>| {
        let _ = &held;
        ready(Ok::<_, Infallible>(Response::new(Body::default())))
    };
    let mut service = VerifyLayer::new(fake).layer(tower::service_fn(handler));

    let mut slow = Box::pin(service.ready().await.unwrap().call(bearer("slow").map(|()| body.clone())));
    assert!(poll_once(slow.as_mut()).is_pending());
    assert_eq!((Arc::strong_count(&body), Arc::strong_count(&inner)), (2, 3));
    drop(slow);

    assert_eq!((Arc::strong_count(&body), Arc::strong_count(&inner)), (1, 2));
    assert!(decide.is_closed(), "the verification under way is dropped as well");
    decide.closed().await;
}

#[tokio::test]
async fn a_service_that_fails_after_the_wait_fails_the_request() {
    #[derive(Clone)]
    struct Broken;

    impl Service<Request<()>> for Broken {
        type Response = Response<Body>;
        type Error = &'static str;
        type Future = Ready<Result<Response<Body>, &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("broken"))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            panic!("called without being ready")
        }
    }

    let (fake, decide) = Fake::with_slow();
    let mut service = VerifyLayer::new(fake).layer(Broken);

    // Whether the service was ready before is not asked here: it counts only after the wait.
    let slow = service.call(bearer("slow"));
    decide.send(Ok(ann())).unwrap();

    assert_eq!(slow.await.unwrap_err(), "broken");
}
