//! The layer that observes requests: tower's shell around an [`Observer`](linchpin_trace::Observer).

mod body;
mod future;
mod layer;
mod service;

pub use self::{body::ObservedBody, future::ResponseFuture, layer::ObserveLayer, service::Observe};
