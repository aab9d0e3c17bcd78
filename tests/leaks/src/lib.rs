//! Whether anything secret gets into a log.
//!
//! [`Log`] takes every line of this process, of all crates and at the level TRACE, as JSON and as text. [`Secrets`] knows what must
//! not stand in one, and finds each part of 16 bytes of it. [`relayed`] drives whatever has a secret of its own; what the attack
//! table sends comes beside. This package is apart because it is never published and knows both services.

mod drive;
mod log;
mod secrets;

pub use self::{drive::relayed, log::Log, secrets::Secrets};
