//! A service's own claims, for handlers.

use std::{
    fmt,
    future::{Ready, ready},
    ops::Deref,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;

use crate::{Rejection, rejection::read};

/// The token's claims in the shape of the service's own type, as an extractor.
///
/// It derefs to that type, and a clone shares it. The claims are read once for each token and type; a type may name
/// registered claims such as `sub` too.
///
/// # Examples
///
/// ```
/// use linchpin_actix::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Tenant {
///     tenant: String,
/// }
///
/// async fn courses(claims: Claims<Tenant>) -> String {
///     format!("The courses of {}", claims.tenant)
/// }
/// ```
///
/// # Errors
///
/// 401 for claims that do not fit the type (`claims_shape`), and for the anonymous behind an optional middleware; 500
/// without any middleware, and an error event says so.
///
/// # Security
///
/// `Debug` shows nothing of the claims.
pub struct Claims<E>(Arc<E>);

impl<E> Claims<E> {
    /// The shared claims, for instance to hand on to a task.
    pub fn into_inner(self) -> Arc<E> {
        self.0
    }
}

impl<E> Clone for Claims<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for Claims<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(..)")
    }
}

impl<E> Deref for Claims<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E> From<Arc<E>> for Claims<E> {
    /// For calling a handler directly, as its unit tests do.
    fn from(claims: Arc<E>) -> Self {
        Self(claims)
    }
}

impl<E: DeserializeOwned + Send + Sync + 'static> FromRequest for Claims<E> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "Claims", |identity| identity.require_claims().map(Self)))
    }
}
