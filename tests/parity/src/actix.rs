//! The service on actix-web.

use std::net::TcpListener;

use actix_web::{
    App, FromRequest, HttpServer, Responder, Scope, guard,
    rt::System,
    web::{self, Bytes, Json, ServiceConfig},
};
use linchpin_actix::{
    Caller, Claims, OptionalCaller, Problem, Require, SubjectToken, VerifyMiddleware, require,
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
    run(listener, move |config| configure(config, routes));
}

/// Serves the routes of a table until the process ends.
pub fn serve_declared(listener: TcpListener, gate: Gate) {
    run(listener, move |config| {
        config.service(declared(&gate));
    });
}

fn run(listener: TcpListener, configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) {
    System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(configure.clone()));
        // One worker, so that a request which blocked another would be noticed.
        let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
        server.run().await.expect("a server");
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
        .merge_undeclared(|config| {
            config.route("/plain", web::get().to(caller));
        })
        .guarded_by(gate)
}

fn configure(config: &mut ServiceConfig, routes: &[Route]) {
    for route in routes {
        let scope = methods(web::scope(route.path), route.handler);
        match &route.gate {
            Some(gate) => config.service(scope.wrap(VerifyMiddleware::from(gate.clone()))),
            None => config.service(scope),
        };
    }
}

fn methods(scope: Scope, handler: Handler) -> Scope {
    match handler {
        Handler::Caller => get(scope, caller).route("", web::post().to(record)),
        Handler::Optional => get(scope, told),
        Handler::Claims => get(scope, claims),
        Handler::Subject => get(scope, handed_on),
        Handler::Two => get(scope, two),
        Handler::Scoped => get(scope, scoped),
        Handler::Admin => get(scope, admin),
        Handler::Require => get(scope, required),
        Handler::RequireTwo => get(scope, required_twice),
        Handler::RequireLast => scope.route("", web::post().to(required_last)),
        Handler::Asks(ask) => get(scope, move |caller| asks(ask, caller)),
        Handler::Layered => scope.route("", get_or_head().to(caller).wrap(require::<Reports>())),
    }
}

/// A route for GET that answers HEAD too: what axum does by itself, actix has to be told.
fn get<H, Args>(scope: Scope, handler: H) -> Scope
where
    H: actix_web::Handler<Args, Output: Responder + 'static>,
    Args: FromRequest + 'static,
{
    scope.route("", get_or_head().to(handler))
}

fn get_or_head() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
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

async fn required_last(body: Json<Map<String, Value>>, caller: Require<Reports>) -> Json<Who> {
    Json(Who { sub: subject(&caller), bytes: Some(body.len()), ..Who::default() })
}

fn subject(caller: &linchpin_core::Caller) -> Option<String> {
    caller.subject().map(str::to_owned)
}
