//! Every request has an id, a context and one line, however it ends.

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_http::Request;
use actix_web::{
    App, Error, HttpMessage, HttpRequest, HttpResponse,
    body::{BodySize, MessageBody, to_bytes},
    dev::{Service, ServiceRequest, ServiceResponse},
    error::{ErrorImATeapot, ErrorInternalServerError},
    http::Method,
    middleware::{NormalizePath, from_fn},
    test::{self, TestRequest},
    web,
};
use linchpin_actix::{
    ClientAddress, Problem, RequestContext, RequestId, VerifyMiddleware, observe,
    routes::{Routes, authenticated, get, public},
};
use linchpin_core::{Gate, Reason};
use linchpin_trace::{Observer, ProxyTrust};

use crate::support::{Answered, Fake, Log, get as request, poll_once};

/// What the access lines since the last call say.
fn access_lines() -> Vec<String> {
    let log = Log::take();
    log.lines().filter(|line| line.contains("linchpin::access")).map(str::to_owned).collect()
}

fn only_line() -> String {
    let mut lines = access_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// Sends a request, and returns the answer and the one access line about it.
async fn observed<B: MessageBody + 'static>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: Request,
) -> (Answered, String) {
    Log::take();
    // As the server does it: an error becomes a response only here.
    let response = match app.call(request).await {
        Ok(response) => HttpResponse::from(response).map_into_boxed_body(),
        Err(error) => error.error_response(),
    };
    (Answered::new(response).await, only_line())
}

fn gate() -> Gate {
    Gate::new(Arc::new(Fake::default()))
}

fn routes() -> Routes {
    let grades = Routes::new().route("/{id}", get(authenticated(), async || "a grade"));
    Routes::new().route("/open", get(public(), async || "open")).nest("/grades", grades).merge_undeclared(
        |config| {
            config.route("/plain/{id}", web::get().to(async || "plain"));
        },
    )
}

/// Gives what it was made of, chunk by chunk, and does not know how long it is.
struct Chunks(Vec<Result<&'static str, &'static str>>);

impl MessageBody for Chunks {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Error>>> {
        tracing::info!(request_id = ?linchpin_core::RequestId::current(), "a chunk");
        let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
        Poll::Ready(next.map(|chunk| chunk.map(web::Bytes::from).map_err(ErrorInternalServerError)))
    }
}

async fn streamed(
    chunks: &'static [Result<&'static str, &'static str>],
) -> HttpResponse<impl MessageBody<Error = impl std::fmt::Debug>> {
    let handler = move || async move { HttpResponse::Ok().body(Chunks(chunks.to_vec())) };
    let app = test::init_service(App::new().route("/", web::get().to(handler)).wrap(observe("grades"))).await;
    Log::take();
    app.call(request("/", [])).await.unwrap().into()
}

