//! Starts the reference service on actix, as `docs/settings.md` says.

use std::{
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};

use actix_web::{App, HttpServer};
use linchpin::{
    Auth, ConfigError,
    actix::observe,
    trace::{Logs, Observer},
};

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
    let (address, observer, auth) = settings()?;
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");

    let app = reference_actix::app(auth, address.ip().is_loopback());
    // actix stops on SIGTERM and SIGINT by itself, after requests under way have ended.
    HttpServer::new(move || App::new().configure(app.clone()).wrap(observe(observer.clone())))
        // A client that has gone is not waited for, as in axum: its request ends as cancelled.
        .h1_allow_half_closed(false)
        .shutdown_timeout(PATIENCE_SECONDS)
        .listen(listener)?
        .run()
        .await?;
    tracing::info!("stopped");
    Ok(())
}

/// Reads everything from the environment, and reports all that is wrong at once.
fn settings() -> Result<(SocketAddr, Observer, Auth), ConfigError> {
    let mut problems = ConfigError::collect();
    problems.take(Logs::from_env().and_then(Logs::init));
    let address = problems.take(bind_address());
    let observer = problems.take(Observer::from_env("reference-actix"));
    let auth = problems.take(Auth::from_env());
    problems.check()?;
    match (address, observer, auth) {
        (Some(address), Some(observer), Some(auth)) => Ok((address, observer, auth)),
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
