//! Starts the reference service on axum, as `docs/settings.md` says.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use linchpin::{Auth, ConfigError, axum::observe, metrics, otel::Telemetry};
use reference_relay::Upstream;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reference-axum: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let Settings { address, telemetry, auth, upstream } = settings()?;
    telemetry.watch(metrics::of_auth(&auth));
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");

    let app =
        reference_axum::app(auth, upstream, address.ip().is_loopback()).layer(observe(telemetry.observer()));
    let server = axum::serve(listener, app.into_make_service_with_connect_info())
        .with_graceful_shutdown(stop_signal());
    tokio::select! {
        served = async { server.await } => served?,
        () = async { stop_signal().await; tokio::time::sleep(PATIENCE).await } => {
            tracing::warn!("some requests have not ended in time");
        }
    }
    tracing::info!("stopped");
    telemetry.shutdown(FLUSH).await;
    Ok(())
}

struct Settings {
    address: SocketAddr,
    telemetry: Telemetry,
    auth: Auth,
    upstream: Upstream,
}

/// Reads everything from the environment, and reports all that is wrong at once.
fn settings() -> Result<Settings, ConfigError> {
    let mut problems = ConfigError::collect();
    let telemetry =
        problems.take(Telemetry::builder("reference-axum").version(env!("CARGO_PKG_VERSION")).init());
    let address = problems.take(bind_address());
    let auth = problems.take(Auth::from_env());
    let upstream = problems.take(Upstream::from_env("reference-axum"));
    problems.check()?;
    match (address, telemetry, auth, upstream) {
        (Some(address), Some(telemetry), Some(auth), Some(upstream)) => {
            Ok(Settings { address, telemetry, auth, upstream })
        }
        _ => Err(ConfigError::collect()),
    }
}

fn bind_address() -> Result<SocketAddr, ConfigError> {
    let address = std::env::var("BIND_ADDR").unwrap_or_default();
    let address = if address.is_empty() { "127.0.0.1:8080" } else { &address };
    address.parse().map_err(|_| {
        let fix = "give an IP address and a port, for example 127.0.0.1:8080";
        ConfigError::single("BIND_ADDR", format!("is {address:?}"), fix)
    })
}

async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// How long requests under way may take after the signal to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long what is left of the telemetry may take to arrive.
const FLUSH: Duration = Duration::from_secs(5);
