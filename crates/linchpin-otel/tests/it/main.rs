//! Telemetry and the collectors that it is sent to, over sockets.

mod across;
mod docs;
mod metrics;
mod prometheus;
mod support;
mod traces;
mod trouble;
