//! Answers, all of them JSON.

use axum::{
    body::{Body, Bytes},
    extract::rejection::BytesRejection,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde_json::{Value, json};

use crate::{MintError, Shape, provider::Minted};

/// A public document.
pub(super) fn document(body: Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer that must not be stored (RFC 6749 §5.1).
pub(super) fn private(status: StatusCode, body: Value) -> Response {
    let mut response = document(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error in the form of RFC 6749 §5.2, which serves for everything else here too.
pub(super) fn error(status: StatusCode, code: &str, description: &str) -> Response {
    private(status, json!({"error": code, "error_description": description}))
}

/// A token, or why there is none.
pub(super) fn minted(result: Result<Minted, MintError>) -> Response {
    match result {
        Ok(Minted { token, shape, lifetime, scopes }) => private(
            StatusCode::OK,
            json!({
                "access_token": token,
                // An LMS says so, and its services take the token under both schemes.
                "token_type": if shape == Shape::OpenEdx { "JWT" } else { "Bearer" },
                "expires_in": lifetime.as_secs(),
                "scope": scopes.join(" "),
            }),
        ),
        Err(refused) => error(StatusCode::BAD_REQUEST, refused.code(), &refused.to_string()),
    }
}

/// A body that is not there: too large, or broken off.
pub(super) fn body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Box<Response>> {
    body.map_err(|rejection| {
        let description = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than anything that is understood here",
            _ => "the body cannot be read",
        };
        Box::new(error(rejection.status(), "invalid_request", description))
    })
}

/// Whether the one `Content-Type` of a request is this one, whatever its parameters are.
pub(super) fn has_content_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().ok().and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_content_type_do_not_count() {
        let has_json = |values: &[&'static str]| {
            let values = values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value)));
            has_content_type(&values.collect(), "application/json")
        };

        assert!(has_json(&["application/json"]) && has_json(&["Application/JSON ; charset=utf-8"]));
        for other in
            [&[][..], &[""], &["text/plain"], &["application/jsonx"], &["text/plain, application/json"]]
        {
            assert!(!has_json(other), "{other:?}");
        }
        assert!(!has_json(&["application/json", "text/plain"]));
    }
}
