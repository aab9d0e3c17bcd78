//! The reference service on axum: its routes, and who may call them.
//!
//! `reference-actix` is the same service on actix, answer for answer. The contract of both stands in `docs/architecture.md`.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::IntoResponse,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use linchpin::{
    Auth, IssuerHealth, IssuerState, Reason,
    axum::{
        Caller, Problem,
        routes::{Guarded, Routes, authenticated, get, post, public, require},
    },
    roles, scopes,
};
use reference_relay::{MAX_BODY, Made, OF_ELSEWHERE, Unreadable, Upstream};
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
pub fn routes(on_loopback: bool) -> Routes<Service> {
    Routes::new()
        .route("/healthz", get(public(), async || "ok"))
        .route("/readyz", get(public(), ready))
        .route("/whoami", get(authenticated(), whoami))
        .route("/admin", get(require::<Admin>(), async || "Welcome, admin."))
        .route("/scoped", get(require::<ReadReports>(), async || "The reports."))
        .route("/relay", get(authenticated(), relay))
        .route("/relay-many", post(public(), move |headers, body| relay_many(on_loopback, headers, body)))
}

/// The routes behind their policies. Who has no token learns nothing about which paths exist.
pub fn app(auth: Auth, upstream: Upstream, on_loopback: bool) -> Guarded {
    let service = Service { auth: auth.clone(), upstream };
    routes(on_loopback).with_state(service).guarded_by(auth.gate())
}

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Service {
    auth: Auth,
    upstream: Upstream,
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

async fn ready(State(service): State<Service>) -> Result<Json<Readiness>, Problem> {
    let health = service.auth.health();
    let issuer = |issuer: &IssuerHealth| Issuer { issuer: issuer.issuer.clone(), state: issuer.state };
    let issuers: Vec<_> = health.issuers().iter().map(issuer).collect();
    if health.is_ready() {
        Ok(Json(Readiness { issuers }))
    } else {
        Err(Problem::from(Reason::KeysUnavailable).with("issuers", issuers))
    }
}

/// What the upstream service says. Trouble with it becomes 502, 503 or 504.
async fn relay(State(service): State<Service>) -> Result<impl IntoResponse, Problem> {
    let relayed = service.upstream.call().await?;
    Ok(([(header::CONTENT_TYPE, relayed.content_type)], relayed.body))
}

/// Not an example to follow: `reference_relay::relay_many` says why.
async fn relay_many(on_loopback: bool, headers: HeaderMap, body: Body) -> Result<Json<Made>, Problem> {
    let read = async {
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| match error {
            error if error.is::<LengthLimitError>() => Unreadable::TooLarge,
            _ => Unreadable::Broken,
        })?;
        Ok(body.to_bytes())
    };
    let is_from_elsewhere = OF_ELSEWHERE.iter().any(|name| headers.contains_key(*name));
    Ok(Json(reference_relay::relay_many(on_loopback, is_from_elsewhere, read).await?))
}
