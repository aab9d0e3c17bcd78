//! Starts the reference service on actix, as `docs/settings.md` says.

use std::{
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use actix_web::{App, HttpServer};
use linchpin::{Auth, ConfigError, actix::observe, metrics, otel::Telemetry};
use reference_relay::Upstream;

#[actix_web::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reference-actix: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let Settings { address, telemetry, auth, upstream } = settings()?;
    telemetry.watch(metrics::of_auth(&auth));
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");

    let observer = telemetry.observer();
    let app = reference_actix::app(auth, upstream, address.ip().is_loopback());
    // actix stops on SIGTERM and SIGINT by itself, after requests under way have ended.
    HttpServer::new(move || App::new().configure(app.clone()).wrap(observe(observer.clone())))
        // A client that has gone is not waited for, as in axum: its request ends as cancelled.
        .h1_allow_half_closed(false)
        .shutdown_timeout(PATIENCE_SECONDS)
        .listen(listener)?
        .run()
        .await?;
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
        problems.take(Telemetry::builder("reference-actix").version(env!("CARGO_PKG_VERSION")).init());
    let address = problems.take(bind_address());
    let auth = problems.take(Auth::from_env());
    let upstream = problems.take(Upstream::from_env("reference-actix"));
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

/// How long requests under way may take after the signal to stop.
const PATIENCE_SECONDS: u64 = 5;

/// How long what is left of the telemetry may take to arrive.
const FLUSH: Duration = Duration::from_secs(5);
