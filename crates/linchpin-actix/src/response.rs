//! From an answer in no framework's terms to an actix response.

use actix_web::{
    HttpResponse,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use linchpin_core::{Answer, Reason};

/// Writes an answer, and notes a refusal at the request that is being observed, if any.
pub(crate) fn into_response(answer: Answer) -> HttpResponse {
    if let Some(reason) = answer.reason() {
        linchpin_trace::note_refused(reason);
    }
    let mut response = HttpResponse::new(status(answer.status()));
    for (name, value) in answer.headers() {
        // Only a verifier whose scheme is no token could make a value that no header has; the answer goes out without.
        let Ok(value) = HeaderValue::from_str(value) else { continue };
        response.headers_mut().append(HeaderName::from_static(name), value);
    }
    response.set_body(BoxBody::new(answer.into_body()))
}

/// An answer's status is always one of 400 to 599.
pub(crate) fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A refusal, as the middleware tells the client and the log.
pub(crate) fn refuse(request: ServiceRequest, answer: Answer) -> ServiceResponse {
    // The reason is from a closed list; nothing of the credential is near it.
    tracing::debug!(reason = answer.reason().map(Reason::code), status = answer.status(), "request refused");
    request.into_response(into_response(answer))
}