#[actix_web::test]
async fn the_handler_and_the_response_have_the_id() {
    let handler = async |request: HttpRequest| {
        let extension = request.extensions().get::<linchpin_trace::RequestContext>().cloned().unwrap();
        tokio::task::yield_now().await;
        let current = linchpin_trace::RequestContext::current().unwrap();
        assert_eq!(extension.request_id(), current.request_id());
        HttpResponse::Ok().insert_header(("x-request-id", "forged")).body(current.request_id().to_string())
    };
    let app = test::init_service(App::new().route("/", web::get().to(handler)).wrap(observe("grades"))).await;
    let get = TestRequest::default().insert_header(("X-Request-Id", "abc")).to_request();
    Log::take();

    let response = app.call(get).await.unwrap();

    assert_eq!(response.headers().get_all("x-request-id").collect::<Vec<_>>(), ["abc"]);
    assert!(access_lines().is_empty(), "the body has not ended yet");
    assert_eq!(test::read_body(response).await, "abc");
    let line = only_line();
    for part in [r#"service="grades""#, "status=200", "bytes=3", "auth=\"not_asked\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("error="), "{line}");
    assert!(linchpin_trace::RequestContext::current().is_none());
}

#[actix_web::test]
async fn the_route_is_the_matched_pattern_and_refusals_are_noted() {
    let app =
        test::init_service(App::new().service(routes().guarded_by(&gate())).wrap(observe("grades"))).await;
    let cases: [(&str, &[u8], u16, &[&str]); 7] = [
        (
            "/grades/7?secret=1",
            b"Bearer good",
            200,
            &["route=\"/grades/{id}\"", "auth=\"authenticated\" issuer="],
        ),
        ("/grades/7", b"Bearer old", 401, &["route=\"/grades/{id}\"", "auth=\"refused\" reason=\"expired\""]),
        ("/grades/7", b"Bearer a b", 400, &["reason=\"malformed_credential\""]),
        ("/open", b"Bearer old", 200, &["route=\"/open\"", "auth=\"anonymous\""]),
        ("/plain/7", b"Bearer good", 403, &["route=\"/plain/{id}\"", "reason=\"undeclared_route\""]),
        ("/nothing", b"Bearer good", 404, &["method=\"GET\" status", "auth=\"authenticated\""]),
        ("/nothing", b"Bearer old", 401, &["method=\"GET\" status", "reason=\"expired\""]),
    ];
    for (path, authorization, status, parts) in cases {
        let (answer, line) = observed(&app, request(path, [authorization])).await;

        assert_eq!(answer.status, status, "{path}");
        assert!(parts.iter().all(|part| line.contains(part)), "{path}: {line}");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(
            answer.body.contains(&format!(r#""request_id":"{id}""#)),
            status != 200,
            "{}",
            answer.body
        );
    }
}

#[actix_web::test]
async fn a_path_that_is_rewritten_on_the_way_has_the_route_that_it_leads_to() {
    let app = App::new()
        .route("/grades/{id}", web::get().to(async || "a grade"))
        .wrap(NormalizePath::trim())
        .wrap(observe("grades"));
    let app = test::init_service(app).await;

    let (_, line) = observed(&app, request("/grades//7/", [])).await;

    assert!(line.contains(r#"route="/grades/{id}" status=200"#), "{line}");
}

#[actix_web::test]
async fn a_refusal_in_a_handler_or_after_a_wait_is_noted() {
    let refuses = async |caller: linchpin_actix::Caller| -> Result<&'static str, Problem> {
        caller.require_scope("grades:write")?;
        Ok("written")
    };
    let (fake, decide) = Fake::with_slow();
    let protected = web::scope("").wrap(VerifyMiddleware::new(fake)).route("/", web::get().to(refuses));
    let app = test::init_service(App::new().service(protected).wrap(observe("grades"))).await;

    let (answer, line) = observed(&app, request("/", [b"Bearer good"])).await;
    assert_eq!(answer.status, 403);
    assert!(
        line.contains(r#"auth="refused" reason="insufficient_scope" issuer="https://id.example""#),
        "{line}"
    );

    let mut slow = Box::pin(app.call(request("/", [b"Bearer slow"])));
    assert!(poll_once(slow.as_mut()).is_pending());
    decide.send(Err(Reason::BadSignature.into())).unwrap();
    test::read_body(slow.await.unwrap()).await;
    assert!(only_line().contains(r#"auth="refused" reason="bad_signature""#));
}

#[actix_web::test]
async fn who_waits_and_is_admitted_is_noted() {
    let (fake, decide) = Fake::with_slow();
    let protected = web::scope("").wrap(VerifyMiddleware::new(fake)).route("/", web::get().to(async || "ok"));
    let app = test::init_service(App::new().service(protected).wrap(observe("grades"))).await;

    let mut slow = Box::pin(app.call(request("/", [b"Bearer slow"])));
    assert!(poll_once(slow.as_mut()).is_pending());
    decide.send(Ok(crate::support::ann())).unwrap();
    test::read_body(slow.await.unwrap()).await;

    assert!(only_line().contains(r#"auth="authenticated""#));
}

#[actix_web::test]
async fn an_error_of_a_middleware_is_answered_with_the_id_and_stays_what_it_is() {
    let fails = from_fn(async |request: ServiceRequest, _: actix_web::middleware::Next<_>| {
        let error: Error = match request.path() {
            "/teapot" => ErrorImATeapot("no coffee"),
            _ => Problem::from(Reason::UnknownKey).into(),
        };
        Err::<ServiceResponse, _>(error)
    });
    let app = App::new().route("/", web::get().to(async || "never")).wrap(fails).wrap(observe("grades"));
    let app = test::init_service(app).await;

    let (teapot, line) = observed(&app, request("/teapot", [])).await;
    assert_eq!((teapot.status, &*teapot.body), (418, "no coffee"));
    assert!(teapot.header("x-request-id").is_some());
    assert!(line.contains("status=418") && line.contains("bytes=9") && !line.contains("error="), "{line}");

    let (problem, line) = observed(&app, request("/problem", [])).await;
    let id = problem.header("x-request-id").unwrap();
    assert!(problem.body.contains(&format!(r#""request_id":"{id}""#)), "{}", problem.body);
    assert!(line.contains("status=401") && line.contains(r#"reason="unknown_key""#), "{line}");

    let Err(error) = app.call(request("/problem", [])).await else { panic!("it fails") };
    assert!(error.as_error::<Problem>().is_some());
    let ids = [error.error_response(), error.error_response()]
        .map(|response| response.headers().get("x-request-id").unwrap().clone());
    assert_eq!(ids[0], ids[1], "whoever asks again gets the id again");
}

#[actix_web::test]
async fn an_error_that_nobody_answers_is_told_all_the_same() {
    let fails = from_fn(async |_: ServiceRequest, _: actix_web::middleware::Next<_>| {
        Err::<ServiceResponse, Error>(ErrorImATeapot("no coffee"))
    });
    let app = App::new().route("/", web::get().to(async || "never")).wrap(fails).wrap(observe("grades"));
    let app = test::init_service(app).await;
    Log::take();

    drop(app.call(request("/", [])).await);

    assert!(only_line().contains(r#"status=418"#));
}

#[actix_web::test]
async fn a_request_that_is_dropped_was_cancelled_on_its_route() {
    let handler = async || pending::<&'static str>().await;
    let app = App::new().route("/slow/{id}", web::get().to(handler)).wrap(observe("grades"));
    let app = test::init_service(app).await;
    Log::take();

    for _ in 0..1000 {
        let mut future = Box::pin(app.call(request("/slow/7", [])));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
    }

    let lines = access_lines();
    assert_eq!(lines.len(), 1000);
    let cancelled =
        |line: &String| line.contains(r#"error="cancelled""#) && line.contains(r#"route="/slow/{id}""#);
    assert!(lines.iter().all(cancelled), "{}", lines[0]);
    assert!(linchpin_trace::RequestContext::current().is_none());
}

#[actix_web::test]
async fn a_handler_that_panics_is_told_from_one_that_was_cancelled() {
    let handler = async || {
        tokio::task::yield_now().await;
        if true { panic!("on purpose") } else { "never" }
    };
    let app = test::init_service(App::new().route("/", web::get().to(handler)).wrap(observe("grades"))).await;
    Log::take();
    let mut future = Box::pin(app.call(request("/", [])));
    assert!(poll_once(future.as_mut()).is_pending());

    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
    assert!(caught.is_err());
    drop(future);

    assert!(only_line().contains(r#"error="panic""#));
    assert!(linchpin_trace::RequestContext::current().is_none());
}

#[actix_web::test]
async fn a_stream_is_observed_to_its_end_and_belongs_to_the_request() {
    let response = streamed(&[Ok("ab"), Ok("cde")]).await;
    let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();

    assert_eq!(to_bytes(response.into_body()).await.unwrap(), "abcde");

    let log = Log::take();
    assert!(log.contains("bytes=5") && !log.contains("error="), "{log}");
    assert_eq!(log.matches(&format!("request_id=Some(RequestId({id}))")).count(), 3, "{log}");
}

#[actix_web::test]
async fn a_stream_that_breaks_or_is_left_says_so() {
    let broken = streamed(&[Ok("ab"), Err("broken")]).await;
    to_bytes(broken.into_body()).await.unwrap_err();
    assert!(only_line().contains(r#"bytes=2 auth="not_asked" error="body_error""#));

    let left = streamed(&[Ok("ab"), Ok("cde")]).await;
    let mut body = Box::pin(left.into_body());
    assert!(poll_once(std::pin::pin!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx)))).is_ready());
    drop(body);
    assert!(only_line().contains(r#"bytes=2 auth="not_asked" error="cancelled""#));
}

#[actix_web::test]
async fn what_a_server_need_not_read_is_complete() {
    let handler = async |request: HttpRequest| match request.path() {
        "/none" => HttpResponse::NoContent().finish(),
        "/empty" => HttpResponse::Ok().body(""),
        _ => HttpResponse::Ok().body("text"),
    };
    let app = test::init_service(App::new().default_service(web::to(handler)).wrap(observe("grades"))).await;
    let request = |method, path| TestRequest::with_uri(path).method(method).to_request();
    Log::take();

    for (method, path) in [(Method::HEAD, "/text"), (Method::GET, "/none"), (Method::GET, "/empty")] {
        drop(app.call(request(method, path)).await.unwrap());
        let line = only_line();
        assert!(!line.contains("error="), "{path}: {line}");
    }

    // A server that has sent as many bytes as were announced stops asking.
    let mut body = Box::pin(app.call(request(Method::GET, "/text")).await.unwrap().into_body());
    assert!(poll_once(std::pin::pin!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx)))).is_ready());
    drop(body);
    assert!(!only_line().contains("error="));

    drop(app.call(request(Method::GET, "/text")).await.unwrap());
    assert!(only_line().contains(r#"error="cancelled""#));
}

#[actix_web::test]
async fn extractors_give_what_is_known() {
    let show = async |context: RequestContext, id: RequestId, client: ClientAddress| {
        context.set_attribute("course", "edX+DemoX");
        assert_eq!(context.request_id(), &*id);
        format!("{} {:?} {}", *id, *client, context.trace().trace_id())
    };
    let observer = Observer::new("grades").proxies("192.0.2.0/24".parse::<ProxyTrust>().unwrap());
    let app = test::init_service(App::new().route("/", web::get().to(show)).wrap(observe(observer))).await;
    let get = TestRequest::default()
        .insert_header(("x-request-id", "abc"))
        .insert_header(("x-forwarded-for", "203.0.113.9"))
        .insert_header(("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        .peer_addr("192.0.2.7:4711".parse().unwrap());

    let (answer, line) = observed(&app, get.to_request()).await;

    assert_eq!(answer.body, "abc Some(203.0.113.9) 0af7651916cd43dd8448eb211c80319c");
    assert!(line.contains("client_address=203.0.113.9"), "{line}");
    assert!(line.contains(r#"attributes="{\"course\":\"edX+DemoX\"}""#), "{line}");
}

#[actix_web::test]
async fn the_peer_is_the_client_and_forged_hops_do_not_count() {
    let app = App::new().route("/", web::get().to(async || "ok")).wrap(observe("grades"));
    let app = test::init_service(app).await;
    let get = TestRequest::default()
        .insert_header(("x-forwarded-for", "203.0.113.9"))
        .peer_addr("192.0.2.7:4711".parse().unwrap());

    let (_, line) = observed(&app, get.to_request()).await;

    assert!(line.contains("client_address=192.0.2.7"), "{line}");
}

#[actix_web::test]
async fn extractors_without_the_middleware_say_which_one_is_missing() {
    let app = App::new()
        .route("/context", web::get().to(async |_: RequestContext| "never"))
        .route("/id", web::get().to(async |_: RequestId| "never"))
        .route("/client", web::get().to(async |_: ClientAddress| "never"));
    let app = test::init_service(app).await;
    for (path, extractor) in
        [("/context", "RequestContext"), ("/id", "RequestId"), ("/client", "ClientAddress")]
    {
        Log::take();
        let answer = crate::support::send(&app, request(path, [])).await;

        assert_eq!((answer.status, answer.reason()), (500, "missing_layer"), "{path}");
        let log = Log::take();
        assert!(log.contains("add observe(…)") && log.contains(extractor), "{log}");
    }
}
