//! The reference service on axum: its routes, and who may call them.
//!
//! `reference-actix` is the same service on actix, answer for answer. The contract of both stands in `docs/architecture.md`.

use axum::{Json, extract::State};
use linchpin::{
    Auth, IssuerHealth, IssuerState, Reason,
    axum::{
        Caller, Problem,
        routes::{Guarded, Routes, authenticated, get, post, public, require},
    },
    roles, scopes,
};
use serde::Serialize;

scopes! {
    /// May read the reports.
    pub ReadReports = "read:reports";
}

roles! {
    /// Runs the service.
    pub Admin = "admin";
}

/// The routes, each with whom it admits; `on_loopback` says whether the open relay may be served at all.
pub fn routes(on_loopback: bool) -> Routes<Auth> {
    Routes::new()
        .route("/healthz", get(public(), async || "ok"))
        .route("/readyz", get(public(), ready))
        .route("/whoami", get(authenticated(), whoami))
        .route("/admin", get(require::<Admin>(), async || "Welcome, admin."))
        .route("/scoped", get(require::<ReadReports>(), async || "The reports."))
        .route("/relay", get(authenticated(), relay))
        .route("/relay-many", post(public(), move || relay_many(on_loopback)))
}

/// The routes behind their policies. Who has no token learns nothing about which paths exist.
pub fn app(auth: Auth, on_loopback: bool) -> Guarded {
    routes(on_loopback).with_state(auth.clone()).guarded_by(auth.gate())
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
