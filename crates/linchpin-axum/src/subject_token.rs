//! The caller's token, for handlers that call others on the caller's behalf.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::{Rejection, rejection::identity};

/// The token with which the caller was admitted, as an extractor: to call the next service on the caller's behalf.
///
/// It derefs to [`linchpin_core::SubjectToken`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_axum::SubjectToken;
///
/// async fn invoices(subject: SubjectToken) {
///     // A client of `linchpin-client` takes it, and its source of tokens decides what is sent, and where.
///     let subject: linchpin_core::SubjectToken = subject.into_inner();
///     # drop(subject);
/// }
/// # drop(invoices);
/// ```
///
/// # Errors
///
/// Behind an optional layer the anonymous get 401 with a challenge; without any layer the answer is 500, and an error
/// event says so.
///
/// # Security
///
/// It is the text that was verified, whatever has become of the request's headers since. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct SubjectToken(linchpin_core::SubjectToken);

impl SubjectToken {
    /// The token by value, for instance to hand on to a client.
    pub fn into_inner(self) -> linchpin_core::SubjectToken {
        self.0
    }
}

impl Deref for SubjectToken {
    type Target = linchpin_core::SubjectToken;

    fn deref(&self) -> &linchpin_core::SubjectToken {
        &self.0
    }
}

impl From<linchpin_core::SubjectToken> for SubjectToken {
    /// For calling a handler directly, as its unit tests do.
    fn from(token: linchpin_core::SubjectToken) -> Self {
        Self(token)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SubjectToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let token = identity(parts, "SubjectToken")?.require_subject_token().map_err(Rejection::new)?;
        Ok(Self(token))
    }
}
