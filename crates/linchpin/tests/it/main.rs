//! The facade: settings, and what they become. How requests are answered is the parity runner's to show.

#[cfg(feature = "config-file")]
mod config_file;
#[cfg(feature = "remote")]
mod env;
mod health;
mod keys;
#[cfg(all(feature = "client", feature = "otel"))]
mod metrics;
#[cfg(feature = "remote")]
mod providers;
#[cfg(feature = "service-token")]
mod service_token;
#[cfg(feature = "remote")]
mod several;
