//! The check of the `Host`: a name that an attacker's DNS points to a loopback address is not ours (DNS rebinding).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::HOST},
    middleware::Next,
    response::Response,
};

use super::answer::error;
use crate::builder::authority;

/// The authorities under which the provider may be called.
pub(crate) struct Hosts {
    address: SocketAddr,
    issuer: Option<String>,
}

impl Hosts {
    /// Those of the address that it listens on and of the issuer.
    pub(crate) fn new(address: SocketAddr, issuer: &str) -> Self {
        Self { address, issuer: authority(issuer).map(str::to_owned) }
    }

    fn allow(&self, host: &str) -> bool {
        if self.issuer.as_deref().is_some_and(|issuer| issuer.eq_ignore_ascii_case(host)) {
            return true;
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        if port != Some(self.address.port()) {
            return false;
        }
        // An address needs no DNS, so where all addresses are listened on any of them is as good.
        let is_ours = |ip: IpAddr| self.address.ip().is_unspecified() || self.address.ip() == ip;
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_ours)
    }
}

/// Refuses requests that were meant for somebody else.
pub(super) async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let mut named = request.headers().get_all(HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    };
    // A request line may carry an authority of its own (RFC 9112 §3.2.2).
    let absolute = request.uri().authority().map(|authority| authority.as_str());
    if host.is_some_and(|host| hosts.allow(host)) && absolute.is_none_or(|absolute| hosts.allow(absolute)) {
        return next.run(request).await;
    }
    let description =
        "the Host is not that of this provider; use its issuer's, its address or localhost, with the port";
    error(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(address: &str, issuer: &str, host: &str) -> bool {
        Hosts::new(address.parse().unwrap(), issuer).allow(host)
    }

    #[test]
    fn the_address_and_localhost_are_allowed_and_nothing_else() {
        let allow = |host| allow("127.0.0.1:9000", "http://127.0.0.1:9000", host);

        for ours in ["127.0.0.1:9000", "localhost:9000", "LocalHost:9000"] {
            assert!(allow(ours), "{ours}");
        }
        for other in [
            "",
            ":9000",
            "localhost",
            "127.0.0.1",
            "localhost:9001",
            "127.0.0.2:9000",
            "[::1]:9000",
            "attacker.example:9000",
            "127.0.0.1.attacker.example:9000",
            "localhost.attacker.example:9000",
            "localhost:9000@attacker.example",
            "localhost:9000 ",
            "127.1:9000",
            "0x7f.0.0.1:9000",
            "localhost:+9000:9000",
        ] {
            assert!(!allow(other), "{other}");
        }
    }

    #[test]
    fn port_80_need_not_be_named() {
        for ours in ["localhost", "[::1]", "[::1]:80"] {
            assert!(allow("[::1]:80", "http://[::1]:80", ours), "{ours}");
        }
    }

    #[test]
    fn the_issuers_authority_is_allowed() {
        assert!(allow("0.0.0.0:9000", "http://idp:9000", "IDP:9000"));
        assert!(allow("0.0.0.0:9000", "http://idp:9000", "10.1.2.3:9000"));
        assert!(!allow("0.0.0.0:9000", "http://idp:9000", "other:9000"));
    }
}
