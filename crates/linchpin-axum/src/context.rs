//! What is known about the request, for handlers.

use std::{net::IpAddr, ops::Deref};

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::Rejection;

/// What is known about the request, as an extractor.
///
/// It derefs to [`linchpin_trace::RequestContext`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_axum::RequestContext;
///
/// async fn course(request: RequestContext) -> &'static str {
///     request.set_attribute("course", "edX+DemoX");
///     "the course"
/// }
/// ```
///
/// # Errors
///
/// Without an [`ObserveLayer`](crate::ObserveLayer) the answer is 500, and an error event says so.
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

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let context = context(parts, "RequestContext")?;
        Ok(Self(context.clone()))
    }
}

/// The id of the request, as an extractor.
///
/// It derefs to [`linchpin_core::RequestId`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_axum::RequestId;
///
/// async fn support(id: RequestId) -> String {
///     format!("Please name {} when you write to us.", *id)
/// }
/// ```
///
/// # Errors
///
/// Without an [`ObserveLayer`](crate::ObserveLayer) the answer is 500, and an error event says so.
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

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let context = context(parts, "RequestId")?;
        Ok(Self(context.request_id().clone()))
    }
}

/// The client's address, as far as the trusted proxies tell it, as an extractor.
///
/// It is `None` for connections that have no address, such as those of a Unix socket.
///
/// # Examples
///
/// ```
/// use linchpin_axum::ClientAddress;
///
/// async fn whence(client: ClientAddress) -> String {
///     client.map_or_else(|| "from nowhere".to_owned(), |address| format!("from {address}"))
/// }
/// ```
///
/// # Errors
///
/// Without an [`ObserveLayer`](crate::ObserveLayer) the answer is 500, and an error event says so.
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

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let context = context(parts, "ClientAddress")?;
        Ok(Self(context.client_address()))
    }
}

/// The context that the layer left, which stays there.
fn context<'a>(
    parts: &'a Parts,
    extractor: &'static str,
) -> Result<&'a linchpin_trace::RequestContext, Rejection> {
    parts.extensions.get().ok_or_else(|| Rejection::missing_observer(extractor, parts.uri.path()))
}
