//! The layer around real tower services.

mod answers;
mod observe;
mod readiness;
mod require;
mod support;
