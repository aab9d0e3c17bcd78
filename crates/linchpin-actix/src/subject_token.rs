//! The caller's token, for handlers that call others on the caller's behalf.

use std::{
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::{Rejection, rejection::read};

/// The token with which the caller was admitted, as an extractor: to call the next service on the caller's behalf.
///
/// It derefs to [`linchpin_core::SubjectToken`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_actix::SubjectToken;
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
/// Behind an optional middleware the anonymous get 401 with a challenge; without any middleware the answer is 500, and an error
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

impl FromRequest for SubjectToken {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request, "SubjectToken", |identity| identity.require_subject_token().map(Self)))
    }
}
