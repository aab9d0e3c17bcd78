//! The vocabulary of the linchpin family: who is calling, why a request is refused, and what the caller is told.
//!
//! This crate knows no web framework, no token format and no clock of its own. It is apart so that a verifier
//! (`linchpin-jwt`) and an adapter (`linchpin-tower`, `linchpin-axum`, `linchpin-actix`) can meet without depending on
//! each other: a verifier implements [`VerifyToken`], an adapter holds a [`Gate`], and both speak of a [`Caller`] and a
//! [`Refusal`]. Every answer is made here, as an [`Answer`], which is why two frameworks give the same one.
//!
//! # Examples
//!
//! A verifier for one fixed token, behind the gate that every adapter uses:
//!
//! ```
//! use std::sync::Arc;
//! use linchpin_core::{Caller, Check, Gate, Outcome, Reason, Refusal, Timestamp, VerifyToken};
//!
//! struct OneToken;
//!
//! impl VerifyToken for OneToken {
//!     fn verify(&self, token: &str, _now: Timestamp) -> Outcome {
//!         match token {
//!             "letmein" => Outcome::Ready(Ok(Arc::new(Caller::builder("https://id.example").subject("ann").build()))),
//!             _ => Outcome::Ready(Err(Refusal::new(Reason::MalformedToken))),
//!         }
//!     }
//! }
//!
//! let gate = Gate::new(Arc::new(OneToken));
//! let Check::Admit(identity) = gate.check([b"Bearer letmein".as_slice()]) else { panic!("refused") };
//! assert_eq!(identity.caller().and_then(Caller::subject), Some("ann"));
//!
//! let Check::Refuse(answer) = gate.check([b"Bearer other".as_slice()]) else { panic!("admitted") };
//! assert_eq!(answer.status(), 401);
//! ```
//!
//! What a caller may is said by [`Requirement`]s, which are types: [`scopes!`], [`roles!`] and [`step_up!`] declare them,
//! [`AnyOf`] and [`AllOf`] combine them. A [`Policy`] is whom a route admits, and a [`RouteTable`] lists all of them.
//!
//! # Features
//!
//! - `test-util`: `FakeClock`, a clock that moves only when told to.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod config_error;
mod credential;
mod description;
mod facts;
mod gate;
mod marker;
mod openapi;
mod policy;
mod problem;
mod reason;
mod refusal;
mod request_id;
mod requirement;
mod resource_metadata;
mod role;
mod route_table;
mod scope;
mod slots;
mod step_up;
mod subject_token;
mod time;
mod verify;

pub use self::{
    caller::{Caller, CallerBuilder},
    config_error::{ConfigError, Misconfiguration},
    credential::token_from_authorization,
    description::{Condition, Description},
    facts::Facts,
    gate::{Check, Gate, Identity, Waiting},
    openapi::OpenApiError,
    policy::{IntoPolicy, Policy},
    problem::{Answer, Challenge, Extensions, Problem},
    reason::Reason,
    refusal::Refusal,
    request_id::{InvalidRequestId, RequestId},
    requirement::{AdmitRestricted, AllOf, AnyOf, Authenticated, Requirement},
    resource_metadata::{ResourceMetadata, ResourceMetadataBuilder},
    role::Role,
    route_table::{DeclaredRoute, RouteTable, Undeclared},
    scope::{InvalidScope, Scope},
    step_up::StepUp,
    subject_token::SubjectToken,
    time::{Clock, SystemClock, Timestamp},
    verify::{Outcome, Pending, VerifyToken},
};

#[cfg(feature = "test-util")]
pub use self::time::FakeClock;
