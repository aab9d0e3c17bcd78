//! The configuration: an observer, as a middleware.

use std::future::{Ready, ready};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use linchpin_trace::Observer;

use super::{Observe, ObservedBody};

/// Gives every request an id, a place in a trace, a span and an access line: the middleware for the outside of an `App`.
///
/// A name observes with the defaults of [`Observer::new`]; an [`Observer`] observes as it was set up, mostly by
/// [`Observer::from_env`]. The observer is made once, outside the application's factory, and cloned into each worker.
///
/// # Examples
///
/// ```
/// use actix_web::{App, test, web};
/// use linchpin_actix::{RequestId, observe};
///
/// async fn hello(id: RequestId) -> String {
///     format!("This is request {}.", *id)
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// // In actix, what is wrapped last is outermost.
/// let app = test::init_service(App::new().route("/", web::get().to(hello)).wrap(observe("grades"))).await;
///
/// let request = test::TestRequest::default().insert_header(("x-request-id", "abc"));
/// let response = test::call_service(&app, request.to_request()).await;
///
/// assert_eq!(response.headers().get("x-request-id").unwrap(), "abc");
/// assert_eq!(test::read_body(response).await, "This is request abc.");
/// # }
/// ```
pub fn observe(observer: impl Into<Observer>) -> ObserveMiddleware {
    observer.into().into()
}

/// Gives every request an id, a place in a trace, a span and an access line; made by [`observe`].
///
/// It stands outermost, so that refusals have all of that too. The inner service finds a
/// [`RequestContext`](linchpin_trace::RequestContext) in the request's extensions and as the current one; every response has
/// the header `x-request-id`, also the one that is made of an error. The access line is written when the response's body has
/// ended, and tells how long that took; a request that is dropped before is `cancelled`.
///
/// The route is the pattern that the application matches, and the peer is who opened the connection.
#[derive(Clone, Debug)]
pub struct ObserveMiddleware {
    observer: Observer,
}

impl From<Observer> for ObserveMiddleware {
    fn from(observer: Observer) -> Self {
        Self { observer }
    }
}

impl<S, B> Transform<S, ServiceRequest> for ObserveMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ObservedBody<B>>;
    type Error = Error;
    type Transform = Observe<S>;
    type InitError = ();
    type Future = Ready<Result<Observe<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Observe::new(inner, self.observer.clone())))
    }
}
