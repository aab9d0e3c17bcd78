//! Why there is no token.

use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The reason why there is no token for a call.
///
/// `Display` tells what failed, [`source`](Error::source) the cause. A clone shares it: all who waited for the same fetch
/// hear the same.
///
/// # Security
///
/// Neither holds a secret. What the authorization server said is escaped and cut.
#[derive(Clone, Debug)]
pub struct TokenError {
    inner: Arc<Inner>,
    retry_after: Option<Duration>,
}

#[derive(Debug)]
struct Inner {
    kind: TokenErrorKind,
    message: String,
    error_code: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The category of a [`TokenError`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenErrorKind {
    /// The authorization server did not answer within the deadline.
    Timeout,
    /// The authorization server cannot be reached, or says that it cannot answer now.
    Unavailable,
    /// What the authorization server answered is no token that could be used: HTML, too large, a redirect, no bearer token.
    BadAnswer,
    /// The authorization server refuses (RFC 6749 §5.2): the client, its secret, or what it asks for is wrong.
    Refused,
    /// The source gives no token to this origin.
    OtherOrigin,
    /// The call is made on nobody's behalf, and the source acts for callers only.
    NoSubject,
    /// The text is no token.
    Malformed,
}

impl TokenError {
    /// A failure of this kind in words, which hold no secret.
    pub fn new(kind: TokenErrorKind, message: impl Into<String>) -> Self {
        let inner = Inner { kind, message: message.into(), error_code: None, source: None };
        Self { inner: Arc::new(inner), retry_after: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        self.change(|inner| inner.source = Some(source))
    }

    /// Says when asking again may help.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Adds the code of RFC 6749 §5.2, which is fit to be shown.
    #[must_use]
    pub(crate) fn with_error_code(self, code: String) -> Self {
        self.change(|inner| inner.error_code = Some(code))
    }

    /// The category.
    pub fn kind(&self) -> TokenErrorKind {
        self.inner.kind
    }

    /// Whether nothing was heard within the deadline.
    pub fn is_timeout(&self) -> bool {
        self.kind() == TokenErrorKind::Timeout
    }

    /// Whether the authorization server refuses: an operator has to look at client, secret, scopes and audience.
    pub fn is_refused(&self) -> bool {
        self.kind() == TokenErrorKind::Refused
    }

    /// Whether the authorization server gave no usable answer, in time or at all, which may pass by itself.
    pub fn is_unavailable(&self) -> bool {
        use TokenErrorKind::*;
        matches!(self.kind(), Timeout | Unavailable | BadAnswer)
    }

    /// How long it takes until the source asks again; until then everybody hears this error.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The `error` of RFC 6749 §5.2, such as `invalid_client`, escaped and cut.
    pub fn error_code(&self) -> Option<&str> {
        self.inner.error_code.as_deref()
    }

    /// Clones share what they say, so that only the one who makes an error can still change it.
    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            change(inner);
        }
        self
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
