//! From an answer in no framework's terms to an HTTP response.

use http::{HeaderName, HeaderValue, Response, StatusCode, header::InvalidHeaderValue};
use linchpin_core::{Answer, Reason};

/// Writes an [`Answer`] as a response.
///
/// A refusal is noted at the request that is being observed, if any.
///
/// The body is `From<String>` rather than `From<Bytes>`: the bodies of axum and `http_body_util` take either, plain text
/// takes the one, and the `bytes` crate stays out of this signature.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Problem, Reason};
///
/// let response = linchpin_tower::into_response::<String>(Problem::from(Reason::Expired).into());
///
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// ```
pub fn into_response<B: From<String>>(answer: Answer) -> Response<B> {
    if let Some(reason) = answer.reason() {
        linchpin_trace::note_refused(reason);
    }
    let mut response = Response::new(());
    // An answer's status is always one of 400 to 599.
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers() {
        // Only a verifier whose scheme is no token could make a value that no header has; the answer goes out without.
        let Ok(value) = header_value(value) else { continue };
        response.headers_mut().append(HeaderName::from_static(name), value);
    }
    response.map(|()| B::from(answer.into_body()))
}

/// The type of nearly all answers needs no copy.
fn header_value(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    if value == PROBLEM_JSON {
        Ok(HeaderValue::from_static(PROBLEM_JSON))
    } else {
        HeaderValue::from_str(value)
    }
}

const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal, as the layer tells the client and the log.
pub(crate) fn refuse<B: From<String>>(answer: Answer) -> Response<B> {
    // The reason is from a closed list; nothing of the credential is near it.
    tracing::debug!(reason = answer.reason().map(Reason::code), status = answer.status(), "request refused");
    into_response(answer)
}
