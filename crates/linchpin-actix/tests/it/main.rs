//! The middleware and the extractors in real actix applications.

mod extractors;
mod middleware;
mod support;
mod wire;
