//! Who is measured.

mod actix;
mod axum;
mod peers;

use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    case::Case,
    material::{Material, Tokens},
    worker::{AWS_LC, RUST_CRYPTO},
};

/// Whose layer stands before the handler.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Contender {
    Axum,
    AxumLayer,
    LinchpinRouterLayer,
    LinchpinAround,
    ByHand,
    ByHandRustCrypto,
    JwtAuthorizer,
    TowerOauth2,
    AxumJwtAuth,
    Actix,
    LinchpinActix,
    ActixHttpauth,
}

impl Contender {
    pub(crate) const ALL: [Self; 12] = [
        Self::Axum,
        Self::AxumLayer,
        Self::LinchpinRouterLayer,
        Self::LinchpinAround,
        Self::ByHand,
        Self::ByHandRustCrypto,
        Self::JwtAuthorizer,
        Self::TowerOauth2,
        Self::AxumJwtAuth,
        Self::Actix,
        Self::LinchpinActix,
        Self::ActixHttpauth,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum, bare",
            Self::AxumLayer => "axum, a layer that does nothing",
            Self::LinchpinRouterLayer => "linchpin, layer of the Router",
            Self::LinchpinAround => "linchpin, layer around the Router",
            Self::ByHand => "jsonwebtoken by hand, aws-lc-rs",
            Self::ByHandRustCrypto => "jsonwebtoken by hand, rust-crypto",
            Self::JwtAuthorizer => "jwt-authorizer",
            Self::TowerOauth2 => "tower-oauth2-resource-server",
            Self::AxumJwtAuth => "axum-jwt-auth",
            Self::Actix => "actix, bare",
            Self::LinchpinActix => "linchpin, actix middleware",
            Self::ActixHttpauth => "actix-web-httpauth with jsonwebtoken",
        }
    }

    pub(crate) fn is_bare(self) -> bool {
        self == self.bare()
    }

    /// Whether it looks at the token.
    pub(crate) fn verifies(self) -> bool {
        !matches!(self, Self::Axum | Self::AxumLayer | Self::Actix)
    }

    /// What its ratio is to.
    pub(crate) fn bare(self) -> Self {
        if self.is_actix() { Self::Actix } else { Self::Axum }
    }

    fn is_actix(self) -> bool {
        matches!(self, Self::Actix | Self::LinchpinActix | Self::ActixHttpauth)
    }

    /// Whether it answers otherwise once it has seen a token.
    pub(crate) fn remembers(self) -> bool {
        matches!(self, Self::LinchpinRouterLayer | Self::LinchpinAround | Self::LinchpinActix)
    }

    /// An application of actix belongs to one thread; its threads share what their factory shares.
    pub(crate) fn takes_part_in(self, case: Case) -> bool {
        case != Case::TwoThreads || !self.is_actix()
    }

    pub(crate) fn backend(self) -> &'static str {
        if self == Self::ByHandRustCrypto { RUST_CRYPTO } else { AWS_LC }
    }

    /// The application, with what the case needs.
    pub(crate) async fn serve(self, case: Case, material: &mut Material) -> Result<Box<dyn Served>, String> {
        let key = &*material.key(case.algorithm());
        Ok(match self {
            Self::Axum => axum::bare(),
            Self::AxumLayer => axum::layer_that_does_nothing(),
            Self::LinchpinRouterLayer => axum::linchpin_router_layer(case, key),
            Self::LinchpinAround => axum::linchpin_around(case, key),
            Self::ByHand | Self::ByHandRustCrypto => axum::by_hand(key),
            Self::JwtAuthorizer => peers::jwt_authorizer(key).await?,
            Self::TowerOauth2 => peers::tower_oauth2(key).await?,
            Self::AxumJwtAuth => peers::axum_jwt_auth(key)?,
            Self::Actix => actix::bare().await,
            Self::LinchpinActix => actix::linchpin(case, key).await,
            Self::ActixHttpauth => actix::httpauth(key).await,
        })
    }
}

/// The peers that have no row, and why.
pub(crate) const NOT_MEASURED: [(&str, &str); 4] = [
    ("axum-keycloak-auth", "has its keys by discovery over the network only"),
    ("aliri_tower", "not tried: its layers want claims that implement traits of their own"),
    ("huskarl", "not tried: it needs Rust 1.92, newer than the oldest with which this repository builds"),
    ("authkestra", "not tried"),
];

/// An application that can be called.
pub(crate) trait Served {
    /// Calls it so often with the tokens in turn, and says how many calls were admitted.
    fn calls<'a>(&'a mut self, tokens: &'a Tokens, calls: usize) -> Calls<'a>;

    /// The nanoseconds of one call while two threads call at the same time.
    fn two_threads(&mut self, tokens: &Tokens, long: Duration) -> Result<f64, String>;
}

pub(crate) type Calls<'a> = Pin<Box<dyn Future<Output = Result<usize, String>> + 'a>>;
