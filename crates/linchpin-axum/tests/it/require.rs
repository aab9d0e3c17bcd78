//! Requirements as extractors and as layers.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    body::{Body, HttpBody},
    http::Request,
    routing::{get as on_get, post},
};
use bytes::Bytes;
use linchpin_axum::{Require, VerifyLayer, require};
use linchpin_core::{AllOf, AnyOf, roles, scopes};

use crate::support::{Fake, Log, get, send};

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! {
    Staff = "staff";
    Admin = "admin";
}

fn layer() -> VerifyLayer {
    VerifyLayer::new(Arc::new(Fake::default()))
}

/// A body that is no JSON, and notices when it is read.
struct Noticing(Arc<AtomicBool>);

impl HttpBody for Noticing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        self.0.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    }
}

fn malformed(path: &str) -> (Request<Body>, Arc<AtomicBool>) {
    let is_read = Arc::new(AtomicBool::new(false));
    let request = Request::post(path)
        .header("authorization", "Bearer good")
        .header("content-type", "application/json")
        .body(Body::new(Noticing(is_read.clone())));
    (request.unwrap(), is_read)
}

#[tokio::test]
async fn a_handler_runs_only_for_callers_who_meet_its_requirements() {
    let app = Router::new()
        .route("/read", on_get(async |caller: Require<Read>| caller.subject().unwrap().to_owned()))
        .route("/write", on_get(async |_: Require<Write>| -> &'static str { unreachable!() }))
        .route("/both", on_get(async |_: Require<Read>, _: Require<AnyOf<(Admin, Staff)>>| "both"))
        .route("/one", on_get(async |_: Require<Read>, _: Require<Admin>| -> &'static str { unreachable!() }))
        .layer(layer());

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

#[tokio::test]
async fn the_anonymous_are_asked_to_authenticate_and_a_missing_layer_is_our_mistake() {
    let router =
        Router::new().route("/", on_get(async |_: Require<Read>| -> &'static str { unreachable!() }));
    let (optional, bare) = (router.clone().layer(layer().optional()), router);
    Log::take();

    assert_eq!(send(&optional, get("/", [])).await.reason(), "missing_credential");
    let mistake = send(&bare, get("/", [b"Bearer good"])).await;

    assert_eq!((mistake.status, mistake.reason()), (500, "missing_layer"));
    assert_eq!(Log::take().matches("ERROR").count(), 1);
}

#[tokio::test]
async fn a_layer_decides_for_a_route_or_for_a_group() {
    let one =
        on_get(async || "one").layer(require::<AllOf<(Read, Staff)>>()).post(async || "open to callers");
    let group = Router::new().route("/a", on_get(async || "a")).route("/b", on_get(async || "b"));
    let app = Router::new().route("/one", one).merge(group.layer(require::<Write>())).layer(layer());

    assert_eq!(send(&app, get("/one", [b"Bearer good"])).await.body, "one");
    for path in ["/a", "/b"] {
        let refused = send(&app, get(path, [b"Bearer good"])).await;
        assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"), "{path}");
        assert_eq!(send(&app, get(path, [])).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_layer_without_the_verifying_one_is_our_mistake() {
    let app = Router::new()
        .route("/", on_get(async || -> &'static str { unreachable!() }).layer(require::<Read>()));
    Log::install();
    Log::take();

    let mistake = send(&app, get("/", [b"Bearer good"])).await;

    assert_eq!((mistake.status, mistake.reason()), (500, "missing_layer"));
    let log = Log::take();
    assert!(log.contains("ERROR") && log.contains("require()"), "{log}");
}

#[tokio::test]
async fn no_byte_of_the_body_is_read_before_the_decision() {
    async fn record(_: Require<Write>, _: Json<serde_json::Value>) -> &'static str {
        unreachable!()
    }
    async fn layered(_: Json<serde_json::Value>) -> &'static str {
        unreachable!()
    }
    let app = Router::new()
        .route("/extractor", post(record))
        .route("/layer", post(layered).layer(require::<Write>()))
        .route("/good", post(layered).layer(require::<Read>()))
        .layer(layer());

    for path in ["/extractor", "/layer"] {
        let (request, is_read) = malformed(path);
        assert_eq!(send(&app, request).await.status, 403, "{path}");
        assert!(!is_read.load(Ordering::Relaxed), "{path}");
    }
    let (request, is_read) = malformed("/good");
    assert_eq!(send(&app, request).await.status, 400);
    assert!(is_read.load(Ordering::Relaxed), "the body would have noticed");
}
