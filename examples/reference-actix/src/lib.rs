//! The reference service on actix: its routes, and who may call them.
//!
//! `reference-axum` is the same service on axum, answer for answer. The contract of both stands in `docs/architecture.md`.

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    web::{self, Json, ServiceConfig},
};
use linchpin::{
    Auth, IssuerHealth, IssuerState, Reason,
    actix::{Caller, Problem},
};
use serde::Serialize;

/// The routes. What is not wrapped is open; `on_loopback` says whether the open relay may be served at all.
pub fn routes(auth: Auth, on_loopback: bool) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config| {
        let protected = web::scope("") // around unknown paths too: who has no token learns nothing about which exist
            .wrap(auth.middleware())
            .service(get("/whoami", whoami))
            .service(get("/admin", admin))
            .service(get("/scoped", scoped))
            .service(get("/relay", relay));
        config
            .app_data(web::Data::new(auth.clone()))
            .service(get("/healthz", async || "ok"))
            .service(get("/readyz", ready))
            .service(web::resource("/relay-many").route(web::post().to(move || relay_many(on_loopback))))
            .service(protected);
    }
}

/// A resource that answers GET, and HEAD like GET, which axum does by itself.
fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler))
}

/// Who is calling, as far as the token tells.
#[derive(Serialize)]
struct WhoAmI {
    iss: String,
    sub: Option<String>,
    client_id: Option<String>,
    scopes: Vec<String>,
    roles: Vec<String>,
}

async fn whoami(caller: Caller) -> Json<WhoAmI> {
    Json(WhoAmI {
        iss: caller.issuer().to_owned(),
        sub: caller.subject().map(str::to_owned),
        client_id: caller.client_id().map(str::to_owned),
        scopes: caller.scopes().iter().map(ToString::to_string).collect(),
        roles: caller.roles().iter().map(ToString::to_string).collect(),
    })
}

async fn admin(caller: Caller) -> Result<&'static str, Problem> {
    caller.require_role("admin")?;
    Ok("Welcome, admin.")
}

async fn scoped(caller: Caller) -> Result<&'static str, Problem> {
    caller.require_scope("read:reports")?;
    Ok("The reports.")
}

/// The state of each issuer. The probe is open, so it does not tell how a provider fails: that is in the log.
#[derive(Serialize)]
struct Readiness {
    issuers: Vec<Issuer>,
}

#[derive(Serialize)]
struct Issuer {
    issuer: String,
    state: IssuerState,
}

async fn ready(auth: web::Data<Auth>) -> Result<Json<Readiness>, Problem> {
    let health = auth.health();
    let issuer = |issuer: &IssuerHealth| Issuer { issuer: issuer.issuer.clone(), state: issuer.state };
    let issuers: Vec<_> = health.issuers().iter().map(issuer).collect();
    if health.is_ready() {
        Ok(Json(Readiness { issuers }))
    } else {
        Err(Problem::from(Reason::KeysUnavailable).with("issuers", issuers))
    }
}

/// Stands in until the service client exists.
async fn relay_many(on_loopback: bool) -> Problem {
    if on_loopback { relay().await } else { Problem::new(404, "Not Found") }
}

/// Stands in until the service client exists.
async fn relay() -> Problem {
    Problem::new(501, "Not Implemented").detail("The service client does not exist yet.")
}
