//! One decision, two frameworks: the same requests get the same answers from tower, axum and actix.
//!
//! A little [`Service`] is exposed by three servers that share nothing but the crates under test; [`table()`] lists
//! requests with the status, headers and body that each of them has to answer, byte for byte. Requests travel as raw
//! HTTP/1.1 over loopback, so that what a client would see is what is compared. This package is apart because it alone
//! knows both frameworks; it is never published.
//!
//! What an HTTP server says before any middleware runs is outside the promise; [`outside_the_promise`] lists what is known
//! about it.

pub mod actix;
mod asks;
pub mod axum;
mod late_keys;
mod observed;
mod service;
mod table;
pub mod tower;
mod wire;

use std::net::{SocketAddr, TcpListener};

pub use self::{
    asks::{Ask, Reader},
    late_keys::Hold,
    observed::{UnderWay, start_observed},
    service::{AdminRole, Again, DOWN, HELD, Handler, Reports, Route, Service, Tenant, Who, Writing},
    table::{Expected, Outside, Row, declared_table, outside_the_promise, table},
    wire::{Answer, Request, send},
};

/// A server that exposes the service, on a thread of its own until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// The framework.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts all three on free ports.
    pub fn start_all(service: &Service) -> [Self; 3] {
        [
            Self::start("tower", service, tower::serve),
            Self::start("axum", service, axum::serve),
            Self::start("actix", service, actix::serve),
        ]
    }

    /// Starts both whose routes are declared in a table on free ports.
    pub fn start_declared(service: &Service) -> [Self; 2] {
        let gate = || service.declared();
        let (for_axum, for_actix) = (gate(), gate());
        [
            Self::listen("axum", move |listener| axum::serve_declared(listener, for_axum)),
            Self::listen("actix", move |listener| actix::serve_declared(listener, for_actix)),
        ]
    }

    fn start(name: &'static str, service: &Service, serve: fn(TcpListener, &'static [Route])) -> Self {
        let routes = service.routes();
        Self::listen(name, move |listener| serve(listener, routes))
    }

    pub(crate) fn listen(name: &'static str, serve: impl FnOnce(TcpListener) + Send + 'static) -> Self {
        // Bound before the thread starts: a client that is faster waits in the backlog.
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        std::thread::spawn(move || serve(listener));
        Self { name, address }
    }
}
