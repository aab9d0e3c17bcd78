//! The route table, declared and enforced.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{Method, Request, Response},
    routing::get as on_get,
};
use linchpin_axum::{
    Caller, OptionalCaller, VerifyLayer,
    routes::{Guarded, Routes, authenticated, get, optional, public, require, resource_metadata},
};
use linchpin_core::{Gate, ResourceMetadata, roles, scopes};
use tower::{ServiceExt, service_fn};

use crate::support::{Answered, Fake, Log, get as request};

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! { Admin = "admin"; }

fn gate() -> Gate {
    Gate::new(Arc::new(Fake::default()))
}

async fn send(app: &Guarded, request: Request<Body>) -> Answered {
    Answered::new(app.clone().oneshot(request).await.unwrap()).await
}

async fn good(app: &Guarded, method: Method, path: &str) -> Answered {
    let mut request = request(path, [b"Bearer good"]);
    *request.method_mut() = method;
    send(app, request).await
}

fn routes() -> Routes {
    let grades = Routes::new()
        .route("/", get(require::<Read>(), async || "list").post(require::<Write>(), async || "record"))
        .route("/{id}", get(authenticated(), async |Path(id): Path<u32>| id.to_string()));
    let users = Routes::new().route("/users", get(require::<Admin>(), async || "users"));
    Routes::new()
        .route("/healthz", get(public(), async || "ok"))
        .route("/feed", get(optional(), async |caller: OptionalCaller| format!("{:?}", caller.is_some())))
        .nest("/grades", grades)
        .merge(users)
}

#[tokio::test]
async fn the_table_lists_every_route_with_its_policy() {
    let expected = "\
GET   /healthz      public
GET   /feed         optional
GET   /grades       scope grades:read
POST  /grades       scope grades:write
GET   /grades/{id}  authenticated
GET   /users        role admin
";

    assert_eq!(routes().table().to_string(), expected);
    assert_eq!(routes().guarded_by(&gate()).table().to_string(), expected);
    let json: serde_json::Value = serde_json::from_str(&routes().table().to_json()).unwrap();
    assert_eq!(
        json[2],
        serde_json::json!({"method": "GET", "path": "/grades", "policy": "require", "any_of": [{"scopes": ["grades:read"]}]})
    );
}

#[tokio::test]
async fn every_route_is_decided_by_its_policy() {
    let app = routes().guarded_by(&gate());

    for credential in [&[][..], b"Bearer old", b"nonsense", b"\xff"] {
        assert_eq!(send(&app, request("/healthz", [credential])).await.body, "ok");
    }
    assert_eq!(send(&app, request("/feed", [])).await.body, "false");
    assert_eq!(good(&app, Method::GET, "/feed").await.body, "true");
    assert_eq!(send(&app, request("/feed", [b"Bearer old"])).await.reason(), "expired");
    assert_eq!(good(&app, Method::GET, "/grades").await.body, "list");
    assert_eq!(good(&app, Method::POST, "/grades").await.reason(), "insufficient_scope");
    assert_eq!(good(&app, Method::GET, "/grades/7").await.body, "7");
    assert_eq!(good(&app, Method::GET, "/users").await.reason(), "insufficient_role");
    for path in ["/grades", "/grades/7", "/users"] {
        assert_eq!(send(&app, request(path, [])).await.reason(), "missing_credential", "{path}");
        assert_eq!(send(&app, request(path, [b"Bearer old"])).await.reason(), "expired", "{path}");
    }
}

#[tokio::test]
async fn a_gate_that_is_optional_opens_no_declared_route() {
    let app = routes().guarded_by(&gate().optional());

    for path in ["/grades", "/grades/7", "/users", "/nothing-here"] {
        assert_eq!(send(&app, request(path, [])).await.reason(), "missing_credential", "{path}");
    }
}

#[tokio::test]
async fn head_is_decided_and_answered_like_get() {
    let app = routes().guarded_by(&gate());

    assert_eq!(good(&app, Method::HEAD, "/grades").await.status, 200);
    assert_eq!(good(&app, Method::HEAD, "/users").await.status, 403);
}

#[tokio::test]
async fn what_has_no_handler_is_told_only_to_callers() {
    let app = routes().guarded_by(&gate());

    assert_eq!(good(&app, Method::GET, "/nothing-here").await.status, 404);
    assert_eq!(good(&app, Method::GET, "/grades/7/more").await.status, 404);
    let wrong_method = good(&app, Method::DELETE, "/grades").await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("GET,HEAD,POST")));
    assert_eq!(wrong_method.header("content-type"), Some("application/problem+json"));
    for (method, path) in
        [(Method::GET, "/nothing-here"), (Method::DELETE, "/grades"), (Method::POST, "/healthz")]
    {
        let mut request = request(path, []);
        *request.method_mut() = method;
        assert_eq!(send(&app, request).await.reason(), "missing_credential", "{path}");
    }
    assert_eq!(app.undeclared().count(), 0);
}

