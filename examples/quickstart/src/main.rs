//! Two services, one token, one command.
//!
//! `cargo run -p quickstart` starts an identity provider, an axum service and an actix service as processes of their own,
//! sends them good and bad requests over HTTP, has them call each other, takes the provider away and brings it back, and prints what was sent, what came
//! back and what that shows. It succeeds only if every answer is as expected.

mod cases;
mod chain;
mod process;
mod report;
mod roles;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{process::Process, report::Report, roles::Role};

/// Starts an identity provider, an axum service and an actix service, and shows what they accept and refuse.
#[derive(Parser)]
struct Arguments {
    /// Keep everything running afterwards, and print curl lines to try.
    #[arg(long)]
    serve: bool,

    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    role: Option<Roles>,
}

#[derive(Subcommand)]
enum Roles {
    /// Be one of the processes that the quickstart starts.
    #[command(hide = true)]
    Role {
        role: Role,
        #[arg(long, default_value = "127.0.0.1:0")]
        bind: std::net::SocketAddr,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { serve, json, role } = Arguments::parse();
    let result = match role {
        Some(Roles::Role { role, bind }) => role.run(bind).await.map(|()| true),
        None => run(serve, json).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all cases; whether every answer was as expected.
async fn run(serve: bool, json: bool) -> Result<bool> {
    let mut report = Report::new(json);
    let provider = Process::provider("127.0.0.1:0").await?;
    let services = [
        Process::service(Role::Axum, &provider.url).await?,
        Process::service(Role::Actix, &provider.url).await?,
    ];
    report.begin(&provider, &services);
    let [axum, actix] =
        [reference_axum::routes(true).table().to_string(), reference_actix::routes(true).table().to_string()];
    if axum != actix {
        return Err(format!("the services declare different routes:\n{axum}\n{actix}").into());
    }
    report.routes(&axum);
    let provider = cases::run(&mut report, provider, &services).await?;
    let all_as_expected = report.end();

    if serve {
        report::print_curl_lines(&provider, &services);
        tokio::signal::ctrl_c().await?;
    }
    Ok(all_as_expected)
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
