//! What the caller may, for handlers.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use linchpin_core::Requirement;

use crate::{
    Caller, Rejection,
    rejection::read,
    withheld::{Refused, Unheard},
};

/// The verified caller, who meets the requirement `R`, as an extractor.
///
/// It derefs to [`linchpin_core::Caller`]. A handler may have several: all of them have to be met.
///
/// The decision is made when the handler's extractors are made, and actix polls none of them before that. A caller who is
/// refused is refused before a byte of the body is read, wherever among the arguments this one stands: until then the
/// middleware withholds the body. If another extractor fails first, the middleware still answers with this refusal.
///
/// # Examples
///
/// ```
/// use linchpin_actix::Require;
/// use linchpin_core::scopes;
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// async fn grades(caller: Require<GradesRead>) -> String {
///     format!("The grades of {}", caller.subject().unwrap_or("everybody"))
/// }
/// ```
///
/// # Errors
///
/// 403 for a caller who does not meet the requirement, or 401 where signing in again would do; 401 for the anonymous behind
/// an optional middleware; 500 without any middleware, and an error event says so.
///
/// # Security
///
/// `Option<Require<R>>` is actix's own extractor and `None` for every refusal and mistake.
pub struct Require<R: Requirement> {
    // The bound stands here, and not on the impls alone, so that a type that is no requirement is told where it is named.
    caller: Caller,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> Require<R> {
    /// The shared caller, for instance to hand on to a task.
    pub fn into_inner(self) -> Arc<linchpin_core::Caller> {
        self.caller.into_inner()
    }

    /// For calling a handler directly, as its unit tests do: nothing is checked.
    pub fn dangerously_unchecked(caller: impl Into<Caller>) -> Self {
        Self { caller: caller.into(), requirement: PhantomData }
    }
}

impl<R: Requirement> Clone for Require<R> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), requirement: PhantomData }
    }
}

impl<R: Requirement> fmt::Debug for Require<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl<R: Requirement> Deref for Require<R> {
    type Target = linchpin_core::Caller;

    fn deref(&self) -> &linchpin_core::Caller {
        &self.caller
    }
}

impl<R: Requirement> FromRequest for Require<R> {
    type Error = Rejection;
    type Future = Decided<R>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Decided<R> {
        let caller = read(request, "Require", |identity| identity.authorize::<R>());
        let refused =
            caller.as_ref().err().map(|rejection| Unheard::of(request).add(rejection.answer().clone()));
        let decision = caller.map(|caller| Self { caller: caller.into(), requirement: PhantomData });
        Decided { decision: Some(decision), refused }
    }
}

/// The future of [`Require`], which is ready from the start.
///
/// # Panics
///
/// Polling it after it has completed panics.
#[must_use = "futures do nothing unless polled"]
pub struct Decided<R: Requirement> {
    decision: Option<Result<Require<R>, Rejection>>,
    refused: Option<Refused>,
}

impl<R: Requirement> Future for Decided<R> {
    type Output = Result<Require<R>, Rejection>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.refused.take().into_iter().for_each(Refused::hear);
        Poll::Ready(self.decision.take().expect("`Decided` polled after it completed"))
    }
}

impl<R: Requirement> fmt::Debug for Decided<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided").finish_non_exhaustive()
    }
}
