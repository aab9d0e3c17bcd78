//! Telemetry and the collectors that it is sent to, over sockets.

mod across;
mod docs;
#[cfg(feature = "grpc")]
mod grpc;
mod metrics;
mod prometheus;
mod support;
mod traces;
mod trouble;
