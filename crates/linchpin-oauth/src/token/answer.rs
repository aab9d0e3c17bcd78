//! What a token endpoint answers (RFC 6749 §5).

use std::time::{Duration, SystemTime};

use linchpin_core::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{AccessToken, FetchResponse, TokenError, TokenErrorKind, printable::printable};

/// A token as it was granted.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) token: AccessToken,
    /// How long it is valid, if that was said: a second at least, a day at most.
    pub(crate) lifetime: Option<Duration>,
}

/// The members of RFC 6749 §5.1 and RFC 8693 §2.2.1 that count; all others are ignored. One that is there twice is an error.
#[derive(Deserialize)]
struct Success<'j> {
    access_token: String,
    token_type: String,
    #[serde(borrow)]
    expires_in: Option<&'j RawValue>,
    issued_token_type: Option<String>,
}

/// The members of RFC 6749 §5.2.
#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
}

/// Reads an answer. `secrets` are those of the request: a server that repeats them must not bring them into a log.
pub(crate) fn read(answer: &FetchResponse, secrets: &[&str], now: Timestamp) -> Result<Granted, TokenError> {
    match answer.status {
        200 => read_token(&answer.body, secrets),
        status @ 300..400 => {
            Err(bad(format!("the token endpoint answered with the redirect {status}, which is not followed")))
        }
        429 | 500.. => Err(unavailable(answer, now, "")),
        status => Err(read_failure(answer, secrets, now).unwrap_or_else(|| match status {
            401 | 403 => TokenError::new(TokenErrorKind::Refused, told(status)),
            _ => bad(told(status)),
        })),
    }
}

fn read_token(body: &[u8], secrets: &[&str]) -> Result<Granted, TokenError> {
    // What the parser says may quote the body, where a token may stand in the wrong place.
    let answer: Success<'_> = serde_json::from_slice(body).map_err(|error| {
        bad(format!(
            "the token endpoint's answer is not a JSON object with `access_token` and `token_type` (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    if !answer.token_type.eq_ignore_ascii_case("Bearer") {
        let token_type = shown(&answer.token_type, MAX_CODE_BYTES, secrets);
        return Err(bad(format!("the token endpoint gave a token of the type \"{token_type}\", not Bearer")));
    }
    if let Some(issued) = answer.issued_token_type.filter(|issued| !ACCESS_TOKEN_TYPES.contains(&&**issued)) {
        let issued = shown(&issued, MAX_TOLD_BYTES, secrets);
        return Err(bad(format!("the token endpoint issued a \"{issued}\", which is no access token")));
    }
    let token = AccessToken::new(&answer.access_token)
        .map_err(|error| bad("the token endpoint gave something that is no token").with_source(error))?;
    let lifetime = answer.expires_in.map(|value| read_lifetime(value.get())).transpose()?.flatten();
    Ok(Granted { token, lifetime })
}

/// Seconds, which some servers give as a string or with a fraction; `null` is as good as not there.
fn read_lifetime(json: &str) -> Result<Option<Duration>, TokenError> {
    if json == "null" {
        return Ok(None);
    }
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json);
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let seconds: Option<f64> = if is_number { text.parse().ok() } else { None };
    match seconds {
        // Infinity is what digits beyond any number are read as.
        Some(seconds) if seconds >= 1.0 => {
            Ok(Some(Duration::from_secs_f64(seconds.min(MAX_LIFETIME.as_secs_f64()))))
        }
        Some(_) => {
            Err(bad("the token endpoint gave a token that has expired: `expires_in` is below one second"))
        }
        None => Err(bad("the token endpoint's `expires_in` is not a number")),
    }
}

/// An error in the form of RFC 6749 §5.2, if the answer is one.
fn read_failure(answer: &FetchResponse, secrets: &[&str], now: Timestamp) -> Option<TokenError> {
    let Failure { error, error_description } = serde_json::from_slice(&answer.body).ok()?;
    let code = shown(&error, MAX_CODE_BYTES, secrets);
    let description = error_description.map_or_else(String::new, |description| {
        format!(" (\"{}\")", shown(&description, MAX_TOLD_BYTES, secrets))
    });
    let detail = format!(": {code}{description}");
    if ["temporarily_unavailable", "server_error", "slow_down"].contains(&&*error) {
        return Some(unavailable(answer, now, &detail));
    }
    let message = format!("{}{detail}", told(answer.status));
    Some(TokenError::new(TokenErrorKind::Refused, message).with_error_code(code))
}

fn unavailable(answer: &FetchResponse, now: Timestamp, detail: &str) -> TokenError {
    let error = TokenError::new(TokenErrorKind::Unavailable, format!("{}{detail}", told(answer.status)));
    match answer.retry_after.as_deref().and_then(|value| read_retry_after(value, now)) {
        Some(retry_after) => error.with_retry_after(retry_after),
        None => error,
    }
}

/// Seconds or a date (RFC 9110 §10.2.3).
fn read_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::UNIX_EPOCH.saturating_add(date).saturating_duration_since(now))
}

