//! The layer and the extractors in a real axum router.

mod extractors;
mod layer;
mod messages;
mod observe;
mod require;
mod routes;
mod support;
