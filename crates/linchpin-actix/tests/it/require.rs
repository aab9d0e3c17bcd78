//! Requirements as extractors and as middleware.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_http::Request;
use actix_web::{
    App, Error, FromRequest, HttpRequest,
    dev::Payload,
    error::{ErrorImATeapot, PayloadError},
    http::Method,
    test::{TestRequest, init_service},
    web::{self, Bytes, Json, Path},
};
use futures_core::Stream;
use linchpin_actix::{Rejection, Require, VerifyMiddleware, require};
use linchpin_core::{AllOf, AnyOf, roles, scopes};
use serde_json::Value;

use crate::support::{Fake, Log, ann, get, send};

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! {
    Staff = "staff";
    Admin = "admin";
}

fn middleware() -> VerifyMiddleware {
    VerifyMiddleware::new(Arc::new(Fake::default()))
}

/// A body that is no JSON, and notices when it is read.
struct Noticing(Rc<Cell<bool>>);

impl Stream for Noticing {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let first = !self.0.replace(true);
        Poll::Ready(first.then_some(Ok(Bytes::from_static(b"{"))))
    }
}

fn malformed(path: &str) -> (Request, Rc<Cell<bool>>) {
    posted(path, "good")
}

fn posted(path: &str, token: &str) -> (Request, Rc<Cell<bool>>) {
    let is_read = Rc::new(Cell::new(false));
    let request = TestRequest::with_uri(path)
        .method(Method::POST)
        .insert_header(("authorization", format!("Bearer {token}")))
        .insert_header(("content-type", "application/json"))
        .to_request();
    let payload: Payload = Payload::Stream { payload: Box::pin(Noticing(is_read.clone())) };
    (request.replace_payload(payload).0, is_read)
}

async fn never() -> &'static str {
    unreachable!("refused before")
}

