//! The middleware that observes requests: actix's shell around an [`Observer`](linchpin_trace::Observer).

mod body;
mod future;
mod middleware;
mod service;

pub use self::{
    body::ObservedBody,
    future::ResponseFuture,
    middleware::{ObserveMiddleware, observe},
    service::Observe,
};
