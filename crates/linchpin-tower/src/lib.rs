//! A tower layer that asks who is calling before the inner service runs.
//!
//! [`VerifyLayer`] wraps any service over [`http::Request`]. It takes the bearer token from the `Authorization` header,
//! has a verifier judge it, and either passes the request on with an [`Identity`](linchpin_core::Identity) in its
//! extensions, or answers itself. Inside it, [`RequireLayer`] asks what the caller may. The decision is that of [`Gate`](linchpin_core::Gate); this crate is apart because it
//! is tower's shell around it and nothing else, so that axum, hyper and bare tower stacks share one. `linchpin-axum` adds
//! extractors on top, and `linchpin-actix` is the same shell for actix.
//!
//! # Examples
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//!
//! use http::{Request, Response};
//! use linchpin_core::{Caller, Identity, Outcome, Reason, Timestamp, VerifyToken};
//! use linchpin_tower::VerifyLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! // Stands in for the verifier of `linchpin-jwt`.
//! struct OneToken;
//!
//! impl VerifyToken for OneToken {
//!     fn verify(&self, token: &str, _now: Timestamp) -> Outcome {
//!         Outcome::Ready(match token {
//!             "letmein" => Ok(Arc::new(Caller::builder("https://id.example").subject("ann").build())),
//!             _ => Err(Reason::MalformedToken.into()),
//!         })
//!     }
//! }
//!
//! async fn hello(request: Request<String>) -> Result<Response<String>, Infallible> {
//!     let caller = request.extensions().get::<Identity>().and_then(Identity::caller);
//!     Ok(Response::new(format!("Hello, {}!", caller.and_then(Caller::subject).unwrap_or("stranger"))))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = VerifyLayer::new(Arc::new(OneToken)).layer(service_fn(hello));
//!
//! let request = Request::builder().header("authorization", "Bearer letmein").body(String::new())?;
//! assert_eq!(service.clone().oneshot(request).await?.into_body(), "Hello, ann!");
//!
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), 401);
//! assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="api""#);
//! # Ok(())
//! # }
//! ```
//!
//! [`ObserveLayer`] stands outermost: request id, trace, span and access line of every request, refusals included.
//!
//! # Features
//!
//! None.

mod future;
mod layer;
pub mod observe;
mod require;
mod response;
mod service;

pub use self::{
    future::ResponseFuture,
    layer::VerifyLayer,
    observe::{Observe, ObserveLayer},
    require::{Require, RequireLayer, require},
    response::into_response,
    service::Verify,
};