#[actix_web::test]
async fn a_handler_runs_only_for_callers_who_meet_its_requirements() {
    let scope = web::scope("")
        .route("/read", web::get().to(async |caller: Require<Read>| caller.subject().unwrap().to_owned()))
        .route("/write", web::get().to(async |_: Require<Write>| -> &'static str { unreachable!() }))
        .route("/both", web::get().to(async |_: Require<Read>, _: Require<AnyOf<(Admin, Staff)>>| "both"))
        .route(
            "/one",
            web::get().to(async |_: Require<Read>, _: Require<Admin>| -> &'static str { unreachable!() }),
        )
        .wrap(middleware());
    let app = init_service(App::new().service(scope)).await;

    assert_eq!(send(&app, get("/read", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&app, get("/both", [b"Bearer good"])).await.body, "both");
    let refused = send(&app, get("/write", [b"Bearer good"])).await;
    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope", scope="grades:write""#)
    );
    let refused = send(&app, get("/one", [b"Bearer good"])).await;
    assert_eq!((refused.status, refused.reason()), (403, "insufficient_role"));
    assert!(!refused.body.contains("admin"));
    assert_eq!(send(&app, get("/read", [b"Bearer old"])).await.status, 401);
}

#[actix_web::test]
async fn the_anonymous_are_asked_to_authenticate_and_a_missing_middleware_is_our_mistake() {
    let routes = || web::scope("").route("/", web::get().to(async |_: Require<Read>| "read"));
    let optional = init_service(App::new().service(routes().wrap(middleware().optional()))).await;
    let bare = init_service(App::new().service(routes())).await;
    Log::take();

    assert_eq!(send(&optional, get("/", [])).await.reason(), "missing_credential");
    let mistake = send(&bare, get("/", [b"Bearer good"])).await;

    assert_eq!((mistake.status, mistake.reason()), (500, "missing_layer"));
    assert_eq!(Log::take().matches("ERROR").count(), 1);
}

#[actix_web::test]
async fn a_middleware_decides_for_a_route_a_resource_or_a_scope() {
    let scope = web::scope("")
        .service(
            web::resource("/one")
                .route(web::get().to(async || "one").wrap(require::<AllOf<(Read, Staff)>>())),
        )
        .service(web::resource("/two").wrap(require::<Write>()).to(never))
        .service(web::scope("/group").wrap(require::<Admin>()).route("/a", web::get().to(never)))
        .wrap(middleware());
    let app = init_service(App::new().service(scope)).await;

    assert_eq!(send(&app, get("/one", [b"Bearer good"])).await.body, "one");
    for (path, reason) in [("/two", "insufficient_scope"), ("/group/a", "insufficient_role")] {
        let refused = send(&app, get(path, [b"Bearer good"])).await;
        assert_eq!((refused.status, refused.reason()), (403, reason), "{path}");
        assert_eq!(send(&app, get(path, [])).await.status, 401, "{path}");
    }
}

#[actix_web::test]
async fn a_middleware_without_the_verifying_one_is_our_mistake() {
    let app = init_service(App::new().service(web::resource("/").wrap(require::<Read>()).to(never))).await;
    Log::take();

    let mistake = send(&app, get("/", [b"Bearer good"])).await;

    assert_eq!((mistake.status, mistake.reason()), (500, "missing_layer"));
    assert_eq!(Log::take().matches("ERROR").count(), 1);
}

#[actix_web::test]
async fn no_byte_of_the_body_is_read_before_the_decision() {
    async fn first(_: Require<Write>, _: Json<Value>) -> &'static str {
        unreachable!()
    }
    async fn layered(_: Json<Value>) -> &'static str {
        unreachable!()
    }
    let scope = web::scope("")
        .route("/first", web::post().to(first))
        .route("/layer", web::post().to(layered).wrap(require::<Write>()))
        .route("/good", web::post().to(layered).wrap(require::<Read>()))
        .wrap(middleware());
    let app = init_service(App::new().service(scope)).await;

    for path in ["/first", "/layer"] {
        let (request, is_read) = malformed(path);
        assert_eq!(send(&app, request).await.status, 403, "{path}");
        assert!(!is_read.get(), "{path}");
    }
    let (request, is_read) = malformed("/good");
    assert_eq!(send(&app, request).await.status, 400);
    assert!(is_read.get(), "the body would have noticed");
}

#[actix_web::test]
async fn a_guard_that_is_declared_last_still_decides_before_the_body() {
    async fn last(_: Json<Value>, _: Require<Write>) -> &'static str {
        unreachable!()
    }
    async fn two(_: Json<Value>, _: Require<Read>, _: Require<Admin>) -> &'static str {
        unreachable!()
    }
    async fn met(_: Json<Value>, _: Require<Read>) -> &'static str {
        unreachable!()
    }
    async fn raw(_: Bytes, _: Json<Value>, _: Require<Write>) -> &'static str {
        unreachable!()
    }
    let scope = web::scope("")
        .route("/last", web::post().to(last))
        .route("/two", web::post().to(two))
        .route("/met", web::post().to(met))
        .route("/raw", web::post().to(raw))
        .wrap(middleware().realm("grades"));
    let app = init_service(App::new().service(scope).wrap(middleware().optional())).await;

    let (request, is_read) = malformed("/last");
    let refused = send(&app, request).await;
    assert!(!is_read.get());
    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer realm="grades", error="insufficient_scope", scope="grades:write""#)
    );
    for (path, reason) in [("/two", "insufficient_role"), ("/raw", "insufficient_scope")] {
        let (request, is_read) = malformed(path);
        assert_eq!(send(&app, request).await.reason(), reason, "{path}");
        assert!(!is_read.get(), "{path}");
    }
    let (request, is_read) = malformed("/met");
    assert_eq!(send(&app, request).await.status, 400, "the caller may, and the body is malformed");
    assert!(is_read.get(), "the body would have noticed");
}

