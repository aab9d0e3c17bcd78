//! The layer around routers.

use std::sync::Arc;

use axum::{Router, routing};
use linchpin_axum::{
    Caller, OptionalCaller, Require, VerifyLayer,
    routes::{authenticated, optional},
};
use linchpin_core::{AdmitRestricted, Reason, scopes};
use tower::ServiceExt;

use crate::support::{Answered, Fake, ann, get, poll_once, send};

async fn who(caller: OptionalCaller) -> String {
    caller.as_option().and_then(|caller| caller.subject()).unwrap_or("-").to_owned()
}

fn app(layer: VerifyLayer) -> Router {
    let protected = Router::new().route("/who", routing::get(who)).layer(layer);
    Router::new().route("/healthz", routing::get(|| async { "ok" })).merge(protected)
}

fn strict() -> VerifyLayer {
    VerifyLayer::new(Arc::new(Fake::default()))
}

#[tokio::test]
async fn routes_inside_are_protected_and_routes_outside_are_open() {
    let app = app(strict());

    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&app, get("/who", [])).await.status, 401);
    for authorization in [b"Bearer old".as_slice(), b"\xff", b"Bearer good"] {
        assert_eq!(send(&app, get("/healthz", [authorization])).await.body, "ok");
    }
}

#[tokio::test]
async fn a_refusal_is_status_headers_and_body() {
    let app = app(strict());

    let refused = send(&app, get("/who", [b"Bearer old"])).await;

    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.headers,
        [
            ("content-length", "111"),
            ("content-type", "application/problem+json"),
            ("www-authenticate", r#"Bearer error="invalid_token""#)
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        refused.body,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token has expired.","reason":"expired"}"#
    );
}

#[tokio::test]
async fn malformed_and_repeated_credentials_are_400() {
    let app = app(strict().optional());

    for value in [b"Bearer g\xf6\xf6d".as_slice(), b"Bearer a b", b"", b"\xff\xfe"] {
        let refused = send(&app, get("/who", [value])).await;
        assert_eq!((refused.status, refused.reason()), (400, "malformed_credential"), "{value:?}");
    }
    let refused = send(&app, get("/who", [b"Bearer good", b"Bearer good"])).await;
    assert_eq!((refused.status, refused.reason()), (400, "repeated_credential"));
}

#[tokio::test]
async fn an_optional_layer_admits_only_who_brings_nothing() {
    let app = app(strict().optional());

    assert_eq!(send(&app, get("/who", [])).await.body, "-");
    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&app, get("/who", [b"Bearer old"])).await.reason(), "expired");
    assert_eq!(send(&app, get("/who", [b"Basic dXNlcg=="])).await.reason(), "unsupported_scheme");
}

#[tokio::test]
async fn a_request_that_waits_is_admitted_or_refused_in_the_end() {
    for (decision, status) in [(Ok(ann()), 200), (Err(Reason::UnknownKey.into()), 401)] {
        let (fake, decide) = Fake::with_slow();
        let mut response = Box::pin(app(VerifyLayer::new(fake)).oneshot(get("/who", [b"Bearer slow"])));
        assert!(poll_once(response.as_mut()).is_pending());

        decide.send(decision).unwrap();

        let answered = Answered::new(response.await.unwrap()).await;
        assert_eq!(answered.status, status, "{answered:?}");
    }
}

#[tokio::test]
async fn dropping_a_request_that_waits_drops_its_verification() {
    let (fake, decide) = Fake::with_slow();
    let mut response = Box::pin(app(VerifyLayer::new(fake)).oneshot(get("/who", [b"Bearer slow"])));

    assert!(poll_once(response.as_mut()).is_pending());
    drop(response);

    assert!(decide.is_closed());
}

#[tokio::test]
async fn the_innermost_layer_has_the_last_word() {
    let open = strict().optional();
    let app = Router::new().route("/who", routing::get(who)).layer(strict()).layer(open);

    assert_eq!(send(&app, get("/who", [])).await.status, 401);
    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
}

#[tokio::test]
async fn a_restricted_application_is_let_in_by_name_only() {
    scopes! { Read = "grades:read"; Write = "grades:write"; }
    let admits = strict().admit_restricted();
    let open = Router::new()
        .route("/who", routing::get(async |caller: Caller| caller.subject().unwrap().to_owned()))
        .route("/scope", routing::get(async |_: Require<Read>| -> &'static str { unreachable!() }))
        .route("/read", routing::get(async |_: Require<AdmitRestricted<Read>>| "read"))
        .route(
            "/write",
            routing::get(async |_: Require<AdmitRestricted<Write>>| -> &'static str { unreachable!() }),
        )
        .layer(admits);

    for closed in
        [strict(), strict().optional(), strict().policy(authenticated()), strict().policy(optional())]
    {
        let refused = send(&app(closed), get("/who", [b"Bearer app"])).await;
        assert_eq!((refused.status, refused.reason()), (403, "restricted_application"));
        assert_eq!(refused.header("www-authenticate"), None, "no other token would help");
    }
    assert_eq!(send(&open, get("/who", [b"Bearer app"])).await.body, "ann");
    assert_eq!(send(&open, get("/read", [b"Bearer app"])).await.body, "read");
    assert_eq!(send(&open, get("/scope", [b"Bearer app"])).await.reason(), "restricted_application");
    assert_eq!(send(&open, get("/write", [b"Bearer app"])).await.reason(), "insufficient_scope");
}
