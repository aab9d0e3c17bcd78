//! Starts the reference service on actix, as `docs/settings.md` says.

use std::{
    io::{self, IsTerminal},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};

use actix_web::{App, HttpServer};
use linchpin::{Auth, ConfigError};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

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
    let (address, auth) = settings()?;
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");

    let app = reference_actix::app(auth, address.ip().is_loopback());
    // actix stops on SIGTERM and SIGINT by itself, after requests under way have ended.
    HttpServer::new(move || App::new().configure(app.clone()))
        .shutdown_timeout(PATIENCE_SECONDS)
        .listen(listener)?
        .run()
        .await?;
    tracing::info!("stopped");
    Ok(())
}

/// Reads everything from the environment, and reports all that is wrong at once.
fn settings() -> Result<(SocketAddr, Auth), ConfigError> {
    let mut problems = ConfigError::collect();
    problems.take(start_log());
    let address = problems.take(bind_address());
    let auth = problems.take(Auth::from_env());
    problems.check()?;
    address.zip(auth).ok_or_else(ConfigError::collect)
}

fn bind_address() -> Result<SocketAddr, ConfigError> {
    let address = std::env::var("BIND_ADDR").unwrap_or_default();
    let address = if address.is_empty() { "127.0.0.1:8080" } else { &address };
    address.parse().map_err(|_| {
        let fix = "give an IP address and a port, for example 127.0.0.1:8080";
        ConfigError::single("BIND_ADDR", format!("is {address:?}"), fix)
    })
}

/// JSON lines on standard output; `RUST_LOG` sets the level, which is `info` otherwise.
fn start_log() -> Result<(), ConfigError> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env();
    let filter = filter.map_err(|error| {
        ConfigError::single(
            "RUST_LOG",
            format!("is not understood: {error}"),
            "give a level, for example info",
        )
    })?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_ansi(io::stdout().is_terminal())
        .with_env_filter(filter)
        .init();
    Ok(())
}

/// How long requests under way may take after the signal to stop.
const PATIENCE_SECONDS: u64 = 5;
