//! What the processes of the quickstart do.

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpServer};
use clap::ValueEnum;
use linchpin::{Auth, actix, axum::observe, trace::Observer};
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
                let auth = Auth::from_env()?;
                let listener = tokio::net::TcpListener::bind(bind).await?;
                println!("http://{}", listener.local_addr()?);
                let observer = Observer::from_env("quickstart-axum")?;
                let app = reference_axum::app(auth, Upstream::default(), true).layer(observe(observer));
                axum::serve(listener, app.into_make_service_with_connect_info())
                    .with_graceful_shutdown(until_parent_ends())
                    .await?;
            }
            Self::Actix => {
                let auth = Auth::from_env()?;
                let listener = TcpListener::bind(bind)?;
                println!("http://{}", listener.local_addr()?);
                let observe = actix::observe(Observer::from_env("quickstart-actix")?);
                let app = reference_actix::app(auth, Upstream::default(), true);
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

async fn until_parent_ends() {
    let mut nothing = Vec::new();
    // An error means as much as the end: nobody is there any more.
    let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
}
