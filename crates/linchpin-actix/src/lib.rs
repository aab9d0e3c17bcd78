//! Who is calling, in actix: a middleware that verifies, extractors that read, and problems as responses.
//!
//! [`VerifyMiddleware`] refuses requests without a valid token. Behind it, [`Caller`], [`OptionalCaller`] and [`Claims`]
//! give a handler what the middleware found; none of them verifies anything, and none takes anything away, so that a
//! handler may have several. [`Problem`] lets handlers use `?` on a [`Refusal`](linchpin_core::Refusal).
//!
//! What the caller may is asked by [`Require`] in a handler, by the middleware [`require`](require()) around a route or a group of
//! them, or by the module [`routes`], in which every route has to name its policy.
//!
//! The middleware [`observe`](observe()) stands outermost: request id, trace, span and access line of every request, refusals
//! included. [`RequestContext`], [`RequestId`] and [`ClientAddress`] give them to a handler.
//!
//! This crate is apart because it alone knows actix. The names, checks and answers are those of `linchpin-axum`: status,
//! header set and body are the same, byte for byte (actix writes headers in an order of its own).
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use actix_web::{App, test, web};
//! use linchpin_actix::{Caller, Problem, VerifyMiddleware};
//! use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
//!
//! // Stands in for the verifier of `linchpin-jwt`.
//! struct OneToken;
//!
//! impl VerifyToken for OneToken {
//!     fn verify(&self, token: &str, _now: Timestamp) -> Outcome {
//!         Outcome::Ready(match token {
//!             "letmein" => Ok(Arc::new(linchpin_core::Caller::builder("https://id.example").subject("ann").build())),
//!             _ => Err(Reason::MalformedToken.into()),
//!         })
//!     }
//! }
//!
//! async fn grades(caller: Caller) -> Result<String, Problem> {
//!     caller.require_scope("grades:read")?;
//!     Ok(format!("The grades of {}", caller.subject().unwrap_or_default()))
//! }
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let protected = web::scope("").wrap(VerifyMiddleware::new(Arc::new(OneToken))).route("/grades", web::get().to(grades));
//! let app = App::new().route("/healthz", web::get().to(async || "ok")).service(protected);
//! let app = test::init_service(app).await;
//!
//! let status = async |path: &str, authorization: &'static str| {
//!     let request = test::TestRequest::with_uri(path).insert_header(("authorization", authorization));
//!     test::call_service(&app, request.to_request()).await.status().as_u16()
//! };
//! assert_eq!(status("/healthz", "").await, 200);
//! assert_eq!(status("/grades", "Bearer other").await, 401);
//! assert_eq!(status("/grades", "Bearer letmein").await, 403);
//! # }
//! ```
//!
//! # Features
//!
//! None.

mod caller;
mod claims;
mod context;
mod future;
mod middleware;
pub mod observe;
mod problem;
mod rejection;
mod require;
mod require_middleware;
mod response;
pub mod routes;
mod service;
mod subject_token;
mod withheld;

pub use self::{
    caller::{Caller, OptionalCaller},
    claims::Claims,
    context::{ClientAddress, RequestContext, RequestId},
    future::ResponseFuture,
    middleware::VerifyMiddleware,
    observe::{Observe, ObserveMiddleware, observe},
    problem::Problem,
    rejection::Rejection,
    require::{Decided, Require},
    require_middleware::{RequireMiddleware, RequireService, require},
    service::Verify,
    subject_token::SubjectToken,
};
