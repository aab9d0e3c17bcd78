//! The route table, declared and enforced.

use std::sync::Arc;

use actix_http::Request;
use actix_web::{
    App, Error, HttpRequest,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::Method,
    test::{TestRequest, init_service},
    web::{self, Path},
};
use linchpin_actix::{
    Caller, OptionalCaller, VerifyMiddleware,
    routes::{Routes, authenticated, get, optional, public, require, resource_metadata},
};
use linchpin_core::{Gate, ResourceMetadata, Undeclared, roles, scopes};

use crate::support::{Answered, Fake, Log, get as request, send};

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! { Admin = "admin"; }

fn gate() -> Gate {
    Gate::new(Arc::new(Fake::default()))
}

async fn good<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    method: Method,
    path: &str,
) -> Answered {
    let request = TestRequest::with_uri(path).method(method).insert_header(("authorization", "Bearer good"));
    send(app, request.to_request()).await
}

async fn never() -> &'static str {
    unreachable!("nobody may run this")
}

fn routes() -> Routes {
    let grades = Routes::new()
        .route("/", get(require::<Read>(), async || "list").post(require::<Write>(), async || "record"))
        .route("/{id}", get(authenticated(), async |id: Path<u32>| id.to_string()));
    let users = Routes::new().route("/users", get(require::<Admin>(), async || "users"));
    Routes::new()
        .route("/healthz", get(public(), async || "ok"))
        .route("/feed", get(optional(), async |caller: OptionalCaller| format!("{:?}", caller.is_some())))
        .nest("/grades", grades)
        .merge(users)
}

#[test]
fn the_table_lists_every_route_with_its_policy() {
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
}

#[actix_web::test]
async fn every_route_is_decided_by_its_policy() {
    let app = init_service(App::new().service(routes().guarded_by(&gate()))).await;

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

#[actix_web::test]
async fn a_gate_that_is_optional_opens_no_declared_route() {
    let app = init_service(App::new().service(routes().guarded_by(&gate().optional()))).await;

    for path in ["/grades", "/grades/7", "/users", "/nothing-here"] {
        assert_eq!(send(&app, request(path, [])).await.reason(), "missing_credential", "{path}");
    }
}

#[actix_web::test]
async fn head_is_decided_and_answered_like_get() {
    let app = init_service(App::new().service(routes().guarded_by(&gate()))).await;

    assert_eq!(good(&app, Method::HEAD, "/grades").await.status, 200);
    assert_eq!(good(&app, Method::HEAD, "/users").await.status, 403);
}

#[actix_web::test]
async fn what_has_no_handler_is_told_only_to_callers() {
    let undeclared = Undeclared::default();
    let app = init_service(App::new().service(routes().guarded_by(&gate()).counting(&undeclared))).await;

    assert_eq!(good(&app, Method::GET, "/nothing-here").await.status, 404);
    assert_eq!(good(&app, Method::GET, "/grades/7/more").await.status, 404);
    let wrong_method = good(&app, Method::DELETE, "/grades").await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("GET,HEAD,POST")));
    assert_eq!(wrong_method.header("content-type"), Some("application/problem+json"));
    for (method, path) in
        [(Method::GET, "/nothing-here"), (Method::DELETE, "/grades"), (Method::POST, "/healthz")]
    {
        let request = TestRequest::with_uri(path).method(method).to_request();
        assert_eq!(send(&app, request).await.reason(), "missing_credential", "{path}");
    }
    assert_eq!(undeclared.count(), 0);
}

#[actix_web::test]
async fn what_no_table_declares_is_refused_logged_and_counted() {
    let undeclared = Undeclared::default();
    let nested = Routes::new().merge_undeclared(|config| {
        config.route("/deep", web::get().to(never));
    });
    let guarded = routes()
        .nest("/old", nested)
        .merge_undeclared(|config| {
            config
                .service(web::resource("/plain/{id}").to(never))
                .service(web::scope("/scope").route("/a", web::get().to(never)));
        })
        .guarded_by(&gate())
        .counting(&undeclared);
    // What the application adds behind the routes is no way around them either.
    let app =
        App::new().service(guarded).route("/behind", web::get().to(never)).default_service(web::to(never));
    let app = init_service(app).await;
    Log::take();

    for (count, method, path, logged) in [
        (1, Method::GET, "/plain/7", "/plain/{id}"),
        (2, Method::POST, "/scope/a", "/scope/a"),
        (3, Method::GET, "/old/deep", "/old/deep"),
    ] {
        let refused = good(&app, method.clone(), path).await;
        assert_eq!((refused.status, refused.reason()), (403, "undeclared_route"), "{path}");
        assert_eq!(refused.header("www-authenticate"), None);
        assert_eq!(undeclared.count(), count);
        let log = Log::take();
        assert_eq!(log.matches("ERROR").count(), 1, "{log}");
        assert!(log.contains(&format!("method={method} path=\"{logged}\"")), "{log}");
    }
    assert_eq!(send(&app, request("/plain/7", [])).await.status, 403, "whoever asks");
    assert_eq!(
        good(&app, Method::GET, "/nothing-here").await.status,
        404,
        "the default service is not reached"
    );
    assert_eq!(good(&app, Method::GET, "/grades").await.body, "list");
}

