//! The layer that observes requests, where axum keeps what it asks for.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath};
use linchpin_tower::ObserveLayer;
use linchpin_trace::Observer;

/// Gives every request an id, a place in a trace, a span and an access line: the layer for the outside of a `Router`.
///
/// A name observes with the defaults of [`Observer::new`]; an [`Observer`] observes as it was set up, mostly by
/// [`Observer::from_env`].
///
/// The route is axum's matched path, which a layer sees that is added by `Router::layer` (or `Guarded::layer`) after the
/// routes. Put around a finished router in another way, it is told the routes of [`Routes`](crate::routes) only. The peer is
/// who opened the connection, if the router is served with `into_make_service_with_connect_info::<SocketAddr>()`.
///
/// # Examples
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use linchpin_axum::{RequestId, observe};
/// use tower::ServiceExt;
///
/// async fn hello(id: RequestId) -> String {
///     format!("This is request {}.", *id)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In axum, what is layered last is outermost.
/// let app = Router::new().route("/", get(hello)).layer(observe("grades"));
///
/// let response = app.oneshot(Request::get("/").header("x-request-id", "abc").body(Body::empty())?).await?;
///
/// assert_eq!(response.headers()["x-request-id"], "abc");
/// assert_eq!(axum::body::to_bytes(response.into_body(), 100).await?, "This is request abc.");
/// # Ok(())
/// # }
/// ```
pub fn observe(observer: impl Into<Observer>) -> ObserveLayer {
    ObserveLayer::new(observer.into())
        .peer(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip()))
        .route(|extensions| extensions.get::<MatchedPath>().map(MatchedPath::as_str))
}
