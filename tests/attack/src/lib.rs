//! Attacks on both reference services, over real sockets.
//!
//! [`suites()`] is the table: services that are configured in several ways, and what is sent to each, why it is refused, and
//! its valid twin, which is the good token nearest to it. The twin has to get in, so that a service which refuses
//! everything fails as well. The answers are those that the parity table promises: status, headers with the challenge, and
//! body with the reason. This package is apart because it is never published and knows both services.

mod attacks;
mod scene;
mod suites;
mod target;
mod text;

use linchpin_core::Reason;
use parity::Request;

use self::scene::Scene;
pub use self::{
    suites::{Suite, suites},
    target::Target,
};

/// One attack, and its valid twin.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it does, as a statement.
    pub name: String,
    /// What is sent.
    pub request: Request,
    /// Who refuses it, and why.
    pub refused: Refused,
    /// The nearest request that is answered 200.
    pub twin: Request,
}

/// Who refuses an attack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The layer, for this reason.
    For(Reason),
    /// The HTTP server, with 400 and without a word about credentials: no layer ever sees such bytes.
    AsHttp,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self::For(reason)
    }
}