#[tokio::test]
async fn what_no_table_declares_is_refused_logged_and_counted() {
    let plain = Router::new()
        .route("/plain/{id}", on_get(async || -> &'static str { unreachable!() }))
        .route("/grades", axum::routing::delete(async || -> &'static str { unreachable!() }))
        .nest_service(
            "/nested",
            service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { unreachable!() }),
        )
        .fallback(async || -> &'static str { unreachable!() });
    let app = routes().merge_undeclared(plain).guarded_by(&gate());
    Log::take();

    for (count, method, path, logged) in [
        (1, Method::GET, "/plain/7", "/plain/{id}"),
        (2, Method::DELETE, "/grades", "/grades"),
        (3, Method::POST, "/nested/x", "/nested/x"),
        (4, Method::PUT, "/plain/7", "/plain/{id}"),
    ] {
        let refused = good(&app, method.clone(), path).await;
        assert_eq!((refused.status, refused.reason()), (403, "undeclared_route"), "{path}");
        assert_eq!(refused.header("www-authenticate"), None);
        assert_eq!(app.undeclared().count(), count);
        let log = Log::take();
        assert_eq!(log.matches("ERROR").count(), 1, "{log}");
        assert!(log.contains(&format!("method={method} path=\"{logged}\"")), "{log}");
    }
    for length in [127, 128, 129] {
        let ascii = format!("/nested/{}", "x".repeat(length - "/nested/".len()));
        good(&app, Method::GET, &format!("{ascii}é{}", "y".repeat(1000))).await;
        let log = Log::take();
        assert!(!log.contains("yyy") && log.contains(&ascii[..length.min(128)]), "{log}");
    }
    assert_eq!(send(&app, request("/plain/7", [])).await.status, 403, "whoever asks");
    assert_eq!(good(&app, Method::GET, "/nothing-here").await.status, 404, "the plain fallback is dropped");
    assert_eq!(good(&app, Method::GET, "/grades").await.body, "list");
}

#[tokio::test]
async fn services_and_fallbacks_have_a_policy_too() {
    let echo = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(request.uri().path().to_owned())))
    });
    let app = Routes::new()
        .route_service("/service", require::<Write>(), echo)
        .nest_service("/nested", authenticated(), echo)
        .fallback(public(), async || "fallback")
        .guarded_by(&gate());

    assert_eq!(
        app.table().to_string(),
        "\
*  /service         scope grades:write
*  /nested/{*rest}  authenticated
*  /{*fallback}     public
"
    );
    assert_eq!(good(&app, Method::PUT, "/service").await.status, 403);
    assert_eq!(good(&app, Method::PUT, "/nested/a").await.body, "/a");
    assert_eq!(send(&app, request("/nested/a", [])).await.status, 401);
    assert_eq!(send(&app, request("/nothing-here", [])).await.body, "fallback");
}

#[tokio::test]
async fn a_fallback_of_a_part_stays_below_its_path() {
    let part = Routes::new()
        .route("/a", get(authenticated(), async || "a"))
        .fallback(require::<Write>(), async || -> &'static str { unreachable!() });
    let app = Routes::new().nest("/part", part).fallback(public(), async || "fallback").guarded_by(&gate());

    assert_eq!(good(&app, Method::GET, "/part/a").await.body, "a");
    assert_eq!(good(&app, Method::GET, "/part/b").await.reason(), "insufficient_scope");
    assert_eq!(good(&app, Method::GET, "/b").await.body, "fallback");
}

#[tokio::test]
async fn state_and_caller_reach_the_handlers() {
    async fn hello(State(greeting): State<&'static str>, caller: Caller) -> String {
        format!("{greeting}, {}", caller.subject().unwrap())
    }
    let stateful = Routes::<&'static str>::new().route("/", get(authenticated(), hello));
    let app = Routes::new().nest("/hello", stateful.with_state("Hello")).guarded_by(&gate());

    assert_eq!(good(&app, Method::GET, "/hello").await.body, "Hello, ann");
}

#[tokio::test]
async fn a_layer_around_everything_sees_refusals() {
    let layer = tower::util::MapResponseLayer::new(|mut response: axum::response::Response| {
        response.headers_mut().insert("x-seen", "1".parse().unwrap());
        response
    });
    let app = routes().guarded_by(&gate()).layer(layer);

    for path in ["/healthz", "/grades", "/nothing-here"] {
        assert_eq!(send(&app, request(path, [])).await.header("x-seen"), Some("1"), "{path}");
    }
}

#[tokio::test]
async fn the_resource_describes_itself_to_everybody() {
    let metadata = ResourceMetadata::builder("https://api.example/mcp").build().unwrap();
    let path = "/.well-known/oauth-protected-resource/mcp";
    let app = routes().resource_metadata(&metadata).guarded_by(&gate().resource_metadata(&metadata));

    let described = send(&app, request(path, [])).await;
    assert_eq!(described.header("content-type"), Some("application/json"));
    assert_eq!(described.body, metadata.to_json());
    let refused = send(&app, request("/grades", [])).await;
    assert_eq!(
        refused.header("www-authenticate"),
        Some(
            r#"Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp""#
        )
    );

    let plain = Router::new().layer(VerifyLayer::from(gate())).merge(resource_metadata(&metadata));
    assert_eq!(crate::support::send(&plain, request(path, [])).await.body, metadata.to_json());
}

#[test]
#[should_panic(expected = "Overlapping method route")]
fn a_route_that_is_declared_twice_is_told_at_the_start() {
    let _ = routes().merge(routes()).guarded_by(&gate());
}
