//! A requirement, as a layer of its own.

use std::{
    fmt,
    marker::PhantomData,
    task::{Context, Poll},
};

use http::{Request, Response};
use linchpin_core::{Answer, Identity, IntoPolicy, Policy, Problem, Reason, Requirement};
use tower_layer::Layer;
use tower_service::Service;

use crate::ResponseFuture;

/// Lets only callers through who meet the requirement `R`; made by [`require`].
///
/// It stands inside a [`VerifyLayer`](crate::VerifyLayer), which finds out who is calling, around one service or a group of
/// them. It decides before the inner service runs, and so before anything of the body is read. Where a policy is asked for
/// it is one too, and verifies by itself.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use http::{Request, Response};
/// # use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
/// # struct Verifier;
/// # impl VerifyToken for Verifier {
/// #     fn verify(&self, _: &str, _: Timestamp) -> Outcome { Outcome::Ready(Err(Reason::Expired.into())) }
/// # }
/// # async fn grades(_: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
/// #     Ok(Response::new(String::new()))
/// # }
/// use linchpin_core::scopes;
/// use linchpin_tower::{VerifyLayer, require};
/// use tower::{ServiceBuilder, service_fn};
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// let service = ServiceBuilder::new()
///     .layer(VerifyLayer::new(Arc::new(Verifier)))
///     .layer(require::<GradesRead>())
///     .service(service_fn(grades));
/// ```
///
/// # Errors
///
/// The inner service's. Who does not meet the requirement gets the refusal as a response; without a `VerifyLayer` outside
/// the answer is 500, and an error event says so.
pub struct RequireLayer<R> {
    requirement: PhantomData<fn() -> R>,
}

/// The requirement `R`, as a layer and as a policy.
pub const fn require<R: Requirement>() -> RequireLayer<R> {
    RequireLayer { requirement: PhantomData }
}

impl<R> Clone for RequireLayer<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for RequireLayer<R> {}

impl<R: Requirement> fmt::Debug for RequireLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequireLayer({})", R::describe())
    }
}

impl<R: Requirement> IntoPolicy for RequireLayer<R> {
    fn into_policy(self) -> Policy {
        Policy::require::<R>()
    }
}

impl<S, R: Requirement> Layer<S> for RequireLayer<R> {
    type Service = Require<S, R>;

    fn layer(&self, inner: S) -> Require<S, R> {
        Require { inner, requirement: PhantomData }
    }
}

/// Checks a requirement before it calls the inner service; made by [`RequireLayer`].
///
/// A request that is refused gives back the place that the inner service has reserved for it.
pub struct Require<S, R> {
    inner: S,
    requirement: PhantomData<fn() -> R>,
}

impl<S, R, ReqB, ResB> Service<Request<ReqB>> for Require<S, R>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    R: Requirement,
    ResB: From<String>,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S, Request<ReqB>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let met = match request.extensions().get::<Identity>() {
            Some(identity) => identity.authorize::<R>().map(drop),
            None => Err(missing_layer(request.uri().path())),
        };
        match met {
            Ok(()) => ResponseFuture::calling(self.inner.call(request)),
            Err(answer) => {
                self.inner = self.inner.clone();
                ResponseFuture::refused(answer)
            }
        }
    }
}

impl<S: Clone, R> Clone for Require<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), requirement: PhantomData }
    }
}

impl<S, R: Requirement> fmt::Debug for Require<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Require({})", R::describe())
    }
}

/// A requirement without an identity stands on a route that no layer protects: our mistake, so the log says where.
fn missing_layer(path: &str) -> Answer {
    let reason = Reason::MissingLayer;
    tracing::error!(
        reason = reason.code(),
        status = reason.status(),
        path,
        "no layer has verified this request: add auth.layer() outside require()"
    );
    Problem::from(reason).into_answer()
}
