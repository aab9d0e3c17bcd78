//! The layer around real tower services.

mod answers;
mod readiness;
mod require;
mod support;
