//! The door to the token endpoint.

use std::fmt;

use crate::{Fetch, FetchFuture, location::without_secrets};

/// Sends a form to a token endpoint over HTTP (RFC 6749 §3.2), beside fetching documents.
///
/// The source of tokens brings the deadline; an implementation brings the rest: no redirects, which would take a secret
/// along, no retries, and no more than [`max_bytes`](FormRequest::max_bytes) in memory, checked while the body arrives.
///
/// # Examples
///
/// A server for tests, which gives the same token to everybody:
///
/// ```
/// use linchpin_oauth::{
///     ClientAuth, ClientCredentials, Fetch, FetchFuture, FetchRequest, FetchResponse, FormRequest, PostForm, TokenEndpoint,
///     TokenOutcome, TokenRequest, TokenSource,
/// };
///
/// struct Generous;
///
/// impl Fetch for Generous {
///     fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
///         Box::pin(async { Ok(FetchResponse::new(404, "")) })
///     }
/// }
///
/// impl PostForm for Generous {
///     fn post_form<'a>(&'a self, request: FormRequest<'a>) -> FetchFuture<'a> {
///         assert!(request.body.contains("grant_type=client_credentials"));
///         Box::pin(async { Ok(FetchResponse::new(200, r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#)) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClientAuth::secret_basic("grades", "s3cret");
/// let server = TokenEndpoint::url("https://id.example/token", client).build_with(Generous)?;
/// let tokens = ClientCredentials::builder(&server).build()?;
///
/// let TokenOutcome::Pending(token) = tokens.token(&TokenRequest::new("https://billing.example:443")) else {
///     panic!("nothing has been fetched yet")
/// };
/// assert_eq!(token.await?.secret(), "abc");
/// # Ok(())
/// # }
/// ```
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
