//! The service on axum.

use std::net::TcpListener;

use axum::{
    Json, Router,
    body::Bytes,
    routing::{MethodRouter, get, post},
};
use linchpin_axum::{
    Caller, Claims, OptionalCaller, Problem, Require, SubjectToken, VerifyLayer, require,
    routes::{self, Guarded, Routes, authenticated, optional, public},
};
use linchpin_core::Gate;
use serde_json::{Map, Value};

use crate::{
    Ask, Handler, Route, Tenant, Who,
    service::{AdminRole, ROLE, Reports, SCOPE, Writing, metadata},
};

/// Serves the routes until the process ends.
pub fn serve(listener: TcpListener, routes: &'static [Route]) {
    run(listener, app(routes));
}

/// Serves the routes of a table until the process ends.
pub fn serve_declared(listener: TcpListener, gate: Gate) {
    run(listener, declared(&gate).into_router_unchecked());
}

fn run(listener: TcpListener, app: Router) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, app).await.expect("a server");
    });
}

/// The routes of the table.
pub fn declared(gate: &Gate) -> Guarded {
    let reports = Routes::new()
        .route("/", routes::get(require::<Reports>(), caller).post(require::<Writing>(), record))
        .route("/{id}", routes::get(authenticated(), caller));
    Routes::new()
        .route("/healthz", routes::get(public(), async || "ok"))
        .route("/feed", routes::get(optional(), told))
        .route("/admin", routes::get(require::<AdminRole>(), caller))
        .nest("/reports", reports)
        .resource_metadata(&metadata())
        .merge_undeclared(Router::new().route("/plain", get(caller)))
        .guarded_by(gate)
}

fn app(routes: &[Route]) -> Router {
    routes.iter().fold(Router::new(), |app, route| {
        let router = Router::new().route(route.path, methods(route.handler));
        app.merge(match &route.gate {
            Some(gate) => router.layer(VerifyLayer::from(gate.clone())),
            None => router,
        })
    })
}

fn methods(handler: Handler) -> MethodRouter {
    match handler {
        Handler::Caller => get(caller).post(record),
        Handler::Optional => get(told),
        Handler::Claims => get(claims),
        Handler::Subject => get(handed_on),
        Handler::Two => get(two),
        Handler::Scoped => get(scoped),
        Handler::Admin => get(admin),
        Handler::Require => get(required),
        Handler::RequireTwo => get(required_twice),
        Handler::RequireLast => post(required_last),
        Handler::Layered => get(caller).layer(require::<Reports>()),
        Handler::Asks(ask) => get(move |caller| asks(ask, caller)),
    }
}

async fn caller(caller: Caller) -> Json<Who> {
    Json(Who { sub: subject(&caller), ..Who::default() })
}

async fn record(caller: Caller, body: Bytes) -> Json<Who> {
    Json(Who { sub: subject(&caller), bytes: Some(body.len()), ..Who::default() })
}

async fn told(caller: OptionalCaller) -> String {
    let subject = caller.as_option().and_then(|caller| subject(caller));
    subject.unwrap_or_else(|| "anonymous".to_owned())
}

async fn claims(claims: Claims<Tenant>) -> Json<Who> {
    Json(Who { tenant: Some(claims.tenant.clone()), ..Who::default() })
}

async fn handed_on(token: SubjectToken) -> String {
    token.secret().to_owned()
}

async fn two(caller: Caller, claims: Claims<Tenant>) -> Json<Who> {
    Json(Who { sub: subject(&caller), tenant: Some(claims.tenant.clone()), ..Who::default() })
}

async fn scoped(caller: Caller) -> Result<Json<Who>, Problem> {
    caller.require_scope(SCOPE)?;
    Ok(Json(Who { sub: subject(&caller), ..Who::default() }))
}

async fn admin(caller: Caller) -> Result<Json<Who>, Problem> {
    caller.require_role(ROLE)?;
    Ok(Json(Who { sub: subject(&caller), ..Who::default() }))
}

async fn asks(ask: Ask, caller: Caller) -> Result<Json<Who>, Problem> {
    ask.decide(&caller).await?;
    Ok(Json(Who { sub: subject(&caller), ..Who::default() }))
}

async fn required(caller: Require<Reports>) -> Json<Who> {
    Json(Who { sub: subject(&caller), ..Who::default() })
}

async fn required_twice(caller: Require<Reports>, _: Require<AdminRole>) -> Json<Who> {
    Json(Who { sub: subject(&caller), ..Who::default() })
}

// In axum, an extractor of the body is the last one, or it does not compile.
async fn required_last(caller: Require<Reports>, body: Json<Map<String, Value>>) -> Json<Who> {
    Json(Who { sub: subject(&caller), bytes: Some(body.len()), ..Who::default() })
}

fn subject(caller: &linchpin_core::Caller) -> Option<String> {
    caller.subject().map(str::to_owned)
}
