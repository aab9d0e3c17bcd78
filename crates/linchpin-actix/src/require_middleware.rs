//! A requirement, as a middleware of its own.

use std::{
    fmt,
    future::{Ready, ready},
    marker::PhantomData,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use linchpin_core::{Identity, IntoPolicy, Policy, Requirement};

use crate::{ResponseFuture, rejection::missing_layer};

/// Lets only callers through who meet the requirement `R`; made by [`require`].
///
/// It stands inside a [`VerifyMiddleware`](crate::VerifyMiddleware), which finds out who is calling, around a route, a
/// resource or a scope. It decides before the handler's extractors are made, and so before anything of the body is read.
/// Where a policy is asked for it is one too, and verifies by itself.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
/// # struct Verifier;
/// # impl VerifyToken for Verifier {
/// #     fn verify(&self, _: &str, _: Timestamp) -> Outcome { Outcome::Ready(Err(Reason::Expired.into())) }
/// # }
/// use actix_web::{App, web};
/// use linchpin_actix::{VerifyMiddleware, require};
/// use linchpin_core::{roles, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
/// roles! { pub Admin = "admin"; }
///
/// let auth = VerifyMiddleware::new(Arc::new(Verifier));
/// let grades = web::resource("/grades").wrap(require::<GradesRead>()).to(async || "the grades");
/// let admin = web::scope("/admin").wrap(require::<Admin>()).route("/users", web::get().to(async || "the users"));
/// // In actix, what is wrapped last is outermost.
/// let app = App::new().service(web::scope("").service(grades).service(admin).wrap(auth));
/// ```
///
/// # Errors
///
/// The inner service's. Who does not meet the requirement gets the refusal as a response; without a `VerifyMiddleware`
/// outside the answer is 500, and an error event says so.
pub struct RequireMiddleware<R> {
    requirement: PhantomData<fn() -> R>,
}

/// The requirement `R`, as a middleware and as a policy.
pub const fn require<R: Requirement>() -> RequireMiddleware<R> {
    RequireMiddleware { requirement: PhantomData }
}

impl<R> Clone for RequireMiddleware<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for RequireMiddleware<R> {}

impl<R: Requirement> fmt::Debug for RequireMiddleware<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequireMiddleware({})", R::describe())
    }
}

impl<R: Requirement> IntoPolicy for RequireMiddleware<R> {
    fn into_policy(self) -> Policy {
        Policy::require::<R>()
    }
}

impl<S, B, R> Transform<S, ServiceRequest> for RequireMiddleware<R>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    R: Requirement,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = RequireService<S, R>;
    type InitError = ();
    type Future = Ready<Result<RequireService<S, R>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(RequireService { inner, requirement: PhantomData }))
    }
}

/// Checks a requirement before it calls the inner service; made by [`RequireMiddleware`].
pub struct RequireService<S, R> {
    inner: S,
    requirement: PhantomData<fn() -> R>,
}

impl<S, B, R> Service<ServiceRequest> for RequireService<S, R>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    R: Requirement,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let met = request.extensions().get::<Identity>().map(|identity| identity.authorize::<R>().map(drop));
        // The extensions are no longer borrowed when something is logged.
        let met = met.unwrap_or_else(|| Err(missing_layer("require", request.path())));
        match met {
            Ok(()) => ResponseFuture::calling(self.inner.call(request)),
            Err(answer) => ResponseFuture::refused(request, answer),
        }
    }
}

impl<S, R: Requirement> fmt::Debug for RequireService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequireService({})", R::describe())
    }
}
