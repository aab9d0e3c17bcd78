//! What is known about the request, for handlers.

use std::{
    future::{Ready, ready},
    net::IpAddr,
    ops::Deref,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};

use crate::{Rejection, rejection::missing_observer};

/// What is known about the request, as an extractor.
///
/// It derefs to [`linchpin_trace::RequestContext`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_actix::RequestContext;
///
/// async fn course(request: RequestContext) -> &'static str {
///     request.set_attribute("course", "edX+DemoX");
///     "the course"
/// }
/// ```
///
/// # Errors
///
/// Without the middleware [`observe`](crate::observe()) the answer is 500, and an error event says so.
#[derive(Clone, Debug)]
pub struct RequestContext(linchpin_trace::RequestContext);

impl RequestContext {
    /// The context in no framework's terms.
    pub fn into_inner(self) -> linchpin_trace::RequestContext {
        self.0
    }
}

impl Deref for RequestContext {
    type Target = linchpin_trace::RequestContext;

    fn deref(&self) -> &linchpin_trace::RequestContext {
        &self.0
    }
}

impl From<linchpin_trace::RequestContext> for RequestContext {
    /// For calling a handler directly, as its unit tests do.
    fn from(context: linchpin_trace::RequestContext) -> Self {
        Self(context)
    }
}

impl FromRequest for RequestContext {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "RequestContext", |context| Self(context.clone())))
    }
}

/// The id of the request, as an extractor.
///
/// It derefs to [`linchpin_core::RequestId`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_actix::RequestId;
///
/// async fn support(id: RequestId) -> String {
///     format!("Please name {} when you write to us.", *id)
/// }
/// ```
///
/// # Errors
///
/// Without the middleware [`observe`](crate::observe()) the answer is 500, and an error event says so.
///
/// # Security
///
/// It correlates and authorizes nothing: whoever sends a request may choose it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RequestId(linchpin_core::RequestId);

impl RequestId {
    /// The id in no framework's terms.
    pub fn into_inner(self) -> linchpin_core::RequestId {
        self.0
    }
}

impl Deref for RequestId {
    type Target = linchpin_core::RequestId;

    fn deref(&self) -> &linchpin_core::RequestId {
        &self.0
    }
}

impl From<linchpin_core::RequestId> for RequestId {
    /// For calling a handler directly, as its unit tests do.
    fn from(id: linchpin_core::RequestId) -> Self {
        Self(id)
    }
}

impl FromRequest for RequestId {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "RequestId", |context| Self(context.request_id().clone())))
    }
}

/// The client's address, as far as the trusted proxies tell it, as an extractor.
///
/// It is `None` for connections that have no address, such as those of a Unix socket.
///
/// # Examples
///
/// ```
/// use linchpin_actix::ClientAddress;
///
/// async fn whence(client: ClientAddress) -> String {
///     client.map_or_else(|| "from nowhere".to_owned(), |address| format!("from {address}"))
/// }
/// ```
///
/// # Errors
///
/// Without the middleware [`observe`](crate::observe()) the answer is 500, and an error event says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress(Option<IpAddr>);

impl Deref for ClientAddress {
    type Target = Option<IpAddr>;

    fn deref(&self) -> &Option<IpAddr> {
        &self.0
    }
}

impl From<Option<IpAddr>> for ClientAddress {
    /// For calling a handler directly, as its unit tests do.
    fn from(address: Option<IpAddr>) -> Self {
        Self(address)
    }
}

impl FromRequest for ClientAddress {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "ClientAddress", |context| Self(context.client_address())))
    }
}

/// Reads the context that the middleware left, which stays there.
fn read<T>(
    request: &HttpRequest,
    extractor: &'static str,
    take: impl FnOnce(&linchpin_trace::RequestContext) -> T,
) -> Result<T, Rejection> {
    let found = request.extensions().get().map(take);
    // The extensions are no longer borrowed when something is logged.
    found.ok_or_else(|| missing_observer(extractor, request.path()))
}