/// What is told of a server's text.
fn shown(text: &str, max_bytes: usize, secrets: &[&str]) -> String {
    // Nothing is told of what comes behind, and comparing all of a long text would take seconds.
    let told = &text.as_bytes()[..text.len().min(max_bytes + ECHO_BYTES)];
    match echoes(told, secrets) {
        true => "[withheld, since it repeats a secret]".to_owned(),
        false => printable(text, max_bytes),
    }
}

/// Whether a text repeats a secret, or a good part of one.
fn echoes(text: &[u8], secrets: &[&str]) -> bool {
    let is_in = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    secrets.iter().filter(|secret| !secret.is_empty()).any(|secret| {
        let secret = secret.as_bytes();
        secret.windows(secret.len().min(ECHO_BYTES)).any(is_in)
    })
}

fn told(status: u16) -> String {
    format!("the token endpoint answered with status {status}")
}

fn bad(message: impl Into<String>) -> TokenError {
    TokenError::new(TokenErrorKind::BadAnswer, message)
}

/// A token that is valid for longer is fetched anew after a day all the same.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

const ACCESS_TOKEN_TYPES: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];

/// How much of an error code is told.
const MAX_CODE_BYTES: usize = 64;

/// How much of a description is told.
const MAX_TOLD_BYTES: usize = 128;

