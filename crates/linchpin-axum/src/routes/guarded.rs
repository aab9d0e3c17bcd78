//! The finished service.

use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::HttpBody,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{IntoMakeService, Route, future::RouteFuture},
};
use linchpin_core::{RouteTable, Undeclared};
use tower_layer::Layer;
use tower_service::Service;

/// Routes behind their policies: a service for `axum::serve`, made by [`Routes::guarded_by`](super::Routes::guarded_by).
///
/// It is no `Router` any more, so that no route can be added without a policy.
///
/// # Examples
///
/// ```no_run
/// # use linchpin_axum::routes::{Routes, get, public};
/// # async fn serve(listener: std::net::TcpListener, gate: linchpin_core::Gate) {
/// let app = Routes::new().route("/healthz", get(public(), async || "ok")).guarded_by(&gate);
/// println!("{}", app.table());
/// # async fn axum_serve<S>(_: S) {}
/// axum_serve(app.into_make_service()).await;
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Guarded {
    router: Router,
    table: RouteTable,
    undeclared: Undeclared,
}

impl Guarded {
    pub(super) fn new(router: Router, table: RouteTable, undeclared: Undeclared) -> Self {
        Self { router, table, undeclared }
    }

    /// The routes with their policies.
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// How often routes were asked for that no table declares; the handle may be kept.
    pub fn undeclared(&self) -> &Undeclared {
        &self.undeclared
    }

    /// Puts a layer around everything, refusals included, where it sees which route was matched.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self { router: self.router.layer(layer), ..self }
    }

    /// What `axum::serve` takes.
    pub fn into_make_service(self) -> IntoMakeService<Router> {
        self.router.into_make_service()
    }

    /// What `axum::serve` takes, with the address of whoever opens a connection: `observe` needs it for the client's address.
    #[cfg(feature = "observe")]
    pub fn into_make_service_with_connect_info(
        self,
    ) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, std::net::SocketAddr> {
        self.router.into_make_service_with_connect_info()
    }

    /// The router behind it, for what only a router can do.
    ///
    /// # Security
    ///
    /// Routes that are added to it are open, and in no table.
    pub fn into_router_unchecked(self) -> Router {
        self.router
    }
}

impl<B> Service<http::Request<B>> for Guarded
where
    B: HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.router.call(request)
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("table", &self.table).finish_non_exhaustive()
    }
}
