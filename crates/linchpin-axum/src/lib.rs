//! Who is calling, in axum: a layer that verifies, extractors that read, and problems as responses.
//!
//! [`VerifyLayer`] (of `linchpin-tower`) refuses requests without a valid token. Behind it, [`Caller`],
//! [`OptionalCaller`] and [`Claims`] give a handler what the layer found; none of them verifies anything, and none takes
//! anything away, so that a handler may have several. [`Problem`] lets handlers use `?` on a
//! [`Refusal`](linchpin_core::Refusal).
//!
//! What the caller may is asked by [`Require`] in a handler, by the layer [`require()`] around a route or a group of them, or
//! by the module `routes`, in which every route has to name its policy.
//!
//! The layer `observe` stands outermost: request id, trace, span and access line of every request, refusals included.
//! [`RequestContext`], [`RequestId`] and [`ClientAddress`] give them to a handler.
//!
//! This crate is apart because it alone knows axum, and of that only `axum-core`, which seldom changes. The names, checks
//! and answers are those of `linchpin-actix`.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use linchpin_axum::{Caller, Problem, VerifyLayer};
//! use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
//! use tower::ServiceExt;
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
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let protected = Router::new().route("/grades", get(grades)).layer(VerifyLayer::new(Arc::new(OneToken)));
//! let app = Router::new().route("/healthz", get(|| async { "ok" })).merge(protected);
//!
//! let status = async |path: &str, authorization: &str| {
//!     let request = Request::get(path).header("authorization", authorization).body(Body::empty());
//!     app.clone().oneshot(request.unwrap()).await.map(|response| response.status().as_u16())
//! };
//! assert_eq!(status("/healthz", "").await?, 200);
//! assert_eq!(status("/grades", "Bearer other").await?, 401);
//! assert_eq!(status("/grades", "Bearer letmein").await?, 403);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `observe`: the layer `observe`, which finds the route and the peer where axum keeps them. It needs axum itself.
//! - `routes`: the module `routes`, a route table in which every route has a policy. It needs axum itself.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod claims;
mod context;
#[cfg(feature = "observe")]
mod observe;
mod problem;
mod rejection;
mod require;
#[cfg(feature = "routes")]
pub mod routes;
mod subject_token;

pub use linchpin_tower::{Observe, ObserveLayer, RequireLayer, ResponseFuture, Verify, VerifyLayer, require};

#[cfg(feature = "observe")]
pub use self::observe::observe;

pub use self::{
    caller::{Caller, OptionalCaller},
    claims::Claims,
    context::{ClientAddress, RequestContext, RequestId},
    problem::Problem,
    rejection::Rejection,
    require::Require,
    subject_token::SubjectToken,
};
