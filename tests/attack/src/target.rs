//! The reference services, each on a thread of its own until the process ends.

use std::{
    net::{SocketAddr, TcpListener},
    sync::mpsc,
};

use actix_web::{App, HttpServer, rt::System};
use linchpin::Auth;
use linchpin_test::TestIssuer;
use reference_relay::Upstream;
use tokio::runtime::Runtime;

/// A reference service that is being served.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The framework.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Serves both on free ports; `auth` is called where a service calls it, within the runtime.
pub(crate) fn serve_both(auth: impl Fn() -> Auth + Clone + Send + 'static) -> [Target; 2] {
    let also = auth.clone();
    [
        serve("axum", move |listener| serve_axum(listener, auth)),
        serve("actix", move |listener| serve_actix(listener, also)),
    ]
}

fn serve(name: &'static str, run: impl FnOnce(TcpListener) + Send + 'static) -> Target {
    // Bound before the thread starts: a client that is faster waits in the backlog.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    std::thread::spawn(move || run(listener));
    Target { name, address }
}

fn serve_axum(listener: TcpListener, auth: impl Fn() -> Auth) {
    runtime().block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, reference_axum::app(auth(), Upstream::default(), true).into_make_service())
            .await
            .expect("a server");
    });
}

fn serve_actix(listener: TcpListener, auth: impl Fn() -> Auth) {
    System::new().block_on(async {
        let auth = auth();
        let server = HttpServer::new(move || {
            App::new().configure(reference_actix::app(auth.clone(), Upstream::default(), true))
        });
        let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
        server.run().await.expect("a server");
    });
}

/// Serves what the issuer publishes; where its keys are.
pub(crate) fn serve_keys(issuer: TestIssuer) -> String {
    let (told, url) = mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let served = issuer.serve().await.expect("loopback has a free port");
            told.send(served.jwks_url()).expect("somebody is waiting");
            std::future::pending::<()>().await;
        });
    });
    url.recv().expect("the issuer is served")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
