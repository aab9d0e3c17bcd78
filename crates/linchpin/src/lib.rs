//! Who is calling? One layer around a service's routes that verifies tokens strictly, answers refusals the way the RFCs
//! ask, and stays alive through an outage of the identity provider; the same in axum, actix and tower.
//!
//! This crate is the front door of a family of small ones. It re-exports them, one feature for each, pins the versions that
//! were tested together, and owns one type: [`Auth`], from settings to layer.
//!
//! # axum
//!
#![cfg_attr(all(feature = "axum", feature = "remote"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "remote")), doc = "```ignore")]
//! use axum::{Json, Router, routing::get};
//! use linchpin::{Auth, axum::{Caller, Problem}};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::from_env()?;                       // AUTH_ISSUER, AUTH_AUDIENCE, …
//!     let protected = Router::new()
//!         .route("/grades", get(grades))
//!         .layer(auth.layer());                           // refuses whoever has no valid token
//!     let app = Router::new()
//!         .route("/healthz", get(|| async { "ok" }))      // open: it stands outside the layer
//!         .merge(protected);
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//!
//! async fn grades(caller: Caller) -> Result<Json<Vec<u8>>, Problem> {
//!     caller.require_scope("grades:read")?;               // else 403, and the challenge names the scope
//!     Ok(Json(vec![1, 2, 3]))
//! }
//! ```
//!
//! # actix
//!
#![cfg_attr(all(feature = "actix", feature = "remote"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "actix", feature = "remote")), doc = "```ignore")]
//! use actix_web::{App, HttpServer, web};
//! use linchpin::{Auth, actix::{Caller, Problem}};
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::from_env()?;                       // once, outside the factory: workers share the keys
//!     let app = move || {
//!         App::new()
//!             .route("/healthz", web::get().to(|| async { "ok" }))
//!             .service(web::scope("").wrap(auth.middleware()).route("/grades", web::get().to(grades)))
//!     };
//!     Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
//! }
//!
//! async fn grades(caller: Caller) -> Result<web::Json<Vec<u8>>, Problem> {
//!     caller.require_scope("grades:read")?;
//!     Ok(web::Json(vec![1, 2, 3]))
//! }
//! ```
//!
//! # What a client is told
//!
//! | status | when |
//! |---|---|
//! | 400 | the `Authorization` header is malformed or repeated |
//! | 401 | there is no credential, or it fails; the problem body says why in its member `reason` |
//! | 403 | the caller is known and may not |
//! | 503 | it cannot be decided now: no keys; `Retry-After` says when to come back |
//! | 500 | an extractor on a route without the layer: our own mistake, and an error in the log |
//!
//! [`Reason`] lists them all.
//!
//! # Features
//!
//! - `remote` (default): keys fetched from the issuer, and `Auth::from_env`.
//! - `config-file`: several issuers in a TOML or JSON file: `AUTH_CONFIG`, `Auth::from_file`.
//! - `axum`, `actix`, `tower`: the adapter of that name, as a module.
//! - `client`: the module `client`: calls to other services, with tokens, time-outs, retries, deadlines and a circuit breaker.
//! - `otel`: traces and metrics for a collector (OTLP) or for Prometheus: the modules `otel` and `metrics`.
//! - `otel-grpc`: OTLP over gRPC too.
//! - `rbac`: the module `rbac`: roles with contexts, the policies of Open edX, a door for policy engines.
//! - `routes`: the module `axum::routes`, in which every route has a policy; `actix::routes` needs no feature.
//! - `service-token`: the module `service_token`, the service's own token for outgoing calls from the environment.
//! - `trace`: request ids, W3C trace context, spans and log lines: the module `trace`, and `axum::observe`; `actix::observe` and
//!   `tower::ObserveLayer` come with their adapters.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod builder;
#[cfg(feature = "config-file")]
mod config_file;
#[cfg(feature = "remote")]
mod env;
mod health;
mod issuer;
#[cfg(feature = "otel")]
pub mod metrics;
mod providers;
#[cfg(feature = "remote")]
mod reader;
#[cfg(feature = "service-token")]
pub mod service_token;
#[cfg(feature = "remote")]
mod settings;
#[cfg(feature = "remote")]
mod vars;

#[cfg(feature = "actix")]
pub use linchpin_actix as actix;
#[cfg(feature = "axum")]
pub use linchpin_axum as axum;
#[cfg(feature = "client")]
pub use linchpin_client as client;
pub use linchpin_core as core;
pub use linchpin_core::{
    AdmitRestricted, AllOf, AnyOf, Authenticated, Check, Clock, Condition, ConfigError, Description,
    Extensions, Facts, Gate, Identity, Outcome, Policy, Reason, Refusal, Requirement, ResourceMetadata, Role,
    RouteTable, Scope, StepUp, SystemClock, Timestamp, Undeclared, VerifyToken, roles, scopes, step_up,
};
pub use linchpin_jwt as jwt;
#[cfg(feature = "remote")]
pub use linchpin_oauth as oauth;
#[cfg(feature = "otel")]
pub use linchpin_otel as otel;
#[cfg(feature = "rbac")]
pub use linchpin_rbac as rbac;
#[cfg(feature = "tower")]
pub use linchpin_tower as tower;
#[cfg(feature = "trace")]
pub use linchpin_trace as trace;

#[cfg(feature = "remote")]
pub use self::settings::{SETTINGS, Setting};
pub use self::{
    auth::Auth,
    builder::{AuthBuilder, Several},
    health::{Health, IssuerHealth, IssuerState},
};

/// Compiles the README's examples.
#[cfg(all(
    doctest,
    feature = "actix",
    feature = "axum",
    feature = "remote",
    feature = "routes",
    feature = "trace"
))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Compiles and runs the examples of the guide.
#[cfg(all(doctest, feature = "axum", feature = "rbac", feature = "remote", feature = "routes"))]
#[doc = include_str!("../../../docs/guide/authorization.md")]
struct Authorization;

/// Compiles and runs the examples of the guide's second chapter.
#[cfg(all(doctest, feature = "axum", feature = "rbac", feature = "routes"))]
#[doc = include_str!("../../../docs/guide/contexts.md")]
struct Contexts;

/// Compiles and runs the examples of the guide's third chapter.
#[cfg(all(doctest, feature = "actix", feature = "axum", feature = "remote", feature = "trace"))]
#[doc = include_str!("../../../docs/guide/observing.md")]
struct Observing;

/// Compiles and runs the examples of the guide's chapter on outgoing calls.
#[cfg(all(doctest, feature = "axum", feature = "client"))]
#[doc = include_str!("../../../docs/guide/calling.md")]
struct Calling;

/// Compiles the examples of the guide's chapter on tokens.
#[cfg(all(doctest, feature = "axum", feature = "remote"))]
#[doc = include_str!("../../../docs/guide/tokens.md")]
struct Tokens;

/// Compiles the guide's first chapter, and runs its test.
#[cfg(all(doctest, feature = "actix", feature = "axum", feature = "remote", feature = "trace"))]
#[doc = include_str!("../../../docs/guide/start.md")]
struct Start;
