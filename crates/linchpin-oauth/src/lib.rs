//! Whatever talks to the authorization server: metadata, discovery, and key sets that stay alive.
//!
//! This crate is apart because it does I/O and needs a runtime (tokio) and an HTTP client, which verification does not.
//! [`RemoteKeys`] is a [`KeySource`](linchpin_jwt::KeySource): a background task fetches the issuer's keys ahead of need,
//! keeps the last good ones while the provider is down, and fetches at once, but not without limit, when a token names a
//! key that is not there.
//!
//! # Examples
//!
//! ```no_run
//! use linchpin_jwt::{Algorithm, KeyRules, Verifier};
//! use linchpin_oauth::RemoteKeys;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = "https://id.example/realms/school";
//! let keys = RemoteKeys::discovery(issuer, KeyRules::new([Algorithm::RS256])).build()?;
//! let verifier = Verifier::builder(issuer, keys).audience("grades").build()?;
//! # drop(verifier);
//! # Ok(())
//! # }
//! ```
//!
//! The builder fails for wrong settings only. A provider that is down makes the verifier unready, and requests are
//! answered 503 until the first keys arrive.
//!
//! # Features
//!
//! - `http-client` (default): `HttpFetch`, over reqwest and rustls. Without it a [`Fetch`] has to be passed.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
mod cache_control;
mod fetch;
mod handover;
mod health;
#[cfg(feature = "http-client")]
mod http_fetch;
mod location;
mod machine;
mod metadata;
mod moment;
mod post;
mod printable;
mod random;
mod remote_keys;
mod runtime;
mod sync;
mod task;
mod tell;
mod token;

#[cfg(feature = "http-client")]
pub use self::http_fetch::HttpFetch;
pub use self::{
    fetch::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse},
    health::{KeyState, KeysHealth},
    post::{FormRequest, PostForm},
    remote_keys::{RemoteKeys, RemoteKeysBuilder},
    token::{
        AccessToken, ClientAuth, ClientCredentials, ClientCredentialsBuilder, ForwardCaller, PendingToken,
        StaticToken, TokenEndpoint, TokenEndpointBuilder, TokenError, TokenErrorKind, TokenExchange,
        TokenExchangeBuilder, TokenOutcome, TokenRequest, TokenSource,
    },
};
