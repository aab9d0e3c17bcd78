//! Routes that are declared in a table, by axum and actix.

use linchpin_core::Reason::{self, *};

use super::{Expected, Row, row};
use crate::{Request, Service};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let good = ann().sign();
    let get = |path| Request::get(path);
    let told = || Expected::json(r#"{"sub":"ann"}"#);
    let unknown = || Expected::problem("404 Not Found");
    let no_method = || Expected::problem("405 Method Not Allowed");
    vec![
        row("a public route is open", get("/healthz"), Expected::text("ok")),
        row(
            "a public route is open whatever is sent",
            get("/healthz").authorization("Bearer a b"),
            Expected::text("ok"),
        ),
        row("an optional route is told", get("/feed").bearer(&good), Expected::text("ann")),
        row("an optional route admits the anonymous", get("/feed"), Expected::text("anonymous")),
        row(
            "an optional route refuses",
            get("/feed").bearer(ann().expired().sign()),
            refused(Expired, "invalid_token"),
        ),
        row("an authenticated route admits", get("/reports/7").bearer(&good), told()),
        row("an authenticated route asks", get("/reports/7"), missing()),
        row("a scope admits", get("/reports").bearer(ann().scope("read:reports").sign()), told()),
        row("a scope refuses", get("/reports").bearer(&good), lacks("read:reports")),
        row("a scope asks", get("/reports"), missing()),
        row(
            "another method has another scope",
            Request::post("/reports", b"grade").bearer(ann().scope("read:reports").sign()),
            lacks("write:reports"),
        ),
        row(
            "another method admits, with its body",
            Request::post("/reports", b"grade").bearer(ann().scope("write:reports").sign()),
            Expected::json(r#"{"sub":"ann","bytes":5}"#),
        ),
        row("a role admits", get("/admin").bearer(ann().roles(["admin"]).sign()), told()),
        row("a role refuses", get("/admin").bearer(&good), refused(InsufficientRole, "insufficient_scope")),
        row(
            "the resource describes itself",
            get("/.well-known/oauth-protected-resource/reports"),
            Expected::json(
                r#"{"resource":"https://parity.test/reports","scopes_supported":["read:reports"],"bearer_methods_supported":["header"]}"#,
            ),
        ),
        row("an unknown path is told to callers", get("/nothing-here").bearer(&good), unknown()),
        row(
            "an unknown path below a known one is told to callers",
            get("/reports/7/x").bearer(&good),
            unknown(),
        ),
        row("a slash at the end is another path", get("/reports/").bearer(&good), unknown()),
        row("an unknown path is told to callers only", get("/nothing-here"), missing()),
        row(
            "an unknown path refuses a bad token",
            get("/nothing-here").bearer("x"),
            refused(MalformedToken, "invalid_token"),
        ),
        row(
            "a method without a handler is told to callers",
            get("/reports").method("DELETE").bearer(&good),
            no_method().allow("GET,HEAD,POST"),
        ),
        row(
            "a method without a handler is told to callers only",
            get("/reports").method("DELETE"),
            missing().allow("GET,HEAD,POST"),
        ),
        row(
            "a method without a handler on a public route",
            get("/healthz").method("DELETE"),
            missing().allow("GET,HEAD"),
        ),
        row("a route without a policy is refused", get("/plain").bearer(&good), undeclared()),
        row("a route without a policy is refused to the anonymous", get("/plain"), undeclared()),
    ]
}

fn undeclared() -> Expected {
    hooked(Expected::refused(UndeclaredRoute))
}

fn missing() -> Expected {
    hooked(Expected::refused(MissingCredential).challenge(r#"Bearer realm="grades""#))
}

fn lacks(scope: &str) -> Expected {
    let challenge = format!(r#"Bearer realm="grades", error="insufficient_scope", scope="{scope}""#);
    hooked(Expected::refused(InsufficientScope).challenge(&challenge))
}

fn refused(reason: Reason, error: &str) -> Expected {
    hooked(Expected::refused(reason).challenge(&format!(r#"Bearer realm="grades", error="{error}""#)))
}

/// As the gate of these servers tells it: with a realm and a hook.
fn hooked(expected: Expected) -> Expected {
    let reason = expected.reason.map_or("", |reason| reason.code());
    expected.member(&format!(r#""help":"https://help.test/{reason}""#))
}
