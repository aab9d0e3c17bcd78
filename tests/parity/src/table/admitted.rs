//! Who is admitted, and what handlers and extractors say to those whom the layer lets through.

use linchpin_core::Reason::*;
use linchpin_jwt::Algorithm;
use serde_json::json;

use super::{Expected, Row, row};
use crate::{Request, Service};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    [good_tokens(service), handlers(service), scopes_and_roles(service), waiting(service)].concat()
}

fn good_tokens(service: &Service) -> Vec<Row> {
    let issuer = &service.issuer;
    let ann = || issuer.token("ann");
    let admitted =
        |name: &str, path, token: String| row(name, Request::get(path).bearer(token), Expected::json(ANN));
    let mut rows: Vec<_> = Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let token = ann().algorithm(algorithm).sign();
            admitted(&format!("a token signed in {algorithm} is accepted"), "/caller", token)
        })
        .collect();
    rows.extend([
        admitted("a token without a key id is accepted", "/caller", ann().key_id(None).sign()),
        admitted("a token of typ JWT is accepted", "/caller", ann().typ("JWT").sign()),
        admitted("a token without a typ is accepted", "/caller", ann().without_header("typ").sign()),
        admitted("one audience of several is enough", "/caller", ann().audiences(["x", "tests"]).sign()),
        admitted(
            "a time may be any JSON number",
            "/caller",
            ann().claim("iat", 1_767_225_600.5).claim("exp", 1.8e9).sign(),
        ),
        admitted("unknown claims are ignored", "/caller", ann().claim("x", json!({"a": [1, null]})).sign()),
        admitted("an access token is accepted under rfc9068", "/rfc9068", ann().sign()),
        admitted(
            "a token without an audience is accepted for its client",
            "/clients",
            ann().without("aud").sign(),
        ),
        admitted(
            "a key that is named is found among many",
            "/many-keys",
            service.many_keys.token("ann").sign(),
        ),
        admitted("open_edx accepts Bearer", "/open-edx", ann().sign()),
        row(
            "open_edx accepts JWT",
            Request::get("/open-edx")
                .authorization(format!("JWT {}", ann().claim("version", "1.2.0").sign())),
            Expected::json(ANN),
        ),
        row(
            "a token without a subject is accepted",
            Request::get("/caller").bearer(ann().without("sub").sign()),
            Expected::json("{}"),
        ),
        row(
            "a subject of any letters comes through",
            Request::get("/caller").bearer(issuer.token("änn \"☃\"\n").sign()),
            Expected::json("{\"sub\":\"änn \\\"☃\\\"\\n\"}"),
        ),
    ]);
    rows
}

