//! The middleware and the extractors in real actix applications.

mod extractors;
mod messages;
mod middleware;
mod observe;
mod require;
mod routes;
mod support;
mod wire;
