//! Telemetry that arrives: traces, metrics and logs for a collector, by the variables that OpenTelemetry has named.
//!
//! It is apart because it is the one crate that knows the crates of OpenTelemetry, and of those only the messages on the wire:
//! ids, sampling and spans are `linchpin-trace`'s, so that log lines, headers and traces agree, whether anything is exported or not.
//!
//! # Examples
//!
//! ```no_run
//! use std::time::Duration;
//! use linchpin_otel::Telemetry;
//!
//! # async fn serve(_: linchpin_trace::Observer) {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), linchpin_core::ConfigError> {
//! let telemetry = Telemetry::from_env("grades")?;     // log, traces, metrics: RUST_LOG, OTEL_EXPORTER_OTLP_ENDPOINT, …
//! serve(telemetry.observer()).await;
//! telemetry.shutdown(Duration::from_secs(5)).await;   // sends what waits
//! # Ok(())
//! # }
//! ```
//!
//! # What is measured
//!
//! [`METRICS`] lists it: requests and calls by the stable conventions for HTTP, authentication by outcome, the process, and what
//! [sources](Telemetry::watch) add. It goes to the collector, or to Prometheus with `OTEL_METRICS_EXPORTER=prometheus`.
//!
//! # What is recorded
//!
//! The spans of requests, outgoing calls and background tasks, and whatever spans of level INFO and above a service opens within
//! them, as long as the trace is sampled. Their names and attributes follow OpenTelemetry's stable conventions for HTTP.
//!
//! # What is logged
//!
//! Every line that `RUST_LOG` lets through, with the ids of its request and its span; `OTEL_LOGS_EXPORTER=none` leaves lines to
//! standard output alone.
//!
//! # Features
//!
//! - `grpc`: OTLP over gRPC too (`OTEL_EXPORTER_OTLP_PROTOCOL=grpc`), by tonic.

mod config;
mod export;
mod lines;
mod metrics;
mod own_thread;
mod queue;
mod resource;
mod sender;
mod settings;
mod signal;
mod spans;
mod tallies;
mod tasks;
mod telemetry;
mod value;
mod vars;

use self::signal::Signal;
pub use self::{
    metrics::{
        BREAKER, CALLS_IN_FLIGHT, CALLS_WAITING, KEY_FETCHES, KEYS, KEYS_AGE, KEYS_SKIPPED, KEYS_USABLE,
        METRICS, MetricInfo, MetricKind, Readings, TOKEN_FETCHES, prometheus_name,
    },
    settings::{SETTINGS, Setting},
    tallies::{AllDelivered, Delivered},
    telemetry::{Telemetry, TelemetryBuilder},
};
