//! A service's own claims, for handlers.

use std::{fmt, ops::Deref, sync::Arc};

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{Rejection, rejection::identity};

/// The token's claims in the shape of the service's own type, as an extractor.
///
/// It derefs to that type, and a clone shares it. The claims are read once for each token and type; a type may name
/// registered claims such as `sub` too.
///
/// # Examples
///
/// ```
/// use linchpin_axum::Claims;
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
/// 401 for claims that do not fit the type (`claims_shape`), and for the anonymous behind an optional layer; 500 without
/// any layer, and an error event says so.
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

impl<S, E> FromRequestParts<S> for Claims<E>
where
    S: Send + Sync,
    E: DeserializeOwned + Send + Sync + 'static,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let claims = identity(parts, "Claims")?.require_claims().map_err(Rejection::new)?;
        Ok(Self(claims))
    }
}
