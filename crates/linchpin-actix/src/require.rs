//! What the caller may, for handlers.

use std::{
    fmt,
    future::{Ready, ready},
    marker::PhantomData,
    ops::Deref,
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use linchpin_core::{Answer, Requirement};

use crate::{Caller, Rejection, rejection::read};

/// The verified caller, who meets the requirement `R`, as an extractor.
///
/// It derefs to [`linchpin_core::Caller`]. A handler may have several: all of them have to be met.
///
/// The decision is made when the handler's extractors are made, and actix polls none of them before that: no byte of the
/// body is read before it, wherever among the arguments this one stands. If another extractor fails first, say because the
/// body is malformed, the middleware still answers with this refusal.
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
/// A body that is read by an extractor which stands before this one may be read after the refusal, and is then thrown
/// away; [`require`](crate::require) around the route, and the module `routes`, refuse before any extractor is made.
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
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = read(request, "Require", |identity| identity.authorize::<R>());
        if let Err(rejection) = &caller {
            request.extensions_mut().insert(Denied(rejection.answer().clone()));
        }
        ready(caller.map(|caller| Self { caller: caller.into(), requirement: PhantomData }))
    }
}

/// A requirement was not met: whichever extractor fails first, this is the answer.
pub(crate) struct Denied(pub(crate) Answer);
