//! The contract between whoever verifies tokens and whoever asks.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{Caller, Refusal, Timestamp};

/// Verifies a bearer token.
///
/// `linchpin-jwt` implements it for JSON Web Tokens; a service may implement it for whatever it was handed before.
/// The trait is object-safe, and a verifier that has all it needs answers without a future or an allocation.
///
/// # Security
///
/// An implementation must not log the token, nor keep it in an error.
pub trait VerifyToken: Send + Sync + 'static {
    /// Verifies `token` as of `now`.
    ///
    /// The token is whatever stood behind the scheme in the request, already known to be a `b64token` (RFC 6750 §2.1).
    fn verify(&self, token: &str, now: Timestamp) -> Outcome;

    /// Verifies `token` as of `now`, which came under this one of the [`schemes`](Self::schemes).
    ///
    /// It is for verifiers to which the scheme matters, such as one of several issuers of which not all use each scheme;
    /// [`verify`](Self::verify) unless overridden.
    fn verify_under(&self, scheme: &str, token: &str, now: Timestamp) -> Outcome {
        let _ = scheme;
        self.verify(token, now)
    }

    /// The authentication schemes under which a token is taken, without case; `Bearer` unless overridden.
    ///
    /// The first one is used in challenges.
    fn schemes(&self) -> &[&'static str] {
        &["Bearer"]
    }

    /// Whether a valid token could be accepted now; `false` for instance before the first keys have arrived.
    fn is_ready(&self, now: Timestamp) -> bool {
        let _ = now;
        true
    }
}

/// What became of a verification.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// It is decided.
    Ready(Result<Arc<Caller>, Refusal>),
    /// It waits for something, such as a key that is being fetched.
    Pending(Pending),
}

/// A verification under way; a future that ends within the verifier's deadline.
///
/// It owns what it needs and may be dropped at any time.
#[must_use = "futures do nothing unless polled"]
pub struct Pending(Pin<Box<dyn Future<Output = Result<Arc<Caller>, Refusal>> + Send>>);

impl Pending {
    /// Wraps the future that decides.
    pub fn new(future: impl Future<Output = Result<Arc<Caller>, Refusal>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for Pending {
    type Output = Result<Arc<Caller>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}
