//! Problems as responses.

use std::{borrow::Cow, error::Error, fmt};

use axum_core::response::{IntoResponse, Response};
use linchpin_core::Reason;
use serde::Serialize;

/// An error answer in the form of RFC 9457, as a response and as the error type of handlers.
///
/// Everything that turns into a [`linchpin_core::Problem`], such as a [`Refusal`](linchpin_core::Refusal), turns into
/// one with `?`.
///
/// # Examples
///
/// ```
/// use linchpin_axum::{Caller, Problem};
///
/// async fn course(caller: Caller) -> Result<&'static str, Problem> {
///     caller.require_role("staff")?;
///     Err(Problem::new(404, "Not Found").detail("There is no such course."))
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem(linchpin_core::Problem);

impl Problem {
    /// A problem with a status of 400 to 599 (any other becomes 500) and a short title that is the same for each
    /// occurrence, usually the status phrase.
    pub fn new(status: u16, title: impl Into<Cow<'static, str>>) -> Self {
        Self(linchpin_core::Problem::new(status, title))
    }

    /// Explains this occurrence to the client.
    #[must_use]
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(self.0.detail(detail))
    }

    /// Adds an extension member; see [`Extensions::insert`](linchpin_core::Extensions::insert) for what is not added.
    #[must_use]
    pub fn with(self, name: &str, value: impl Serialize) -> Self {
        Self(self.0.with(name, value))
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The reason, if this is a refusal of ours.
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason()
    }

    /// The problem in no framework's terms.
    pub fn into_inner(self) -> linchpin_core::Problem {
        self.0
    }
}

impl<T: Into<linchpin_core::Problem>> From<T> for Problem {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "problem with status {}", self.status())?;
        self.reason().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        linchpin_tower::into_response(self.0.into_answer())
    }
}
