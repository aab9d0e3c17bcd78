//! The service on actix-web.

use std::net::TcpListener;

use actix_web::{
    App, FromRequest, HttpServer, Responder, Scope, guard,
    rt::System,
    web::{self, Bytes, Json, ServiceConfig},
};
use linchpin_actix::{Caller, Claims, OptionalCaller, Problem, VerifyMiddleware};

use crate::{
    Handler, Route, Tenant, Who,
    service::{ROLE, SCOPE},
};

/// Serves the routes until the process ends.
pub fn serve(listener: TcpListener, routes: &'static [Route]) {
    System::new().block_on(async {
        let server = HttpServer::new(|| App::new().configure(|config| configure(config, routes)));
        // One worker, so that a request which blocked another would be noticed.
        let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
        server.run().await.expect("a server");
    });
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
        Handler::Optional => get(scope, optional),
        Handler::Claims => get(scope, claims),
        Handler::Two => get(scope, two),
        Handler::Scoped => get(scope, scoped),
        Handler::Admin => get(scope, admin),
    }
}

/// A route for GET that answers HEAD too: what axum does by itself, actix has to be told.
fn get<H, Args>(scope: Scope, handler: H) -> Scope
where
    H: actix_web::Handler<Args, Output: Responder + 'static>,
    Args: FromRequest + 'static,
{
    scope.route("", web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler))
}

async fn caller(caller: Caller) -> Json<Who> {
    Json(Who { sub: subject(&caller), ..Who::default() })
}

async fn record(caller: Caller, body: Bytes) -> Json<Who> {
    Json(Who { sub: subject(&caller), bytes: Some(body.len()), ..Who::default() })
}

async fn optional(caller: OptionalCaller) -> String {
    let subject = caller.as_option().and_then(subject);
    subject.unwrap_or_else(|| "anonymous".to_owned())
}

async fn claims(claims: Claims<Tenant>) -> Json<Who> {
    Json(Who { tenant: Some(claims.tenant.clone()), ..Who::default() })
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

fn subject(caller: &Caller) -> Option<String> {
    caller.subject().map(str::to_owned)
}
