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
//! # Features
//!
//! - `test-util`: `FakeClock`, a clock that moves only when told to.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod config_error;
mod credential;
mod gate;
mod problem;
mod reason;
mod refusal;
mod request_id;
mod role;
mod scope;
mod slots;
mod time;
mod verify;

pub use self::{
    caller::{Caller, CallerBuilder},
    config_error::{ConfigError, Misconfiguration},
    credential::token_from_authorization,
    gate::{Check, Gate, Identity, Waiting},
    problem::{Answer, Challenge, Extensions, Problem},
    reason::Reason,
    refusal::Refusal,
    request_id::{InvalidRequestId, RequestId},
    role::Role,
    scope::{InvalidScope, Scope},
    time::{Clock, SystemClock, Timestamp},
    verify::{Outcome, Pending, VerifyToken},
};

#[cfg(feature = "test-util")]
pub use self::time::FakeClock;
