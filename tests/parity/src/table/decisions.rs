//! What handlers decide about callers who are known: roles by context, rules of Open edX, a store, an engine.

use linchpin_core::Reason::*;
use linchpin_test::TokenBuilder;
use serde_json::{Value, json};

use super::{Expected, Row, row};
use crate::{Request, Service};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    [contexts(service), odd_roles(service), store_and_engine(service), open_edx(service)].concat()
}

fn at(name: &str, path: &'static str, token: TokenBuilder<'_>, expected: impl Into<Expected>) -> Row {
    row(name, Request::get(path).bearer(token.sign()), expected.into())
}

fn contexts(service: &Service) -> Vec<Row> {
    let ann = |roles: &[&'static str]| service.issuer.token("ann").roles(roles.iter().copied());
    vec![
        at("a role in its context", "/asks-physics", ann(&["x:y", "staff:physics"]), is_told("ann")),
        at("a role in every context", "/asks-physics", ann(&["staff:*"]), is_told("ann")),
        at("a role in another context", "/asks-physics", ann(&["staff:chemistry"]), InsufficientRole),
        at(
            "a role without context, where one is asked for",
            "/asks-physics",
            ann(&["staff"]),
            InsufficientRole,
        ),
        at("a role without context, where any will do", "/asks-anywhere", ann(&["staff"]), is_told("ann")),
        at("a role that gives something else", "/asks-physics", ann(&["owner:physics"]), InsufficientRole),
        at(
            "a feature role in a token",
            "/asks-physics",
            ann(&["reader:physics", "reader:*"]),
            InsufficientRole,
        ),
        at(
            "two roles for two contexts",
            "/asks-both",
            ann(&["staff:physics", "staff:chemistry"]),
            is_told("ann"),
        ),
        at("one role for two contexts", "/asks-both", ann(&["staff:physics"]), InsufficientRole),
        at("no role at all", "/asks-anywhere", ann(&[]), InsufficientRole),
        row("nobody", Request::get("/asks-physics"), MissingCredential),
        at("a feature role as a policy", "/policy-feature-role", ann(&["staff:a"]), is_told("ann")),
        at(
            "a feature role as a policy, not held",
            "/policy-feature-role",
            ann(&["owner:a"]),
            InsufficientRole,
        ),
    ]
}

/// Roles of every shape that JSON has: none of them grants anything, and none of them breaks anything.
fn odd_roles(service: &Service) -> Vec<Row> {
    let many: Vec<String> = (0..1500).map(|i| format!("{i:x}:a")).collect();
    let shapes: [(&str, Value); 14] = [
        ("null", json!(null)),
        ("a text", json!("staff:physics")),
        ("a number", json!(7)),
        ("an object", json!({"staff": "physics"})),
        ("a list in a list", json!([["staff:physics"]])),
        ("objects in a list", json!([{"role": "staff", "context": "physics"}])),
        ("numbers and nulls in a list", json!([1, null, false])),
        ("fifteen hundred others", json!(many)),
        ("empty texts", json!(["", ":", " "])),
        ("without a role or a context", json!(["staff:", ":physics", ":*"])),
        ("nearly the same", json!(["Staff:physics", "staff:Physics", "staff :physics", "staff: physics"])),
        (
            "alike in other letters",
            json!(["st\u{430}ff:physics", "staff:\u{440}hysics", "staff\u{ff1a}physics"]),
        ),
        ("with something invisible", json!(["staff\u{200b}:physics", "staff:physics\u{0}"])),
        ("nearly a wildcard", json!(["staff:**", "*:physics", "*", "*:*", "staff:%"])),
    ];
    let rows = shapes.into_iter().map(|(shape, roles)| {
        let token = service.issuer.token("ann").claim("roles", roles);
        at(
            &format!("roles with contexts that are {shape} do not hold"),
            "/asks-physics",
            token,
            InsufficientRole,
        )
    });
    rows.collect()
}

fn store_and_engine(service: &Service) -> Vec<Row> {
    let of = |subject: &str| service.issuer.token(subject);
    let cannot_decide = || Expected { retry_after: Some(10), ..Expected::refused(DecisionUnavailable) };
    vec![
        at("a store that knows the subject", "/asks-store", of("bob"), is_told("bob")),
        at("a store that does not know the subject", "/asks-store", of("eve"), InsufficientRole),
        at("a store that is broken", "/asks-store", of("lost"), cannot_decide()),
        at(
            "a store that is broken and not needed",
            "/asks-store",
            of("lost").roles(["staff:physics"]),
            is_told("lost"),
        ),
        at("an engine that allows it", "/asks-engine", of("ann"), is_told("ann")),
        at("an engine that denies it", "/asks-engine", of("eve"), NotAllowed),
        at("an engine that is broken", "/asks-engine", of("lost"), cannot_decide()),
    ]
}

fn open_edx(service: &Service) -> Vec<Row> {
    let of = |username: &str| service.issuer.token("5f3c").claim("preferred_username", username);
    let app = || of("ann").claim("is_restricted", true).scope("read:reports");
    let filtered = |filters: Value| app().claim("filters", filters);
    let path = "/asks-open-edx";
    let lacks_scope = Expected::refused(InsufficientScope)
        .challenge(r#"Bearer error="insufficient_scope", scope="read:reports""#);
    let told = || is_told("5f3c");
    vec![
        at("the user in the path", path, of("Ann"), told()),
        at("staff of the LMS", path, of("bob").claim("administrator", true), told()),
        at("staff by a text", path, of("bob").claim("administrator", "true"), NotAllowed),
        at(
            "a restricted application within its filters",
            path,
            filtered(json!(["content_org:edX", "user:me"])),
            told(),
        ),
        at("a restricted application without filters", path, app(), NotAllowed),
        at(
            "a restricted application of another organisation",
            path,
            filtered(json!(["content_org:TestX"])),
            NotAllowed,
        ),
        at(
            "a restricted application for another user",
            path,
            filtered(json!(["content_org:edX", "user:bob"])),
            NotAllowed,
        ),
        at(
            "a restricted application of staff, without the scope",
            path,
            filtered(json!(["content_org:edX"])).scope("a").claim("administrator", true),
            lacks_scope,
        ),
    ]
}

fn is_told(subject: &str) -> Expected {
    Expected::json(&format!(r#"{{"sub":"{subject}"}}"#))
}
