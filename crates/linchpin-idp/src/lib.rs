//! An identity provider for development and tests: it signs real tokens for users from a small file.
//!
//! **Never run it in production.** Whoever can reach it is given any token for the asking. It says so when it starts, and
//! listens on the loopback interface only.
//!
//! A service that verifies tokens needs an issuer while it is being written. This crate is one that starts in a moment,
//! needs no account and no container, and behaves like the real ones where it counts: discovery, a key set, keys that
//! rotate, client credentials with the errors of RFC 6749. It is apart because nothing that is deployed depends on it. The
//! library is for tests that want the provider in their own process; the binary `linchpin-idp` is the same from a shell.
//!
//! # Examples
//!
//! ```
//! use linchpin_idp::{DevIdp, Shape, TokenRequest, User};
//! use linchpin_jwt::Algorithm;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let idp = DevIdp::builder()
//!     .algorithm(Algorithm::ES256)
//!     .users([User::new("ann").roles(["instructor"]).scopes(["grades:read"])])
//!     .start()
//!     .await?;
//! println!("a service is told AUTH_ISSUER={}", idp.issuer());
//!
//! let token = idp.mint(&TokenRequest::for_user("ann").scope("grades:read"))?;
//! let like_an_lms = idp.mint(&TokenRequest::for_user("ann").shape(Shape::OpenEdx))?;
//! # assert_eq!(token.split('.').count() + like_an_lms.split('.').count(), 6);
//! idp.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it answers
//!
//! | request | answer |
//! |---|---|
//! | `GET /.well-known/openid-configuration` | the metadata, also under the name of RFC 8414 |
//! | `GET /jwks` | the public keys, current and replaced |
//! | `POST /token` | a token for a client: grant `client_credentials` (RFC 6749 §4.4), the secret in `Authorization: Basic` or in the form, or an assertion (`private_key_jwt`, RFC 7523); `scope` narrows, `audience` or `resource` (RFC 8707) says for whom |
//! | `POST /dev/token` | a token for a user: JSON with `user` and, as wanted, `scope`, `audience`, `shape`, `ttl`, `expired` |
//! | `POST /dev/rotate` | a new key; the old one stays published, unless `?withdraw=true` |
//!
//! # Security
//!
//! Any web page in the developer's browser can send requests to a loopback port. So a request is refused if its `Host` is
//! not the provider's own (DNS rebinding), and whatever stands under `/dev/` takes `application/json` only, which a page of
//! another origin cannot send without asking first.
//!
//! # Features
//!
//! - `cli` (default): the binary `linchpin-idp`. Turn the default features off to use the library alone.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod claims;
mod http;
mod keys;
mod provider;
mod running;
mod token;
mod users;
mod users_file;

pub use self::{
    builder::{DevIdp, DevIdpBuilder, StartError},
    running::RunningIdp,
    token::{MintError, MintErrorKind, Shape, TokenRequest, UnknownShape},
    users::{Client, User},
};

/// What the provider says about itself when it starts.
pub const DEVELOPMENT_ONLY: &str = "linchpin-idp is for development only: it gives any token to anyone who asks. Never run it in production.";
