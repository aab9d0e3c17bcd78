//! The configuration: an observer, and where a stack keeps what it knows of a request.

use std::net::IpAddr;

use http::Extensions;
use linchpin_trace::Observer;
use tower_layer::Layer;

use crate::Observe;

/// Gives every request an id, a place in a trace, a span and an access line.
///
/// It stands outermost, so that refusals have all of that too. The inner service finds a
/// [`RequestContext`](linchpin_trace::RequestContext) in the request's extensions and as the current one; every response has
/// the header `x-request-id`. The access line is written when the response's body has ended, and tells how long that took;
/// a request that is dropped before is `cancelled`.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use linchpin_tower::ObserveLayer;
/// use linchpin_trace::Observer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hello = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))) });
/// let service = ObserveLayer::new(Observer::new("grades")).layer(hello);
///
/// let response = service.oneshot(Request::builder().header("x-request-id", "abc").body(())?).await?;
///
/// assert_eq!(response.headers()["x-request-id"], "abc");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    observer: Observer,
    finders: Finders,
}

/// How a stack tells what a request does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finders {
    pub(crate) peer: fn(&Extensions) -> Option<IpAddr>,
    pub(crate) route: fn(&Extensions) -> Option<&str>,
}

impl ObserveLayer {
    /// A layer around an observer. It knows neither peers nor routes until it is told where they are.
    pub fn new(observer: Observer) -> Self {
        Self { observer, finders: Finders { peer: |_| None, route: |_| None } }
    }

    /// Finds the address of whoever opened the connection, mostly in an extension that the server puts there.
    #[must_use]
    pub fn peer(mut self, find: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.finders.peer = find;
        self
    }

    /// Finds the template of the route, if routing has put it into the extensions before this layer is reached.
    ///
    /// Whoever routes later calls [`RequestContext::set_route`](linchpin_trace::RequestContext::set_route).
    #[must_use]
    pub fn route(mut self, find: fn(&Extensions) -> Option<&str>) -> Self {
        self.finders.route = find;
        self
    }
}

impl From<Observer> for ObserveLayer {
    fn from(observer: Observer) -> Self {
        Self::new(observer)
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe::new(inner, self.observer.clone(), self.finders)
    }
}
