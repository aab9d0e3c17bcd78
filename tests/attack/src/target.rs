//! The reference services, each on a thread of its own until the process ends.

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpServer, rt::System};
use linchpin::Auth;

/// A reference service that is being served.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The framework.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Serves both on free ports.
pub fn serve_both(auth: &Auth) -> [Target; 2] {
    [serve("axum", auth, serve_axum), serve("actix", auth, serve_actix)]
}

fn serve(name: &'static str, auth: &Auth, run: fn(TcpListener, Auth)) -> Target {
    // Bound before the thread starts: a client that is faster waits in the backlog.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let auth = auth.clone();
    std::thread::spawn(move || run(listener, auth));
    Target { name, address }
}

fn serve_axum(listener: TcpListener, auth: Auth) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, reference_axum::app(auth, true).into_make_service()).await.expect("a server");
    });
}

fn serve_actix(listener: TcpListener, auth: Auth) {
    System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(reference_actix::app(auth.clone(), true)));
        let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
        server.run().await.expect("a server");
    });
}
