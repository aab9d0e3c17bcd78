//! The door to the token endpoint.

use std::fmt;

use crate::{Fetch, FetchFuture, location::without_secrets};

/// Sends a form to a token endpoint over HTTP (RFC 6749 §3.2), beside fetching documents.
///
/// The source of tokens brings the deadline; an implementation brings the rest: no redirects, which would take a secret
/// along, no retries, and no more than [`max_bytes`](FormRequest::max_bytes) in memory, checked while the body arrives.
pub trait PostForm: Fetch {
    /// Sends a POST request and reads the whole answer, whatever its status.
    fn post_form<'a>(&'a self, request: FormRequest<'a>) -> FetchFuture<'a>;
}

/// A POST request with a form.
///
/// # Security
///
/// `Debug` shows the URL without user, password and query, and of header and body only that they are there.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct FormRequest<'a> {
    /// The URL, `https`, or `http` where that was allowed.
    pub url: &'a str,
    /// The value of `Authorization`, if the client authenticates in the header. It is a secret.
    pub authorization: Option<&'a str>,
    /// The body, `application/x-www-form-urlencoded`. It holds secrets.
    pub body: &'a str,
    /// The most bytes that the answer's body may have.
    pub max_bytes: usize,
}

impl<'a> FormRequest<'a> {
    /// A request without `Authorization`, as a test of a [`PostForm`] makes it.
    pub fn new(url: &'a str, body: &'a str, max_bytes: usize) -> Self {
        Self { url, authorization: None, body, max_bytes }
    }
}

impl fmt::Debug for FormRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormRequest")
            .field("url", &without_secrets(self.url))
            .field("authorization", &self.authorization.map(|_| "[redacted]"))
            .field("body", &"[redacted]")
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}