fn handlers(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let (good, acme) = (ann().sign(), ann().claim("tenant", "acme").sign());
    let get = |path| Request::get(path);
    vec![
        row("a handler may hand the caller's token on", get("/subject").bearer(&good), Expected::text(&good)),
        row(
            "the token to hand on is there without its scheme and the spaces after it",
            get("/subject").authorization(format!("bEARER   {good}")),
            Expected::text(&good),
        ),
        row(
            "a token whose key had to be waited for may be handed on",
            get("/subject-slow").bearer(&good),
            Expected::text(&good),
        ),
        row("a bad token is not handed on", get("/subject").bearer("a.b.c"), MalformedToken),
        row(
            "a token that nobody has verified is not handed on",
            get("/subject-behind-public").bearer(&good),
            MissingCredential,
        ),
        row(
            "of the anonymous there is no token to hand on",
            get("/subject-behind-optional"),
            MissingCredential,
        ),
        row(
            "without a layer there is no token to hand on",
            get("/unlayered-subject").bearer(&good),
            MissingLayer,
        ),
        row(
            "a POST is admitted with its body",
            Request::post("/caller", b"grade").bearer(&good),
            Expected::json(r#"{"sub":"ann","bytes":5}"#),
        ),
        row(
            "a POST with a bad token is refused",
            Request::post("/caller", b"grade").bearer("x"),
            MalformedToken,
        ),
        row("a POST without a token is refused", Request::post("/caller", b"grade"), MissingCredential),
        row("an optional caller is told", get("/optional").bearer(&good), Expected::text("ann")),
        row("an optional layer admits the anonymous", get("/optional"), Expected::text("anonymous")),
        row(
            "an optional layer refuses a bad token",
            get("/optional").bearer(ann().expired().sign()),
            Expired,
        ),
        row("claims are read", get("/claims").bearer(&acme), Expected::json(r#"{"tenant":"acme"}"#)),
        row("claims that are absent are demanded", get("/claims").bearer(&good), ClaimsShape),
        row(
            "claims of another type are refused",
            get("/claims").bearer(ann().claim("tenant", 7).sign()),
            ClaimsShape,
        ),
        row(
            "two extractors find the same caller",
            get("/two").bearer(&acme),
            Expected::json(r#"{"sub":"ann","tenant":"acme"}"#),
        ),
        row("the second of two extractors refuses", get("/two").bearer(&good), ClaimsShape),
        row(
            "a handler that needs a caller is reached behind an optional layer",
            get("/needs-caller-behind-optional").bearer(&good),
            Expected::json(ANN),
        ),
        row(
            "a handler that needs a caller asks the anonymous to authenticate",
            get("/needs-caller-behind-optional"),
            MissingCredential,
        ),
        row(
            "a handler that needs claims asks the anonymous to authenticate",
            get("/needs-claims-behind-optional"),
            MissingCredential,
        ),
        row("a handler without a layer is our mistake", get("/unlayered"), MissingLayer),
        row("a good token does not make up for a layer", get("/unlayered").bearer(&good), MissingLayer),
        row("a bad token is no excuse either", get("/unlayered").authorization("\u{ff}"), MissingLayer),
        row("an optional caller needs a layer too", get("/unlayered-optional"), MissingLayer),
        row("claims need a layer too", get("/unlayered-claims").bearer(&acme), MissingLayer),
        row("a hook does not touch who is admitted", get("/hooked").bearer(&good), Expected::json(ANN)),
        row(
            "realm and hook tell a refusal by the layer",
            get("/hooked").bearer(ann().expired().sign()),
            hooked(Expected::refused(Expired).challenge(r#"Bearer realm="grades", error="invalid_token""#)),
        ),
        row(
            "a realm replaces the default one",
            get("/hooked"),
            hooked(Expected::refused(MissingCredential).challenge(r#"Bearer realm="grades""#)),
        ),
        row(
            "realm and hook tell a malformed credential",
            get("/hooked").authorization("Bearer a b"),
            hooked(
                Expected::refused(MalformedCredential)
                    .challenge(r#"Bearer realm="grades", error="invalid_request""#),
            ),
        ),
        row(
            "realm and hook tell a refusal by an extractor",
            get("/hooked-claims").bearer(&good),
            hooked(
                Expected::refused(ClaimsShape).challenge(r#"Bearer realm="grades", error="invalid_token""#),
            ),
        ),
        row(
            "realm and hook tell the anonymous behind an optional layer",
            get("/hooked-optional"),
            hooked(Expected::refused(MissingCredential).challenge(r#"Bearer realm="grades""#)),
        ),
        // The handler's `?` knows the refusal and not the layer.
        row(
            "a refusal by the handler itself has neither realm nor hook",
            get("/hooked-scoped").bearer(&good),
            Expected::refused(InsufficientScope).challenge(SCOPE_CHALLENGE),
        ),
    ]
}

fn hooked(expected: Expected) -> Expected {
    let reason = expected.reason.map_or("", |reason| reason.code());
    expected.member(&format!(r#""help":"https://help.test/{reason}""#))
}

fn scopes_and_roles(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let scoped = |name: &str, claim: &str, value: serde_json::Value, may: bool| {
        let expected = if may {
            Expected::json(ANN)
        } else {
            Expected::refused(InsufficientScope).challenge(SCOPE_CHALLENGE)
        };
        row(name, Request::get("/scoped").bearer(ann().claim(claim, value).sign()), expected)
    };
    let admin = |name: &str, path, claim: &str, value: serde_json::Value, may: bool| {
        let expected = if may { Expected::json(ANN) } else { InsufficientRole.into() };
        row(name, Request::get(path).bearer(ann().claim(claim, value).sign()), expected)
    };
    vec![
        scoped("a scope among others in scope counts", "scope", json!("a read:reports b"), true),
        scoped("a scope in a list of scp counts", "scp", json!(["a", "read:reports"]), true),
        scoped("a scope in scp as text counts", "scp", json!("read:reports"), true),
        scoped("a scope in scopes counts", "scopes", json!(["read:reports"]), true),
        scoped("a scope that is absent is named", "x", json!(1), false),
        scoped("a longer scope is another one", "scope", json!("read:reports:all"), false),
        scoped("a scope in another case is another one", "scope", json!("READ:reports"), false),
        scoped(
            "a scope claim of another shape grants nothing",
            "scope",
            json!({"read:reports": true}),
            false,
        ),
        row(
            "the first scope claim counts alone",
            Request::get("/scoped").bearer(ann().scope("a").claim("scp", "read:reports").sign()),
            Expected::refused(InsufficientScope).challenge(SCOPE_CHALLENGE),
        ),
        admin("a role among others counts", "/admin", "roles", json!(["a", "admin"]), true),
        admin("a role that is absent is not named", "/admin", "x", json!(1), false),
        admin("a role in another case is another one", "/admin", "roles", json!(["Admin"]), false),
        admin("a role must stand in a list", "/admin", "roles", json!("admin"), false),
        admin(
            "a role of keycloak's realm counts",
            "/keycloak-realm",
            "realm_access",
            json!({"roles": ["admin"]}),
            true,
        ),
        admin(
            "a role outside keycloak's realm does not",
            "/keycloak-realm",
            "roles",
            json!(["admin"]),
            false,
        ),
        admin(
            "a role of a keycloak client counts",
            "/keycloak-client",
            "resource_access",
            json!({"x": {"roles": []}, "grades": {"roles": ["admin"]}}),
            true,
        ),
        admin(
            "a role of another keycloak client does not",
            "/keycloak-client",
            "resource_access",
            json!({"x": {"roles": ["admin"]}}),
            false,
        ),
    ]
}

fn waiting(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let get = |path| Request::get(path);
    vec![
        row("a decision that waits may admit", get("/slow").bearer(ann().sign()), Expected::json(ANN)),
        row(
            "a decision that waits keeps the body",
            Request::post("/slow", b"grade").bearer(ann().sign()),
            Expected::json(r#"{"sub":"ann","bytes":5}"#),
        ),
        row("a decision that waits may refuse", get("/slow").bearer(ann().expired().sign()), Expired),
        row(
            "a key may be unknown after the wait",
            get("/slow").bearer(ann().key_id(Some("x")).sign()),
            UnknownKey,
        ),
        row("a wait may end without keys", get("/slow-keys-down").bearer(ann().sign()), KeysUnavailable),
        row("without keys nobody can tell", get("/keys-down").bearer(ann().sign()), KeysUnavailable),
        row(
            "without keys an expired token is not known to be",
            get("/keys-down").bearer(ann().expired().sign()),
            KeysUnavailable,
        ),
        row(
            "without keys a malformed token is still refused",
            get("/keys-down").bearer("a.b.c"),
            MalformedToken,
        ),
        row("without keys a credential is still demanded", get("/keys-down"), MissingCredential),
    ]
}

const ANN: &str = r#"{"sub":"ann"}"#;
const SCOPE_CHALLENGE: &str = r#"Bearer error="insufficient_scope", scope="read:reports""#;
