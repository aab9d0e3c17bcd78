//! What an extractor answers when it cannot extract.

use std::{error::Error, fmt};

use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use linchpin_core::{Answer, Identity, Problem, Reason};

use crate::response;

/// The answer of an extractor to a request that it turns away.
///
/// It is told the way the middleware tells its own refusals: realm, scheme and hook are the middleware's.
pub struct Rejection {
    answer: Answer,
}

impl Rejection {
    fn new(answer: Answer) -> Self {
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

    pub(crate) fn answer(&self) -> &Answer {
        &self.answer
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

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        response::status(self.status())
    }

    fn error_response(&self) -> HttpResponse {
        response::into_response(self.answer.clone())
    }
}

/// Reads the identity that the middleware left, which stays there: a second extractor in the same handler finds it too.
pub(crate) fn read<T>(
    request: &HttpRequest,
    extractor: &'static str,
    ask: impl FnOnce(&Identity) -> Result<T, Answer>,
) -> Result<T, Rejection> {
    let result = request.extensions().get().map(ask);
    // The extensions are no longer borrowed when something is logged.
    match result {
        Some(result) => result.map_err(Rejection::new),
        None => Err(Rejection { answer: missing_layer(extractor, request.path()) }),
    }
}

/// Who finds no identity stands on a route without middleware: our mistake, so the log says where.
pub(crate) fn missing_layer(extractor: &'static str, path: &str) -> Answer {
    let reason = Reason::MissingLayer;
    tracing::error!(
        reason = reason.code(),
        status = reason.status(),
        extractor,
        path,
        "no middleware has verified this request: add auth.middleware() around this route"
    );
    Problem::from(reason).into_answer()
}

/// Likewise who finds no context of the request.
pub(crate) fn missing_observer(extractor: &'static str, path: &str) -> Rejection {
    let reason = Reason::MissingLayer;
    tracing::error!(
        reason = reason.code(),
        status = reason.status(),
        extractor,
        path,
        "no middleware observes this request: add observe(…) around the application"
    );
    Rejection { answer: Problem::from(reason).into_answer() }
}
