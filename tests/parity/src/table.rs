//! The table: requests, and what each server has to answer.

mod admitted;
mod credentials;
mod decisions;
mod declared;
mod issuers;
mod policies;
mod tokens;

use linchpin_core::Reason;

use crate::{Answer, Request, Service};

/// A request, and the one answer that every server gives to it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the row states.
    pub name: String,
    /// What is sent.
    pub request: Request,
    /// What comes back.
    pub expected: Expected,
}

/// Every row.
pub fn table(service: &Service) -> Vec<Row> {
    [
        admitted::rows(service),
        credentials::rows(service),
        tokens::rows(service),
        policies::rows(service),
        decisions::rows(service),
        issuers::rows(service),
    ]
    .concat()
}

/// Every row for the servers whose routes are declared in a table.
pub fn declared_table(service: &Service) -> Vec<Row> {
    declared::rows(service)
}

fn row(name: impl Into<String>, request: Request, expected: impl Into<Expected>) -> Row {
    Row { name: name.into(), request, expected: expected.into() }
}

/// An answer in the terms of the promise; all that a response may hold beside these headers is `date`.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The status with its phrase.
    pub status: &'static str,
    /// `content-type`.
    pub content_type: &'static str,
    /// `www-authenticate`, if there is one.
    pub challenge: Option<String>,
    /// `retry-after`, if there is one.
    pub retry_after: Option<u64>,
    /// `allow`, if there is one.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: String,
    /// The reason that the row shows, if it is a refusal.
    pub reason: Option<Reason>,
}

impl Expected {
    fn ok(content_type: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Self {
            status: "200 OK",
            content_type,
            challenge: None,
            retry_after: None,
            allow: None,
            body,
            reason: None,
        }
    }

    fn json(body: &str) -> Self {
        Self::ok("application/json", body)
    }

    fn text(body: &str) -> Self {
        Self::ok("text/plain; charset=utf-8", body)
    }

    /// The refusal for this reason by a gate with the scheme `Bearer`, no realm and no hook.
    ///
    /// What status and challenge a reason has is said here a second time and in other words than in `linchpin-core`: a
    /// slip there shows up as a difference.
    pub fn refused(reason: Reason) -> Self {
        use Reason::*;
        let error = |error| Some(format!(r#"Bearer error="{error}""#));
        let (status, challenge) = match reason {
            RepeatedCredential | MalformedCredential => ("400 Bad Request", error("invalid_request")),
            MissingCredential | UnsupportedScheme => {
                ("401 Unauthorized", Some(r#"Bearer realm="api""#.to_owned()))
            }
            InsufficientAuthentication => ("401 Unauthorized", error("insufficient_user_authentication")),
            InsufficientScope | InsufficientRole => ("403 Forbidden", error("insufficient_scope")),
            RestrictedApplication | UndeclaredRoute | NotAllowed => ("403 Forbidden", None),
            MissingLayer => ("500 Internal Server Error", None),
            KeysUnavailable | DecisionUnavailable => ("503 Service Unavailable", None),
            _ => ("401 Unauthorized", error("invalid_token")),
        };
        let (code, title) = status.split_once(' ').unwrap_or_default();
        let body = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{code},"detail":"{}","reason":"{}"}}"#,
            reason.detail(),
            reason.code(),
        );
        Self {
            status,
            content_type: "application/problem+json",
            challenge,
            retry_after: (reason == KeysUnavailable).then_some(7),
            allow: None,
            body,
            reason: Some(reason),
        }
    }

    /// The same answer by a gate whose first scheme is another one.
    #[must_use]
    pub fn scheme(self, scheme: &str) -> Self {
        let challenge = self.challenge.map(|challenge| challenge.replacen("Bearer", scheme, 1));
        Self { challenge, ..self }
    }

    /// A problem that is no refusal.
    fn problem(status: &'static str) -> Self {
        let (code, title) = status.split_once(' ').unwrap_or_default();
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{code}}}"#);
        Self { status, content_type: "application/problem+json", ..Self::text(&body) }
    }

    fn allow(self, allow: &'static str) -> Self {
        Self { allow: Some(allow), ..self }
    }

    fn challenge(self, challenge: &str) -> Self {
        Self { challenge: Some(challenge.to_owned()), ..self }
    }

    /// Adds a member to the end of the body.
    fn member(mut self, member: &str) -> Self {
        self.body.insert_str(self.body.len() - 1, &format!(",{member}"));
        self
    }

    /// The answer as it comes over the wire.
    pub fn answer(&self) -> Answer {
        let mut headers: Vec<_> = self.allow.iter().map(|methods| format!("allow: {methods}")).collect();
        headers.extend([
            "connection: close".to_owned(),
            format!("content-length: {}", self.body.len()),
            format!("content-type: {}", self.content_type),
        ]);
        headers.extend(self.retry_after.map(|seconds| format!("retry-after: {seconds}")));
        headers.extend(self.challenge.as_ref().map(|challenge| format!("www-authenticate: {challenge}")));
        Answer { status: self.status.to_owned(), headers, body: self.body.clone() }
    }
}

impl From<Reason> for Expected {
    fn from(reason: Reason) -> Self {
        Self::refused(reason)
    }
}

/// A request that the promise does not cover, and the status that each server gives to it.
///
/// The HTTP server or the router has a say in the answer, before a layer is asked or after.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What the row states.
    pub name: &'static str,
    /// What is sent.
    pub request: Request,
    /// The status by tower and axum, which share hyper.
    pub hyper: u16,
    /// The status by actix.
    pub actix: u16,
}

/// What is known to be outside the promise, so that a change there is noticed too.
pub fn outside_the_promise(service: &Service) -> Vec<Outside> {
    let outside = |name, request, hyper, actix| Outside { name, request, hyper, actix };
    let open = || Request::get("/caller");
    let good = || open().bearer(service.issuer.token("ann").sign());
    let many_lines = (0..96).fold(good(), |request, i| request.line(format!("x-{i}: 1")));
    let expecting = Request::post("/caller", b"grade").line("expect: 100-continue");
    let preflight = open().method("OPTIONS").line("origin: https://app.test");
    vec![
        outside("a request without a host", good().without_host(), 200, 400),
        outside("99 header lines", many_lines, 200, 431),
        outside("a NUL in a credential", open().authorization("Bearer \0"), 400, 400),
        outside("a control byte in a credential", open().authorization("Bearer \u{1}"), 400, 400),
        outside("DEL in a credential", open().authorization("Bearer \u{7f}"), 400, 400),
        outside("a credential that is folded", open().authorization("Bearer a\r\n b"), 400, 400),
        outside("a client that waits for 100 Continue", expecting, 401, 100),
        // The middleware of a scope is asked about every path below it, a layer of axum about the routes only.
        outside("a path without a route", Request::get("/caller/x"), 404, 401),
        outside("a method without a route", good().method("DELETE"), 405, 404),
        // The layer exempts no method. All answer alike, but that axum's router adds an `allow` to the refusal.
        outside("a method without a route, and no credential", open().method("DELETE"), 401, 401),
        outside("a preflight", preflight, 401, 401),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_refusal_is_the_documented_one() {
        let expected = Expected::refused(Reason::Expired);

        assert_eq!(expected.status, "401 Unauthorized");
        assert_eq!(
            expected.answer().headers,
            [
                "connection: close",
                "content-length: 111",
                "content-type: application/problem+json",
                r#"www-authenticate: Bearer error="invalid_token""#,
            ]
        );
        assert_eq!(
            expected.body,
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token has expired.","reason":"expired"}"#
        );
    }
}
