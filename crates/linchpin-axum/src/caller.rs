//! The caller, for handlers.

use std::{ops::Deref, sync::Arc};

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::{Rejection, rejection::identity};

/// The verified caller, as an extractor.
///
/// It derefs to [`linchpin_core::Caller`], and a clone shares it.
///
/// # Examples
///
/// ```
/// use linchpin_axum::{Caller, Problem};
///
/// async fn record(caller: Caller) -> Result<String, Problem> {
///     caller.require_scope("grades:write")?;
///     Ok(format!("recorded by {}", caller.subject().unwrap_or("a service")))
/// }
/// ```
///
/// # Errors
///
/// Behind an optional layer the anonymous get 401 with a challenge; without any layer the answer is 500, and an error
/// event says so.
#[derive(Clone, Debug)]
pub struct Caller(Arc<linchpin_core::Caller>);

impl Caller {
    /// The shared caller, for instance to hand on to a task.
    pub fn into_inner(self) -> Arc<linchpin_core::Caller> {
        self.0
    }
}

impl Deref for Caller {
    type Target = linchpin_core::Caller;

    fn deref(&self) -> &linchpin_core::Caller {
        &self.0
    }
}

impl From<Arc<linchpin_core::Caller>> for Caller {
    /// For calling a handler directly, as its unit tests do.
    fn from(caller: Arc<linchpin_core::Caller>) -> Self {
        Self(caller)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let caller = identity(parts, "Caller")?.require_caller().map_err(Rejection::new)?;
        Ok(Self(caller))
    }
}

/// The verified caller or the anonymous, as an extractor.
///
/// It is `None` only for a request that brought no credential and was admitted by an optional layer; a credential that
/// fails is refused by the layer.
///
/// # Examples
///
/// ```
/// use linchpin_axum::OptionalCaller;
///
/// async fn greet(caller: OptionalCaller) -> String {
///     let name = caller.as_option().and_then(|caller| caller.subject());
///     format!("Hello, {}!", name.unwrap_or("stranger"))
/// }
/// ```
///
/// # Errors
///
/// Without any layer the answer is 500, and an error event says so.
#[derive(Clone, Debug)]
pub struct OptionalCaller(Option<Caller>);

impl OptionalCaller {
    /// The caller, `None` for the anonymous.
    pub fn as_option(&self) -> Option<&Caller> {
        self.0.as_ref()
    }

    /// The caller by value, `None` for the anonymous.
    pub fn into_option(self) -> Option<Caller> {
        self.0
    }
}

impl Deref for OptionalCaller {
    type Target = Option<Caller>;

    fn deref(&self) -> &Option<Caller> {
        &self.0
    }
}

impl From<Option<Caller>> for OptionalCaller {
    /// For calling a handler directly, as its unit tests do.
    fn from(caller: Option<Caller>) -> Self {
        Self(caller)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OptionalCaller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let caller = identity(parts, "OptionalCaller")?.shared_caller().cloned();
        Ok(Self(caller.map(Caller)))
    }
}
