//! Clients and upstreams over loopback sockets, in paused time.

mod answers;
mod breaker;
mod builder;
mod bulkhead;
mod deadlines;
mod env;
mod hostile;
mod propagation;
mod redirects;
mod requests;
mod retries;
mod service;
mod spans;
mod streams;
mod support;
mod tokens;
