//! Sources of tokens against a scripted token endpoint. Time is tokio's, paused, and a `FakeClock`: nothing sleeps.

#[cfg(feature = "http-client")]
mod certificate;
mod endpoint;
mod exchange;
mod fetching;
#[cfg(feature = "http-client")]
mod hostile;
mod lifetime;
mod log;
mod rejected;
mod server;

use std::time::Duration;

use linchpin_core::FakeClock;
use linchpin_oauth::{
    AccessToken, ClientAuth, ClientCredentials, PendingToken, TokenEndpoint, TokenError, TokenOutcome,
    TokenRequest, TokenSource,
};

use self::server::Server;

pub(crate) const URL: &str = "https://id.example/token";

pub(crate) const CALL: TokenRequest<'static> = TokenRequest::new("https://billing.example:443");

pub(crate) fn endpoint(server: &Server, clock: &FakeClock) -> TokenEndpoint {
    let client = ClientAuth::secret_basic("grades", "s3cret");
    TokenEndpoint::url(URL, client).clock(clock.clone()).build_with(server.clone()).unwrap()
}

pub(crate) fn source(server: &Server, clock: &FakeClock) -> ClientCredentials {
    ClientCredentials::builder(&endpoint(server, clock)).build().unwrap()
}

/// Asks for a token and waits for it.
pub(crate) async fn ask(source: &impl TokenSource) -> Result<AccessToken, TokenError> {
    match source.token(&CALL) {
        TokenOutcome::Ready(result) => result,
        TokenOutcome::Pending(pending) => pending.await,
    }
}

/// The token or the error that is there at once.
pub(crate) fn ready(source: &impl TokenSource) -> Result<String, TokenError> {
    match source.token(&CALL) {
        TokenOutcome::Ready(result) => result.map(|token| token.secret().to_owned()),
        TokenOutcome::Pending(_) => panic!("nothing is there"),
    }
}

pub(crate) fn pending(source: &impl TokenSource) -> PendingToken {
    match source.token(&CALL) {
        TokenOutcome::Pending(pending) => pending,
        TokenOutcome::Ready(result) => panic!("it is there: {result:?}"),
    }
}

/// Lets time pass on both clocks, second by second.
pub(crate) async fn pass(clock: &FakeClock, seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
