//! Telemetry and the collectors that it is sent to, over sockets.

mod across;
#[allow(dead_code, reason = "its main is for `cargo run`")]
#[path = "../../examples/dashboard.rs"]
mod dashboard;
mod docs;
#[cfg(feature = "grpc")]
mod grpc;
mod logs;
mod metrics;
mod pictures;
mod prometheus;
mod support;
mod traces;
mod trouble;
