//! Strict verification of JSON Web Tokens over keys that are parsed once.
//!
//! This crate does no I/O and has no clock of its own: keys come from a [`KeySource`] and time is passed in, so that it
//! serves servers, command-line tools, benches and fuzz targets alike. `linchpin-oauth` is the source that fetches keys and
//! keeps them alive; the adapters (`linchpin-axum`, `linchpin-actix`, `linchpin-tower`) know only the trait that
//! [`Verifier`] implements.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use linchpin_core::{Clock, Outcome, Reason, SystemClock, VerifyToken};
//! use linchpin_jwt::{Algorithm, KeySet, Verifier};
//!
//! let issuers_key = "-----BEGIN PUBLIC KEY-----
//! MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
//! -----END PUBLIC KEY-----";
//!
//! let keys = KeySet::builder([Algorithm::EdDSA]).pem(issuers_key).build()?;
//! let verifier = Verifier::builder("https://id.example", Arc::new(keys)).audience("grades").build()?;
//!
//! let Outcome::Ready(Err(refusal)) = verifier.verify("not.a.token", SystemClock.now()) else { panic!("accepted") };
//! assert_eq!(refusal.reason(), Reason::MalformedToken);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is checked, in this order
//!
//! 1. Size (16 KiB), three parts of canonical base64url, a JOSE header without repeated names and without extensions
//!    (`crit`, `b64`, `zip`), an allowed algorithm, the profile's `typ`.
//! 2. The signature, under the key that `kid` names and that is meant for this algorithm; without a `kid`, under the few
//!    keys that fit.
//! 3. The claims: one JSON object without repeated names at any depth; issuer, audience or client, the profile's demands,
//!    and times.
//! 4. That the token has not been invalidated ([`Invalidation`]).
//!
//! A token that has passed is remembered ([`TokenCache`]), and only what may have changed is checked again: that all of its
//! bytes are the same, times, invalidations, and that its key is still there.
//!
//! # Features
//!
//! - `aws-lc-rs` (default): the backend `AwsLcRs`, and the constructors that use it. Without it a [`CryptoBackend`] has to
//!   be passed.
//! - `sign`: `SigningKey`, which makes tokens for tests, development identity providers and client assertions.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod backend;
mod base64url;
mod cache;
mod claims;
mod invalidation;
mod issuers;
mod jwk;
mod jws;
mod key_error;
mod key_set;
mod material;
mod party;
mod pem;
mod profile;
mod roles_claim;
#[cfg(feature = "sign")]
mod sign;
mod source;
mod strict;
mod verifier;

#[cfg(feature = "aws-lc-rs")]
pub use self::backend::AwsLcRs;
#[cfg(feature = "sign")]
pub use self::sign::SigningKey;
pub use self::{
    algorithm::{Algorithm, Algorithms, UnknownAlgorithm},
    backend::{CryptoBackend, VerifySignature},
    cache::TokenCache,
    invalidation::{Invalidation, TooManyInvalidations},
    issuers::Issuers,
    key_error::{KeyError, KeyErrorKind},
    key_set::{KeyRules, KeySet, KeySetBuilder, KeySetError, SkippedKey},
    material::{Curve, KeyMaterial},
    profile::{Profile, UnknownProfile},
    roles_claim::{InvalidRolesClaim, RolesClaim},
    source::{KeySource, Refresh},
    verifier::{Verifier, VerifierBuilder},
};
