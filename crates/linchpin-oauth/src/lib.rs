//! Whatever talks to the authorization server: metadata, discovery, key sets that stay alive, and tokens for outgoing calls.
//!
//! This crate is apart because it does I/O and needs a runtime (tokio) and an HTTP client, which verification does not.
//! [`RemoteKeys`] is a [`KeySource`](linchpin_jwt::KeySource): a background task fetches the issuer's keys ahead of need,
//! keeps the last good ones while the provider is down, and fetches at once, but not without limit, when a token names a
//! key that is not there.
//!
//! A [`TokenSource`] is where the credential of an outgoing call comes from: [`ClientCredentials`] and [`TokenExchange`] ask a
//! [`TokenEndpoint`], [`ForwardCaller`] hands the caller's own token on, [`StaticToken`] has one.
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
//! - `private-key-jwt`: `ClientAuth::private_key_jwt`, which signs with keys of aws-lc-rs.

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
        TokenExchangeBuilder, TokenFetches, TokenOutcome, TokenRequest, TokenSource,
    },
};
