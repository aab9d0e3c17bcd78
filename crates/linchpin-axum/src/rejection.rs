//! What an extractor answers when it cannot extract.

use std::{error::Error, fmt};

use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use linchpin_core::{Answer, Identity, Problem, Reason};

/// The answer of an extractor to a request that it turns away.
///
/// It is told the way the layer tells its own refusals: realm, scheme and hook are the layer's.
pub struct Rejection {
    answer: Answer,
}

impl Rejection {
    pub(crate) fn new(answer: Answer) -> Self {
        let rejection = Self { answer };
        // The reason is from a closed list; nothing of the credential is near it.
        tracing::debug!(
            reason = rejection.reason().map(Reason::code),
            status = rejection.status(),
            "request refused"
        );
        rejection
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.answer.status()
    }

    /// Why the request is turned away.
    pub fn reason(&self) -> Option<Reason> {
        self.answer.reason()
    }

    /// An extractor that finds no identity stands on a route that no layer protects: our mistake, so the log says where.
    fn missing_layer(extractor: &'static str, path: &str) -> Self {
        let reason = Reason::MissingLayer;
        tracing::error!(
            reason = reason.code(),
            status = reason.status(),
            extractor,
            path,
            "no layer has verified this request: add auth.layer() around this route"
        );
        Self { answer: Problem::from(reason).into_answer() }
    }

    /// Likewise an extractor that finds no context of the request.
    pub(crate) fn missing_observer(extractor: &'static str, path: &str) -> Self {
        let reason = Reason::MissingLayer;
        tracing::error!(
            reason = reason.code(),
            status = reason.status(),
            extractor,
            path,
            "no layer observes this request: add observe(…) around the router"
        );
        Self { answer: Problem::from(reason).into_answer() }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the body, to which the hook may have added what belongs in no log.
        f.debug_struct("Rejection").field("status", &self.status()).field("reason", &self.reason()).finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason().map_or("The request is refused.", Reason::detail))
    }
}

impl Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        linchpin_tower::into_response(self.answer)
    }
}

/// The identity that the layer left, which stays there: a second extractor in the same handler finds it too.
pub(crate) fn identity<'a>(parts: &'a Parts, extractor: &'static str) -> Result<&'a Identity, Rejection> {
    parts.extensions.get().ok_or_else(|| Rejection::missing_layer(extractor, parts.uri.path()))
}
