//! What axum knows of a request is on its line, wherever the layer stands.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response},
    routing::get as on_get,
};
use linchpin_axum::{
    ClientAddress, Problem, RequestContext, RequestId, VerifyLayer, observe,
    routes::{Routes, authenticated, get, public},
};
use linchpin_core::Gate;
use linchpin_trace::{Observer, ProxyTrust};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Answered, Fake, Log, get as request};

/// Sends a request, and returns the answer and the one access line about it.
async fn observed<S, B>(app: S, request: Request<Body>) -> (Answered, String)
where
    S: Service<Request<Body>, Response = Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    Log::take();
    let response = app.oneshot(request).await.unwrap();
    let answered = Answered::new(response.map(Body::new)).await;
    let log = Log::take();
    let mut lines = log.lines().filter(|line| line.contains("linchpin::access"));
    let line = lines.next().unwrap_or_else(|| panic!("no access line: {log}")).to_owned();
    assert_eq!(lines.next(), None);
    (answered, line)
}

fn gate() -> Gate {
    Gate::new(Arc::new(Fake::default()))
}

fn routes() -> Routes {
    let grades = Routes::new().route("/{id}", get(authenticated(), async || "a grade"));
    Routes::new()
        .route("/open", get(public(), async || "open"))
        .nest("/grades", grades)
        .merge_undeclared(Router::new().route("/plain/{id}", on_get(async || "plain")))
}

#[tokio::test]
async fn the_route_is_the_matched_path() {
    let inner = Router::new().route("/{id}", on_get(async || "a grade"));
    let app = Router::new().nest("/grades", inner).layer(observe("grades"));

    let (_, line) = observed(app.clone(), request("/grades/7?secret=1", [])).await;
    assert!(line.contains(r#"service="grades" method="GET" route="/grades/{id}" status=200"#), "{line}");

    let (_, line) = observed(app, request("/nothing", [])).await;
    assert!(line.contains("status=404") && !line.contains("route="), "{line}");
}

#[tokio::test]
async fn declared_routes_are_told_to_a_layer_around_the_whole_router_too() {
    let cases: [(&str, &[u8], u16, &str); 6] = [
        ("/grades/7", b"Bearer good", 200, "route=\"/grades/{id}\""),
        ("/grades/7", b"Bearer old", 401, "route=\"/grades/{id}\""),
        ("/open", b"Bearer old", 200, "route=\"/open\""),
        ("/plain/7", b"Bearer good", 403, "route=\"/plain/{id}\""),
        ("/nothing", b"Bearer good", 404, "method=\"GET\" status"),
        ("/nothing", b"Bearer old", 401, "method=\"GET\" status"),
    ];
    for (path, authorization, status, expected) in cases {
        let inside = routes().guarded_by(&gate()).layer(observe("grades"));
        let around = observe("grades").layer(routes().guarded_by(&gate()));

        let (answer, line) = observed(inside, request(path, [authorization])).await;
        let (other_answer, other_line) = observed(around, request(path, [authorization])).await;

        assert_eq!((answer.status, other_answer.status), (status, status), "{path}");
        assert!(line.contains(expected), "{path}: {line}");
        assert!(other_line.contains(expected), "{path}: {other_line}");
    }
}

#[tokio::test]
async fn who_is_told_that_there_is_nothing_has_been_authenticated() {
    let app = routes().guarded_by(&gate()).layer(observe("grades"));
    let mut post = request("/grades/7", [b"Bearer good"]);
    *post.method_mut() = http::Method::POST;

    let (answer, line) = observed(app.clone(), request("/nothing", [b"Bearer good"])).await;
    assert!(line.contains(r#"auth="authenticated" issuer="https://id.example""#), "{line}");
    assert!(answer.body.contains(r#""request_id":""#), "{}", answer.body);

    let (answer, line) = observed(app, post).await;
    assert_eq!(answer.status, 405);
    assert!(line.contains(r#"route="/grades/{id}""#) && line.contains(r#"auth="authenticated""#), "{line}");
}

#[tokio::test]
async fn a_refusal_in_a_handler_is_noted() {
    let refuses = async |caller: linchpin_axum::Caller| -> Result<(), Problem> {
        Ok(caller.require_scope("grades:write")?)
    };
    let protected = Router::new().route("/", on_get(refuses)).layer(VerifyLayer::from(gate()));

    let (answer, line) = observed(protected.layer(observe("grades")), request("/", [b"Bearer good"])).await;

    let id = answer.header("x-request-id").unwrap();
    assert!(answer.body.contains(&format!(r#""request_id":"{id}""#)), "{}", answer.body);
    assert!(line.contains(r#"auth="refused" reason="insufficient_scope""#), "{line}");
    assert!(line.contains(r#"issuer="https://id.example""#), "{line}");
}

#[tokio::test]
async fn extractors_give_what_is_known() {
    let show = async |context: RequestContext, id: RequestId, client: ClientAddress| {
        context.set_attribute("course", "edX+DemoX");
        assert_eq!(context.request_id(), &*id);
        format!("{} {:?} {}", *id, *client, context.trace().trace_id())
    };
    let observer = Observer::new("grades").proxies("192.0.2.0/24".parse::<ProxyTrust>().unwrap());
    let app = Router::new().route("/", on_get(show)).layer(observe(observer));
    let mut get = request("/", []);
    get.headers_mut().insert("x-request-id", "abc".parse().unwrap());
    get.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    get.headers_mut()
        .insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    get.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));

    let (answer, line) = observed(app, get).await;

    assert_eq!(answer.body, "abc Some(203.0.113.9) 0af7651916cd43dd8448eb211c80319c");
    assert!(line.contains("client_address=203.0.113.9"), "{line}");
    assert!(line.contains(r#"attributes="{\"course\":\"edX+DemoX\"}""#), "{line}");
}

#[tokio::test]
async fn the_peer_is_the_client_and_forged_hops_do_not_count() {
    let app = Router::new().route("/", on_get(async || "ok")).layer(observe("grades"));
    let mut get = request("/", []);
    get.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    get.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));

    let (_, line) = observed(app, get).await;

    assert!(line.contains("client_address=192.0.2.7"), "{line}");
}

#[tokio::test]
async fn extractors_without_the_layer_say_which_one_is_missing() {
    let app = Router::new()
        .route("/context", on_get(async |_: RequestContext| ()))
        .route("/id", on_get(async |_: RequestId| ()))
        .route("/client", on_get(async |_: ClientAddress| ()));
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
