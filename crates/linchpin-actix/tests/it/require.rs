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
    App,
    dev::Payload,
    error::PayloadError,
    http::Method,
    test::{TestRequest, init_service},
    web::{self, Bytes, Json},
};
use futures_core::Stream;
use linchpin_actix::{Require, VerifyMiddleware, require};
use linchpin_core::{AllOf, AnyOf, roles, scopes};
use serde_json::Value;

use crate::support::{Fake, Log, get, send};

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
    let is_read = Rc::new(Cell::new(false));
    let request = TestRequest::with_uri(path)
        .method(Method::POST)
        .insert_header(("authorization", "Bearer good"))
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
    let scope = web::scope("")
        .route("/last", web::post().to(last))
        .route("/two", web::post().to(two))
        .route("/met", web::post().to(met))
        .wrap(middleware().realm("grades"));
    let app = init_service(App::new().service(scope)).await;

    let refused = send(&app, malformed("/last").0).await;
    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer realm="grades", error="insufficient_scope", scope="grades:write""#)
    );
    assert_eq!(send(&app, malformed("/two").0).await.reason(), "insufficient_role");
    assert_eq!(
        send(&app, malformed("/met").0).await.status,
        400,
        "the caller may, and the body is malformed"
    );
}

#[actix_web::test]
async fn a_handler_may_ask_whether_a_requirement_is_met() {
    async fn perhaps(write: Option<Require<Write>>) -> &'static str {
        if write.is_some() { "may write" } else { "may only read" }
    }
    let app = App::new().service(web::resource("/").wrap(middleware()).to(perhaps));
    let app = init_service(app).await;

    assert_eq!(send(&app, get("/", [b"Bearer good"])).await.body, "may only read");
}
