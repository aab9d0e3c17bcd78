//! How do I call the next service? Clients that are authenticated, bounded in time and number, and observable.
//!
//! A [`Client`] calls one upstream service. Unless told otherwise it has time-outs, retries what may be retried and no more than a
//! part of its calls, stops calling an upstream that fails, and hands request id, trace context and deadline of the current request
//! on. It speaks HTTP/1.1, plain or over TLS. This crate is apart because it needs an HTTP client and a runtime (tokio), which the verification of tokens does not; the HTTP
//! client stays inside.
//!
//! # Examples
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use linchpin_client::{Breaker, Client, Retries};
//! use linchpin_core::Problem;
//! use linchpin_oauth::StaticToken;
//!
//! #[derive(serde::Deserialize)]
//! struct Invoice {
//!     total: u64,
//! }
//!
//! fn billing() -> Result<Client, linchpin_core::ConfigError> {
//!     Client::builder("billing", "https://billing.internal/api")
//!         .service("grades", "1.2.3")
//!         .token_source(StaticToken::new("abc.def")?)
//!         .total_timeout(Duration::from_secs(5))
//!         .retries(Retries::default().budget(0.1, 10))
//!         .breaker(Breaker::default().failure_ratio(0.5))
//!         .build()
//! }
//!
//! /// In a handler: trouble upstream becomes 502, 503 or 504.
//! async fn total(billing: &Client, id: &str) -> Result<u64, Problem> {
//!     let invoice: Invoice = billing.get("/invoices").segment(id).send_json().await?;
//!     Ok(invoice.total)
//! }
//! # let _ = (billing, total);
//! ```
//!
//! # Features
//!
//! None.

mod base;
mod body;
mod breaker;
mod budget;
mod builder;
mod bulkhead;
mod call;
mod client;
mod credential;
mod env;
mod error;
mod health;
mod jitter;
mod limit;
mod propagation;
mod received;
mod request;
mod response;
mod retries;
mod retry_after;
mod service;
mod upstream_problem;
mod watch;
mod window;

pub use self::{
    body::Body,
    breaker::{Breaker, BreakerState},
    builder::ClientBuilder,
    bulkhead::Bulkhead,
    client::Client,
    env::{SETTINGS, Setting},
    error::{Error, ErrorKind},
    health::ClientHealth,
    request::RequestBuilder,
    response::Response,
    retries::Retries,
    service::{ClientFuture, ClientService},
    upstream_problem::UpstreamProblem,
};
