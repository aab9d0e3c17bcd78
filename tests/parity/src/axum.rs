//! The service on axum.

use std::net::TcpListener;

use axum::{
    Json, Router,
    body::Bytes,
    routing::{MethodRouter, get},
};
use linchpin_axum::{Caller, Claims, OptionalCaller, Problem, VerifyLayer};

use crate::{
    Handler, Route, Tenant, Who,
    service::{ROLE, SCOPE},
};

/// Serves the routes until the process ends.
pub fn serve(listener: TcpListener, routes: &'static [Route]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, app(routes)).await.expect("a server");
    });
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
        Handler::Optional => get(optional),
        Handler::Claims => get(claims),
        Handler::Two => get(two),
        Handler::Scoped => get(scoped),
        Handler::Admin => get(admin),
    }
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
