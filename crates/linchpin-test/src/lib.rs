//! Peers for tests: an issuer that signs real tokens, good and bad, and an upstream that answers by script.
//!
//! This crate is apart because no service needs it at run time: it is a development dependency of the family's adapters,
//! clients and examples, and of the tests of whoever uses them. [`TestIssuer`] holds the keys, [`TokenBuilder`] makes a
//! token that is right in every respect except the one that a test is about, and [`ServedIssuer`] answers discovery and
//! key-set requests on a loopback port, which can be taken away and given back. [`ScriptedUpstream`] plays a [`Reply`] to each
//! request, from a slow answer to a connection reset in the middle of a body, and says what it was sent; [`ScriptedTokenEndpoint`] is one
//! that issues tokens.
//!
//! # Examples
//!
//! ```
//! use linchpin_core::Reason;
//! use linchpin_test::TestIssuer;
//!
//! let issuer = TestIssuer::new();
//!
//! let token = issuer.token("ann").scope("grades:read").roles(["instructor"]).sign();
//! assert_eq!(issuer.verify(&token)?.subject(), Some("ann"));
//!
//! let token = issuer.token("ann").tampered(|claims| claims["sub"] = "ben".into()).sign();
//! assert_eq!(issuer.verify(&token).unwrap_err().reason(), Reason::BadSignature);
//! # Ok::<(), linchpin_core::Refusal>(())
//! ```
//!
//! # Features
//!
//! None.

mod behaviour;
mod issuer;
mod keyring;
mod reply;
mod sent;
mod served;
mod server;
mod tls;
mod token;
mod token_endpoint;
mod upstream;
mod wire;

pub use self::{
    behaviour::Behaviour,
    issuer::{TestIssuer, TestIssuerBuilder},
    reply::Reply,
    sent::SentRequest,
    served::ServedIssuer,
    token::TokenBuilder,
    token_endpoint::ScriptedTokenEndpoint,
    upstream::ScriptedUpstream,
};
