//! Every request has an id, a context and one line, however it ends.

use std::{
    convert::Infallible,
    future::pending,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use linchpin_tower::{ObserveLayer, VerifyLayer, observe::ObservedBody};
use linchpin_trace::{Observer, RequestContext};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Body, Fake, Log, bearer, poll_once, who};

fn layer() -> ObserveLayer {
    Log::take();
    ObserveLayer::new(Observer::new("grades"))
}

/// What the access lines since the last call say, without their time.
fn access_lines() -> Vec<String> {
    let log = Log::take();
    log.lines().filter(|line| line.contains("linchpin::access")).map(str::to_owned).collect()
}

fn only_line() -> String {
    let mut lines = access_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

async fn text<B: http_body::Body<Data = Bytes>>(body: B) -> String
where
    B::Error: std::fmt::Debug,
{
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Gives what it was made of, frame by frame, and does not know how long it is.
struct Frames(Vec<Result<Bytes, &'static str>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        tracing::info!(request_id = ?linchpin_core::RequestId::current(), "a frame");
        let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
        Poll::Ready(next.map(|frame| frame.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

async fn streamed(frames: Vec<Result<Bytes, &'static str>>) -> Response<ObservedBody<Frames>> {
    let mut frames = Some(frames);
    let handler = service_fn(move |_: Request<()>| {
        let body = Frames(frames.take().unwrap());
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    layer().layer(handler).oneshot(Request::new(())).await.unwrap()
}

#[tokio::test]
async fn the_handler_and_the_response_have_the_id() {
    let handler = service_fn(|request: Request<()>| async move {
        let in_extensions = request.extensions().get::<RequestContext>().unwrap().request_id().clone();
        tokio::task::yield_now().await;
        let current = RequestContext::current().unwrap().request_id().clone();
        assert_eq!(in_extensions, current);
        let forged = Response::builder().header("x-request-id", "forged");
        Ok::<_, Infallible>(forged.body(Body::from(current.to_string())).unwrap())
    });
    let request = Request::builder().header("X-Request-Id", "abc").body(()).unwrap();

    let response = layer().layer(handler).oneshot(request).await.unwrap();

    assert_eq!(response.headers().get_all("x-request-id").iter().collect::<Vec<_>>(), ["abc"]);
    assert!(access_lines().is_empty(), "the body has not ended yet");
    assert_eq!(text(response.into_body()).await, "abc");
    let line = only_line();
    for part in ["status=200", "bytes=3", "auth=\"not_asked\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("error="), "{line}");
}

#[tokio::test]
async fn a_refusal_is_observed_like_any_answer() {
    let service = layer().layer(VerifyLayer::new(Arc::new(Fake::default())).layer(who()));
    Log::take();

    let refused = service.clone().oneshot(bearer("old")).await.unwrap();
    let id = refused.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = text(refused.into_body()).await;
    let refusal = only_line();
    let admitted = service.oneshot(bearer("good")).await.unwrap();
    assert_eq!(text(admitted.into_body()).await, "ann");
    let admission = only_line();

    assert!(body.ends_with(&format!(r#""reason":"expired","request_id":"{id}"}}"#)), "{body}");
    assert!(
        refusal.contains(r#"status=401"#) && refusal.contains(r#"auth="refused" reason="expired""#),
        "{refusal}"
    );
    assert!(admission.contains(r#"auth="authenticated" issuer="https://id.example""#), "{admission}");
}

#[tokio::test]
async fn a_refusal_after_a_wait_is_noted_too() {
    let (fake, decide) = Fake::with_slow();
    let service = layer().layer(VerifyLayer::new(fake).layer(who()));
    Log::take();

    let mut slow = Box::pin(service.oneshot(bearer("slow")));
    assert!(poll_once(slow.as_mut()).is_pending());
    decide.send(Ok(crate::support::ann())).unwrap();
    text(slow.await.unwrap().into_body()).await;

    assert!(only_line().contains(r#"auth="authenticated""#));
}

#[tokio::test]
async fn an_error_of_the_service_is_told_without_its_text() {
    let broken = service_fn(|_: Request<()>| async { Err::<Response<Body>, _>("secret detail") });

    let error = layer().layer(broken).oneshot(Request::new(())).await.unwrap_err();

    assert_eq!(error, "secret detail");
    let line = only_line();
    assert!(line.contains(r#"error="service_error""#) && !line.contains("secret detail"), "{line}");
}

#[tokio::test]
async fn a_request_that_is_dropped_was_cancelled() {
    let service = layer().layer(service_fn(|_: Request<()>| pending::<Result<Response<Body>, Infallible>>()));

    for _ in 0..1000 {
        let mut future = Box::pin(service.clone().oneshot(Request::new(())));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
    }

    let lines = access_lines();
    assert_eq!(lines.len(), 1000);
    assert!(lines.iter().all(|line| line.contains(r#"error="cancelled""#)));
    assert!(RequestContext::current().is_none());
}

#[tokio::test]
async fn a_handler_that_panics_is_told_from_one_that_was_cancelled() {
    let handler = service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        if true { panic!("on purpose") } else { Ok::<_, Infallible>(Response::new(Body::default())) }
    });
    let mut future = Box::pin(layer().layer(handler).oneshot(Request::new(())));
    assert!(poll_once(future.as_mut()).is_pending());

    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
    assert!(caught.is_err());
    drop(future);

    assert!(only_line().contains(r#"error="panic""#));
    assert!(RequestContext::current().is_none());
}

#[tokio::test]
async fn a_stream_is_observed_to_its_end_and_belongs_to_the_request() {
    let response = streamed(vec![Ok("ab".into()), Ok("cde".into())]).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();

    assert_eq!(text(response.into_body()).await, "abcde");

    let log = Log::take();
    assert!(log.contains("bytes=5") && !log.contains("error="), "{log}");
    assert_eq!(log.matches(&format!("request_id=Some(RequestId({id}))")).count(), 3, "{log}");
}

#[tokio::test]
async fn a_stream_that_breaks_or_is_left_says_so() {
    let broken = streamed(vec![Ok("ab".into()), Err("broken")]).await;
    broken.into_body().collect().await.unwrap_err();
    assert!(only_line().contains(r#"bytes=2 auth="not_asked" error="body_error""#));

    let mut left = streamed(vec![Ok("ab".into()), Ok("cde".into())]).await;
    left.body_mut().frame().await.unwrap().unwrap();
    drop(left);
    assert!(only_line().contains(r#"bytes=2 auth="not_asked" error="cancelled""#));
}

#[tokio::test]
async fn what_a_server_need_not_read_is_complete() {
    let service = layer().layer(service_fn(|request: Request<()>| async move {
        let response = Response::builder().status(if request.uri().path() == "/none" { 204 } else { 200 });
        Ok::<_, Infallible>(
            response.body(Body::from(request.uri().path().trim_matches('/').to_owned())).unwrap(),
        )
    }));
    let request = |method: &str, path: &str| Request::builder().method(method).uri(path).body(()).unwrap();

    for (method, path) in [("HEAD", "/text"), ("GET", "/none"), ("GET", "/")] {
        drop(service.clone().oneshot(request(method, path)).await.unwrap());
        let line = only_line();
        assert!(!line.contains("error="), "{method} {path}: {line}");
    }

    // One that reads the body of a HEAD all the same sends nothing of it.
    text(service.clone().oneshot(request("HEAD", "/text")).await.unwrap().into_body()).await;
    assert!(only_line().contains("bytes=0"));

    // A server that has sent as many bytes as were announced stops asking.
    let mut known = service.clone().oneshot(request("GET", "/text")).await.unwrap();
    known.body_mut().frame().await.unwrap().unwrap();
    drop(known);
    assert!(!only_line().contains("error="));

    drop(service.oneshot(request("GET", "/text")).await.unwrap());
    assert!(only_line().contains(r#"error="cancelled""#));
}

#[tokio::test]
async fn peers_and_routes_are_where_the_stack_keeps_them() {
    #[derive(Clone)]
    struct Peer(IpAddr);
    #[derive(Clone)]
    struct Route(&'static str);

    let observe = layer()
        .peer(|extensions| extensions.get::<Peer>().map(|peer| peer.0))
        .route(|extensions| extensions.get::<Route>().map(|route| route.0));
    let handler = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Body::default())) });
    let mut request = Request::builder().uri("/grades/7?token=s3cret").body(()).unwrap();
    request.extensions_mut().insert(Peer("192.0.2.7".parse().unwrap()));
    request.extensions_mut().insert(Route("/grades/{id}"));

    drop(observe.layer(handler).oneshot(request).await.unwrap());

    let log = Log::take();
    let line = log.lines().find(|line| line.contains("linchpin::access")).unwrap();
    assert!(line.contains(r#"route="/grades/{id}""#) && line.contains("client_address=192.0.2.7"), "{line}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn the_body_tells_what_the_inner_one_does() {
    let body = ObservedBody::<Body>::from("abc".to_owned());
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    assert_eq!(text(body).await, "abc");
    assert!(ObservedBody::<Body>::default().is_end_stream());
}

#[tokio::test]
async fn readiness_is_that_of_the_inner_service() {
    let mut service = layer().layer(tower::limit::ConcurrencyLimit::new(who(), 1));

    assert!(crate::support::is_ready(&mut service));
    let mut other = service.clone();
    assert!(!crate::support::is_ready(&mut other));
    drop(service.call(bearer("good")));
    assert!(crate::support::is_ready(&mut other));
}
