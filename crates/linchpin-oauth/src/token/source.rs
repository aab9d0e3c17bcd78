//! The contract between whoever makes calls and whoever has credentials.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use linchpin_core::SubjectToken;

use crate::{AccessToken, TokenError};

/// Where the credential of an outgoing call comes from.
///
/// The trait is object-safe, and a source that has a token at hand gives it without a future, a lock or an allocation.
///
/// # Examples
///
/// ```
/// use linchpin_oauth::{StaticToken, TokenOutcome, TokenRequest, TokenSource};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let source: Box<dyn TokenSource> = Box::new(StaticToken::new("abc.def")?);
///
/// let token = match source.token(&TokenRequest::new("https://billing.example:443")) {
///     TokenOutcome::Ready(result) => result?,
///     TokenOutcome::Pending(pending) => pending.await?,
/// };
/// assert_eq!(token.authorization(), "Bearer abc.def");
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// An implementation must not log a token, nor keep it in an error. A client sends a token only to the origin that it was
/// asked for, never across a redirect to another one.
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// The token for one call.
    fn token(&self, call: &TokenRequest<'_>) -> TokenOutcome;

    /// Tells that the upstream answered 401 to this token; nothing, unless overridden.
    ///
    /// A source that can get another one does not give this one out again. A client asks again once, and no more: how often
    /// rejections cause a fetch is bounded, so a second token that is rejected may be given out again.
    fn rejected(&self, token: &AccessToken) {
        let _ = token;
    }
}

impl<S: TokenSource + ?Sized> TokenSource for Arc<S> {
    fn token(&self, call: &TokenRequest<'_>) -> TokenOutcome {
        S::token(self, call)
    }

    fn rejected(&self, token: &AccessToken) {
        S::rejected(self, token);
    }
}

/// What a token is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    origin: &'a str,
    subject: Option<&'a SubjectToken>,
}

impl<'a> TokenRequest<'a> {
    /// A call to this origin, `scheme://host:port`, on nobody's behalf.
    pub const fn new(origin: &'a str) -> Self {
        Self { origin, subject: None }
    }

    /// Says on whose behalf the call is made.
    #[must_use]
    pub fn subject(mut self, subject: Option<&'a SubjectToken>) -> Self {
        self.subject = subject;
        self
    }

    /// Where the token will be sent: `scheme://host:port`.
    pub fn origin(&self) -> &'a str {
        self.origin
    }

    /// On whose behalf the call is made, if it is.
    pub fn on_behalf_of(&self) -> Option<&'a SubjectToken> {
        self.subject
    }
}

/// What a [`TokenSource`] has to say.
#[derive(Debug)]
#[must_use]
pub enum TokenOutcome {
    /// A token, or why there is none, at once.
    Ready(Result<AccessToken, TokenError>),
    /// The token is being fetched.
    Pending(PendingToken),
}

/// A token that is being fetched; a future that ends within the source's deadline.
///
/// It owns what it needs and may be dropped at any time: the fetch goes on for the others who wait for it.
#[must_use = "futures do nothing unless polled"]
pub struct PendingToken(Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send>>);

impl PendingToken {
    /// Wraps the future that brings the token.
    pub fn new(future: impl Future<Output = Result<AccessToken, TokenError>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for PendingToken {
    type Output = Result<AccessToken, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingToken(..)")
    }
}
