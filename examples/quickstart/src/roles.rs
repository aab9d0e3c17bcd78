//! What the processes of the quickstart do.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::{App, HttpServer};
use clap::ValueEnum;
use linchpin::{
    Auth, actix,
    axum::observe,
    client::{Breaker, Client, Retries},
    service_token,
    trace::{Logs, Observer},
};
use linchpin_idp::DevIdp;
use reference_relay::Upstream;
use tokio::io::AsyncReadExt;

use crate::Result;

/// A process of the quickstart: the program itself, started again.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// The identity provider.
    Provider,
    /// The reference service on axum.
    Axum,
    /// The reference service on actix.
    Actix,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Axum => "axum",
            Self::Actix => "actix",
        }
    }

    /// Says on standard output where it listens, and runs until standard input ends, which it does with the parent.
    pub(crate) async fn run(self, bind: SocketAddr) -> Result<()> {
        match self {
            Self::Provider => {
                let provider = DevIdp::builder().bind(bind).audience("grades").start().await?;
                println!("{}", provider.issuer());
                until_parent_ends().await;
                provider.stop().await;
            }
            Self::Axum => {
                Logs::from_env()?.init()?;
                let (auth, upstream) = (Auth::from_env()?, upstream()?);
                let listener = tokio::net::TcpListener::bind(bind).await?;
                println!("http://{}", listener.local_addr()?);
                let observer = Observer::from_env("quickstart-axum")?;
                let app = reference_axum::app(auth, upstream, true).layer(observe(observer));
                axum::serve(listener, app.into_make_service_with_connect_info())
                    .with_graceful_shutdown(until_parent_ends())
                    .await?;
            }
            Self::Actix => {
                Logs::from_env()?.init()?;
                let (auth, upstream) = (Auth::from_env()?, upstream()?);
                let listener = TcpListener::bind(bind)?;
                println!("http://{}", listener.local_addr()?);
                let observe = actix::observe(Observer::from_env("quickstart-actix")?);
                let app = reference_actix::app(auth, upstream, true);
                let server = HttpServer::new(move || App::new().configure(app.clone()).wrap(observe.clone()))
                    .workers(2)
                    .listen(listener)?
                    .run();
                tokio::select! {
                    ended = server => ended?,
                    () = until_parent_ends() => {}
                }
            }
        }
        Ok(())
    }
}

/// The service behind `UPSTREAM_URL`, with a breaker that is quick enough to be watched.
fn upstream() -> Result<Upstream> {
    let Ok(url) = std::env::var("UPSTREAM_URL") else { return Ok(Upstream::default()) };
    let breaker = Breaker::default().minimum_calls(3).open_for(Duration::from_secs(1)).probes(1);
    let client = Client::builder("upstream", url)
        .token_source(service_token::from_env()?)
        .retries(Retries::none())
        .breaker(breaker)
        .build()?;
    Ok(client.into())
}

async fn until_parent_ends() {
    let mut nothing = Vec::new();
    // An error means as much as the end: nobody is there any more.
    let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
}

/// The client that the provider knows unless it is told others.
pub(crate) const CLIENT_ID: &str = "dev-client";
pub(crate) const CLIENT_SECRET: &str = "dev-secret";
