//! The reference service on actix: its routes, and who may call them.
//!
//! `reference-axum` is the same service on axum, answer for answer. The contract of both stands in `docs/architecture.md`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Payload, ServiceConfig},
};
use linchpin::{
    Auth, IssuerHealth, IssuerState, Reason,
    actix::{
        Caller, Problem,
        routes::{Routes, authenticated, get, post, public, require},
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
pub fn routes(on_loopback: bool) -> Routes {
    Routes::new()
        .route("/healthz", get(public(), async || "ok"))
        .route("/readyz", get(public(), ready))
        .route("/whoami", get(authenticated(), whoami))
        .route("/admin", get(require::<Admin>(), async || "Welcome, admin."))
        .route("/scoped", get(require::<ReadReports>(), async || "The reports."))
        .route("/relay", get(authenticated(), relay))
        .route("/relay-many", post(public(), move |request, body| relay_many(on_loopback, request, body)))
}

/// The routes behind their policies, for `App::configure`. Who has no token learns nothing about which paths exist.
pub fn app(auth: Auth, upstream: Upstream, on_loopback: bool) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(Data::new(auth.clone()))
            .app_data(Data::new(upstream.clone()))
            .service(routes(on_loopback).guarded_by(auth.gate()));
    }
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

async fn ready(auth: Data<Auth>) -> Result<Json<Readiness>, Problem> {
    let health = auth.health();
    let issuer = |issuer: &IssuerHealth| Issuer { issuer: issuer.issuer.clone(), state: issuer.state };
    let issuers: Vec<_> = health.issuers().iter().map(issuer).collect();
    if health.is_ready() {
        Ok(Json(Readiness { issuers }))
    } else {
        Err(Problem::from(Reason::KeysUnavailable).with("issuers", issuers))
    }
}

/// What the upstream service says. Trouble with it becomes 502, 503 or 504.
async fn relay(upstream: Data<Upstream>) -> Result<HttpResponse, Problem> {
    let relayed = upstream.call().await?;
    Ok(HttpResponse::Ok().content_type(relayed.content_type).body(relayed.body))
}

/// Not an example to follow: `reference_relay::relay_many` says why.
async fn relay_many(on_loopback: bool, request: HttpRequest, body: Payload) -> Result<Json<Made>, Problem> {
    let read = async {
        let body = body.to_bytes_limited(MAX_BODY).await.map_err(|_| Unreadable::TooLarge)?;
        body.map_err(|_| Unreadable::Broken)
    };
    let is_from_elsewhere = OF_ELSEWHERE.iter().any(|name| request.headers().contains_key(*name));
    Ok(Json(reference_relay::relay_many(on_loopback, is_from_elsewhere, read).await?))
}
