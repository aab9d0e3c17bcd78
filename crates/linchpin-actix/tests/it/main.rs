//! The middleware and the extractors in real actix applications.

mod extractors;
mod messages;
mod middleware;
mod require;
mod routes;
mod support;
mod wire;