#[actix_web::test]
async fn services_and_fallbacks_have_a_policy_too() {
    let undeclared = Undeclared::default();
    let routes = Routes::new()
        .nest_service("/nested", require::<Read>(), |config| {
            config.route("/a", web::to(async |request: HttpRequest| request.path().to_owned()));
        })
        .nest_service("/closed", require::<Write>(), |config| {
            config.route("/a", web::to(never));
        })
        .merge_undeclared(|config| {
            config.route("/plain", web::to(never));
        })
        .fallback(public(), async || "fallback");
    assert_eq!(
        routes.table().to_string(),
        "\
*  /nested/{rest:.*}  scope grades:read
*  /closed/{rest:.*}  scope grades:write
*  /{fallback:.*}     public
"
    );
    let app = init_service(App::new().service(routes.guarded_by(&gate()).counting(&undeclared))).await;

    assert_eq!(good(&app, Method::PUT, "/nested/a").await.body, "/nested/a");
    assert_eq!(good(&app, Method::PUT, "/closed/a").await.status, 403);
    assert_eq!(send(&app, request("/nested/a", [])).await.status, 401);
    assert_eq!(send(&app, request("/nothing-here", [])).await.body, "fallback");
    assert_eq!(send(&app, request("/plain", [])).await.reason(), "undeclared_route");
    assert_eq!(undeclared.count(), 1);
}

#[actix_web::test]
async fn a_fallback_of_a_part_stays_below_its_path() {
    let part =
        Routes::new().route("/a", get(authenticated(), async || "a")).fallback(require::<Write>(), never);
    let routes = Routes::new().nest("/part", part).fallback(public(), async || "fallback");
    let app = init_service(App::new().service(routes.guarded_by(&gate()))).await;

    assert_eq!(good(&app, Method::GET, "/part/a").await.body, "a");
    assert_eq!(good(&app, Method::GET, "/part/b").await.reason(), "insufficient_scope");
    assert_eq!(good(&app, Method::GET, "/b").await.body, "fallback");
}

#[actix_web::test]
async fn a_path_may_be_declared_in_several_parts() {
    let more = Routes::new().route("/grades", routes_delete());
    let app = init_service(App::new().service(routes().merge(more).guarded_by(&gate()))).await;

    assert_eq!(good(&app, Method::GET, "/grades").await.body, "list");
    assert_eq!(good(&app, Method::DELETE, "/grades").await.body, "ann");
}

fn routes_delete() -> linchpin_actix::routes::Methods {
    linchpin_actix::routes::delete(authenticated(), async |caller: Caller| {
        caller.subject().unwrap().to_owned()
    })
}

#[actix_web::test]
async fn the_resource_describes_itself_to_everybody() {
    let metadata = ResourceMetadata::builder("https://api.example/mcp").build().unwrap();
    let path = "/.well-known/oauth-protected-resource/mcp";
    let guarded = routes().resource_metadata(&metadata).guarded_by(&gate().resource_metadata(&metadata));
    let app = init_service(App::new().service(guarded)).await;

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

    let protected = web::scope("").wrap(VerifyMiddleware::from(gate()));
    let plain = init_service(App::new().service(resource_metadata(&metadata)).service(protected)).await;
    assert_eq!(send(&plain, request(path, [])).await.body, metadata.to_json());
}

#[test]
#[should_panic(expected = "a fallback of \"\" is declared twice")]
fn a_second_fallback_is_told_at_the_start() {
    let _ = Routes::new().fallback(public(), never).fallback(authenticated(), never);
}

#[test]
#[should_panic(expected = "GET /healthz is declared twice")]
fn a_route_that_is_declared_twice_is_told_at_the_start() {
    let _ = routes().merge(routes());
}
