//! The provider while it runs.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use linchpin_jwt::KeyError;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    DEVELOPMENT_ONLY, MintError, TokenRequest,
    http::{Hosts, router},
    provider::Provider,
};

/// A development identity provider that runs.
///
/// It ends when it is [stopped](Self::stop) or dropped.
pub struct RunningIdp {
    provider: Arc<Provider>,
    address: SocketAddr,
    /// Dropping it is what ends the server.
    running: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl RunningIdp {
    pub(crate) fn serve(
        listener: TcpListener,
        address: SocketAddr,
        provider: Arc<Provider>,
        hosts: Hosts,
    ) -> Self {
        tracing::warn!(issuer = provider.issuer, "{DEVELOPMENT_ONLY}");
        let (running, ended) = oneshot::channel::<()>();
        let server = axum::serve(listener, router(provider.clone(), hosts)).with_graceful_shutdown(async {
            let _ = ended.await;
        });
        let task = tokio::spawn(async move {
            // `Serve` retries failed accepts itself and never ends with an error.
            let _ = server.await;
        });
        Self { provider, address, running: Some(running), task }
    }

    /// The issuer: the `iss` of the tokens, and the base of discovery.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// The audience of tokens that are not asked for another.
    pub fn audience(&self) -> &str {
        &self.provider.audience
    }

    /// The address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The names of the users, in their order.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.provider.users.iter().map(|user| &*user.name)
    }

    /// Makes a token for a user, as `POST /dev/token` does.
    ///
    /// # Errors
    ///
    /// If there is no such user, it does not have a scope that is asked for, an audience is empty, or the lifetime is out of
    /// bounds.
    pub fn mint(&self, request: &TokenRequest) -> Result<String, MintError> {
        self.provider.mint_for_user(request).map(|minted| minted.token)
    }

    /// Puts new keys in place of the current ones, and keeps up to three generations of old ones published.
    ///
    /// Generating an RSA key takes some tenths of a second, for which the calling thread is busy.
    ///
    /// # Errors
    ///
    /// If the system's randomness fails.
    pub fn rotate(&self) -> Result<(), KeyError> {
        self.provider.keys.rotate()
    }

    /// Takes back the keys that were replaced: what they signed does not verify any more.
    pub fn withdraw_old_keys(&self) {
        self.provider.keys.withdraw_old();
    }

    /// Ends the server: no new connection is taken, and those that are there have a second to finish.
    pub async fn stop(mut self) {
        drop(self.running.take());
        if timeout(TIME_TO_FINISH, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl fmt::Debug for RunningIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningIdp")
            .field("issuer", &self.provider.issuer)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

const TIME_TO_FINISH: Duration = Duration::from_secs(1);