#[actix_web::test]
async fn no_byte_of_the_body_is_read_after_a_decision_that_was_waited_for() {
    async fn last(_: Bytes, _: Require<Write>) -> &'static str {
        unreachable!()
    }
    let (fake, decide) = Fake::with_slow();
    let resource = web::resource("/").wrap(VerifyMiddleware::new(fake)).to(last);
    let app = init_service(App::new().service(resource)).await;
    let (request, is_read) = posted("/", "slow");
    decide.send(Ok(ann())).unwrap();

    assert_eq!(send(&app, request).await.reason(), "insufficient_scope");
    assert!(!is_read.get());
}

#[actix_web::test]
async fn an_extractor_that_awaits_the_body_before_its_guard_does_not_wait_for_ever() {
    struct Both;

    impl actix_web::FromRequest for Both {
        type Error = Error;
        type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

        fn from_request(
            request: &actix_web::HttpRequest,
            payload: &mut actix_web::dev::Payload,
        ) -> Self::Future {
            let json = Json::<Value>::from_request(request, payload);
            let write = Require::<Write>::from_request(request, payload);
            Box::pin(async move {
                json.await?;
                write.await?;
                Ok(Self)
            })
        }
    }

    async fn both(_: Both) -> &'static str {
        unreachable!()
    }
    let app = init_service(App::new().service(web::resource("/").wrap(middleware()).to(both))).await;
    let (request, is_read) = malformed("/");

    let refused = send(&app, request).await;

    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"));
    assert!(!is_read.get());
}

#[actix_web::test]
async fn another_extractor_that_fails_first_does_not_hide_the_refusal() {
    async fn first(_: Path<u8>, _: Json<Value>, _: Require<Write>, _: Require<Admin>) -> &'static str {
        unreachable!()
    }
    let scope = web::scope("").route("/{number}", web::post().to(first)).wrap(middleware());
    let app = init_service(App::new().service(scope)).await;
    let (request, is_read) = malformed("/many");

    let refused = send(&app, request).await;

    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"), "that of the first guard");
    assert!(!is_read.get());
}

#[actix_web::test]
async fn a_handler_may_ask_whether_a_requirement_is_met() {
    async fn perhaps(write: Option<Require<Write>>) -> &'static str {
        if write.is_some() { "may write" } else { "may only read" }
    }
    async fn before(write: Option<Require<Write>>, body: Bytes) -> String {
        format!("{} {}", write.is_some(), body.len())
    }
    async fn behind(body: Bytes, write: Result<Require<Write>, Rejection>) -> Result<String, Error> {
        if body.len() > 1 { Ok(String::new()) } else { Err(ErrorImATeapot(write.unwrap_err())) }
    }
    async fn json(_: Json<Value>, _: Option<Require<Write>>) -> &'static str {
        unreachable!()
    }
    let scope = web::scope("")
        .route("/", web::get().to(perhaps))
        .route("/before", web::post().to(before))
        .route("/behind", web::post().to(behind))
        .route("/json", web::post().to(json))
        .wrap(middleware());
    let app = init_service(App::new().service(scope)).await;

    assert_eq!(send(&app, get("/", [b"Bearer good"])).await.body, "may only read");
    assert_eq!(
        send(&app, malformed("/before").0).await.body,
        "false 1",
        "the body is read once it has been asked"
    );
    assert_eq!(send(&app, malformed("/behind").0).await.status, 418, "what the handler answers stays");
    assert_eq!(send(&app, malformed("/json").0).await.status, 400);
}

#[actix_web::test]
async fn a_guard_that_is_made_and_dropped_does_not_withhold_the_body_for_ever() {
    async fn asks(request: HttpRequest, body: web::Payload) -> Result<String, Error> {
        drop(Require::<Write>::extract(&request));
        Ok(body.to_bytes().await?.len().to_string())
    }
    let app = init_service(App::new().service(web::resource("/").wrap(middleware()).to(asks))).await;

    assert_eq!(send(&app, malformed("/").0).await.body, "1");
}