/// So many bytes of a secret in a row are no accident.
const ECHO_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(1_767_225_600) // 2026-01-01T00:00:00Z, a Thursday
    }

    fn read_ok(body: &str) -> Result<Granted, TokenError> {
        read(&FetchResponse::new(200, body), &[], now())
    }

    fn lifetime(expires_in: &str) -> Result<Option<Duration>, TokenErrorKind> {
        let body = format!(r#"{{"access_token":"abc","token_type":"Bearer","expires_in":{expires_in}}}"#);
        read_ok(&body).map(|granted| granted.lifetime).map_err(|error| error.kind())
    }

    #[test]
    fn a_lifetime_is_read_as_servers_write_it() {
        let seconds = |seconds: f64| Ok(Some(Duration::from_secs_f64(seconds)));

        assert_eq!(read_ok(r#"{"access_token":"abc","token_type":"Bearer"}"#).unwrap().lifetime, None);
        assert_eq!(lifetime("null"), Ok(None));
        assert_eq!(lifetime("3600"), seconds(3600.0));
        assert_eq!(lifetime("\"3600\""), seconds(3600.0));
        assert_eq!(lifetime("3599.5"), seconds(3599.5));
        assert_eq!(lifetime("\"3599.5\""), seconds(3599.5));
        assert_eq!(lifetime("3.6e3"), seconds(3600.0));
        assert_eq!(lifetime("1"), seconds(1.0));
        for huge in ["86401", "18446744073709551616", "1e300", "1e999", "\"9999999999999999999999\""] {
            assert_eq!(lifetime(huge), Ok(Some(MAX_LIFETIME)), "{huge}");
        }
        for bad in [
            "0",
            "-0",
            "-1",
            "-1e999",
            "0.999",
            "\"0\"",
            "\"-5\"",
            "\"\"",
            "\"soon\"",
            "\"inf\"",
            "\"NaN\"",
            "\" 5\"",
            "true",
            "[60]",
            "{}",
            "\"\\u0035\"",
        ] {
            assert_eq!(lifetime(bad), Err(TokenErrorKind::BadAnswer), "{bad}");
        }
    }

    #[test]
    fn only_bearer_tokens_are_taken() {
        let kind = |token_type: &str| {
            read_ok(&format!(r#"{{"access_token":"abc","token_type":{token_type}}}"#))
                .map_err(|error| error.kind())
        };

        for good in ["\"Bearer\"", "\"bearer\"", "\"BEARER\""] {
            assert!(kind(good).is_ok(), "{good}");
        }
        for bad in ["\"DPoP\"", "\"mac\"", "\"N_A\"", "\"\"", "\"Bearer \"", "null", "7", "[\"Bearer\"]"] {
            assert_eq!(kind(bad).unwrap_err(), TokenErrorKind::BadAnswer, "{bad}");
        }
        let issued = |issued: &str| {
            read_ok(&format!(
                r#"{{"access_token":"abc","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:{issued}"}}"#
            ))
        };
        assert!(issued("access_token").is_ok() && issued("jwt").is_ok());
        assert!(issued("refresh_token").is_err() && issued("id_token").is_err());
    }

    #[test]
    fn what_is_no_token_answer_is_told_without_what_stands_in_it() {
        for body in [
            "",
            "<html>s3cret</html>",
            "\"s3cret\"",
            "[\"s3cret\"]",
            r#"{"access_token":"s3cret"}"#,
            r#"{"token_type":"Bearer"}"#,
            r#"{"access_token":["s3cret"],"token_type":"Bearer"}"#,
            r#"{"access_token":"s3cret","access_token":"s3cret","token_type":"Bearer"}"#,
            r#"{"access_token":"s3cret","token_type":"Bearer","token_type":"Bearer"}"#,
            r#"{"access_token":"s3cret","token_type":"Bearer","expires_in":60,"expires_in":60}"#,
            r#"{"access_token":"s3cret","token_type":"Bearer"} more"#,
            r#"{"access_token":"s3cret here","token_type":"Bearer"}"#,
            r#"{"access_token":"s3cret\r\nx-admin: 1","token_type":"Bearer"}"#,
            r#"{"access_token":"s3cret\u0000","token_type":"Bearer"}"#,
            r#"{"access_token":"s3crét","token_type":"Bearer"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
        ] {
            let error = read_ok(body).unwrap_err();
            assert_eq!(error.kind(), TokenErrorKind::BadAnswer, "{body}");
            let told = format!("{error} {error:?}");
            assert!(!told.contains("s3cr"), "{told}");
        }
    }

    #[test]
    fn errors_of_the_rfc_keep_their_code() {
        let read = |status, body: &str| {
            let error = read(&FetchResponse::new(status, body), &[], now()).unwrap_err();
            (error.kind(), error.error_code().map(str::to_owned), error.to_string())
        };

        let (kind, code, told) = read(
            401,
            r#"{"error":"invalid_client","error_description":"the secret\nis wrong","error_uri":"x"}"#,
        );
        assert_eq!((kind, code.as_deref()), (TokenErrorKind::Refused, Some("invalid_client")));
        assert_eq!(
            told,
            "the token endpoint answered with status 401: invalid_client (\"the secret\\nis wrong\")"
        );
        let long =
            format!(r#"{{"error":"{}","error_description":"{}"}}"#, "é".repeat(1000), "x".repeat(100_000));
        let (_, code, told) = read(400, &long);
        assert_eq!(code.unwrap(), "é".repeat(32), "whole characters");
        assert!(told.len() < 400, "{}", told.len());
        assert_eq!(read(400, r#"{"error":"temporarily_unavailable"}"#).0, TokenErrorKind::Unavailable);
        assert_eq!(read(401, "<html>").0, TokenErrorKind::Refused);
        assert_eq!(read(404, "<html>").0, TokenErrorKind::BadAnswer);
        assert_eq!(read(400, r#"{"error":7}"#).0, TokenErrorKind::BadAnswer);
        assert_eq!(read(201, r#"{"access_token":"a","token_type":"Bearer"}"#).0, TokenErrorKind::BadAnswer);
        assert_eq!(read(302, "").0, TokenErrorKind::BadAnswer);
        assert_eq!(read(500, r#"{"error":"invalid_client"}"#).0, TokenErrorKind::Unavailable);
    }

    #[test]
    fn a_secret_that_the_server_repeats_is_not_told() {
        let secrets = ["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl", "hush"];
        for echo in
            ["bad secret hush", "cannot verify eyJzdWIiOiJhbm4i…", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ"]
        {
            let body = serde_json::json!({"error": echo, "error_description": echo}).to_string();

            let error = read(&FetchResponse::new(400, body), &secrets, now()).unwrap_err();

            let told = format!("{error} {error:?} {:?}", error.error_code());
            assert!(!told.contains("hush") && !told.contains("eyJ"), "{told}");
        }
        for body in [
            r#"{"access_token":"a","token_type":"hush"}"#,
            r#"{"access_token":"a","token_type":"Bearer","issued_token_type":"eyJhbGciOiJFUzI1NiJ9.eyJz"}"#,
        ] {
            let error = read(&FetchResponse::new(200, body), &secrets, now()).unwrap_err();

            let told = format!("{error} {error:?}");
            assert!(!told.contains("hush") && !told.contains("eyJ"), "{told}");
        }
        let harmless =
            FetchResponse::new(400, r#"{"error":"invalid_grant","error_description":"eyJ is no token"}"#);
        assert!(read(&harmless, &secrets, now()).unwrap_err().to_string().contains("eyJ is no token"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |status, value: &str| {
            read(&FetchResponse::new(status, "").retry_after(value), &[], now()).unwrap_err().retry_after()
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));

        assert_eq!(after(429, "7"), seconds(7));
        assert_eq!(after(503, " 120 "), seconds(120));
        assert_eq!(after(503, "99999999999999999999999"), seconds(u64::MAX));
        assert_eq!(after(503, "Thu, 01 Jan 2026 00:00:30 GMT"), seconds(30));
        assert_eq!(after(503, "Wed, 31 Dec 2025 23:59:30 GMT"), seconds(0));
        for nothing in ["", "-1", "soon", "1.5", "Thu, 01 Jan 2026"] {
            assert_eq!(after(503, nothing), None, "{nothing}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 500,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_answer_is_too_odd_for_a_typed_error(status in 100_u16..600, body in ".{0,200}", after in proptest::option::of(".{0,30}")) {
            let mut answer = FetchResponse::new(status, body);
            if let Some(after) = after {
                answer = answer.retry_after(after);
            }

            let error = read(&answer, &["secret"], now()).unwrap_err();

            prop_assert!(error.is_refused() || error.is_unavailable());
            prop_assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}
