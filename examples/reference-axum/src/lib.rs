//! The reference service on axum: its routes, and who may call them.
//!
//! `reference-actix` is the same service on actix, answer for answer. The contract of both stands in `docs/architecture.md`.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use linchpin::{
    Auth, IssuerHealth, IssuerState, Reason,
    axum::{Caller, Problem},
};
use serde::Serialize;

/// The routes. What stands outside the layer is open; `on_loopback` says whether the open relay may be served at all.
pub fn app(auth: Auth, on_loopback: bool) -> Router {
    let protected = Router::new()
        .route("/whoami", get(whoami))
        .route("/admin", get(admin))
        .route("/scoped", get(scoped))
        .route("/relay", get(relay))
        .layer(auth.layer()); // around unknown paths too: who has no token learns nothing about which exist
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/relay-many", post(move || relay_many(on_loopback)))
        .with_state(auth)
        .merge(protected)
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

async fn ready(State(auth): State<Auth>) -> Result<Json<Readiness>, Problem> {
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
