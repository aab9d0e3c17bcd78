//! What requirements, as policies, layers and extractors, say to callers who are known.

use linchpin_core::Reason::{self, *};
use linchpin_test::TokenBuilder;
use serde_json::{Value, json};

use super::{Expected, Row, row};
use crate::{Request, Service};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    [
        scopes(service),
        combinations(service),
        bodies(service),
        open_policies(service),
        step_up(service),
        restricted(service),
        told(service),
        odd_claims(service),
    ]
    .concat()
}

/// The same scope, asked for in each of the ways there are.
fn scopes(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let rows = ["/require", "/layered", "/policy-scope", "/policy-slow"].into_iter().flat_map(|path| {
        let at = |name: &str, token: TokenBuilder<'_>, expected: Expected| {
            row(format!("{name} at {path}"), Request::get(path).bearer(token.sign()), expected)
        };
        [
            at("a scope that is required and there", ann().scope("a read:reports"), ann_is_told()),
            at("a scope that is required and absent", ann(), lacks("read:reports")),
            at(
                "a scope that is required and only alike",
                ann().scope("Read:Reports read:report"),
                lacks("read:reports"),
            ),
            at("a role of the scope's name", ann().roles(["read:reports"]), lacks("read:reports")),
            at("a scope in an expired token", ann().scope("read:reports").expired(), Expired.into()),
            row(format!("nobody at {path}"), Request::get(path), MissingCredential),
        ]
    });
    rows.collect()
}

fn combinations(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let at = |name: &str, path, token: TokenBuilder<'_>, expected: Expected| {
        row(name, Request::get(path).bearer(token.sign()), expected)
    };
    vec![
        at("a role that is required and there", "/policy-role", ann().roles(["a", "admin"]), ann_is_told()),
        at(
            "a role that is required and absent",
            "/policy-role",
            ann().scope("admin"),
            InsufficientRole.into(),
        ),
        at("any: the first alternative", "/policy-any", ann().roles(["admin"]), ann_is_told()),
        at(
            "any: the second alternative",
            "/policy-any",
            ann().scope("write:reports read:reports"),
            ann_is_told(),
        ),
        at("any: half of the second", "/policy-any", ann().scope("read:reports"), lacks("write:reports")),
        at("any: nothing at all", "/policy-any", ann(), lacks("read:reports write:reports")),
        at("all: both", "/policy-all", ann().scope("write:reports read:reports"), ann_is_told()),
        at("all: one", "/policy-all", ann().scope("write:reports"), lacks("read:reports")),
        at("all: none", "/policy-all", ann().roles(["admin"]), lacks("read:reports write:reports")),
        at(
            "two guards on one handler",
            "/require-two",
            ann().scope("read:reports").roles(["admin"]),
            ann_is_told(),
        ),
        at("the first of two guards", "/require-two", ann().roles(["admin"]), lacks("read:reports")),
        at("the second of two guards", "/require-two", ann().scope("read:reports"), InsufficientRole.into()),
    ]
}

/// The guard is declared behind the body in actix: the decision comes first all the same.
fn bodies(service: &Service) -> Vec<Row> {
    let (may, may_not) =
        (service.issuer.token("ann").scope("read:reports").sign(), service.issuer.token("ann").sign());
    let post = |body: &[u8]| Request::post("/require-last", body).line("content-type: application/json");
    let good = br#"{"grade":1}"#.as_slice();
    let refused = |name: &str, request: Request| row(name, request.bearer(&may_not), lacks("read:reports"));
    vec![
        row(
            "a guard that is declared last lets the body through",
            post(good).bearer(&may),
            Expected::json(r#"{"sub":"ann","bytes":1}"#),
        ),
        refused("a guard that is declared last refuses a good body", post(good)),
        refused("a guard that is declared last refuses before a malformed body", post(b"{")),
        refused(
            "a guard that is declared last refuses before a body of another type",
            Request::post("/require-last", b"x=1"),
        ),
        refused("a guard that is declared last refuses before no body", post(b"")),
    ]
}

fn open_policies(service: &Service) -> Vec<Row> {
    let ann = || service.issuer.token("ann");
    let get = |path| Request::get(path);
    vec![
        row("a public route asks for nothing", get("/policy-public"), anonymous()),
        row("a public route looks at no token", get("/policy-public").bearer(ann().sign()), anonymous()),
        row("a public route looks at no bad token", get("/policy-public").bearer("x"), anonymous()),
        row(
            "a public route looks at no nonsense",
            get("/policy-public").authorization("\u{ff}"),
            anonymous(),
        ),
        row(
            "an optional route tells the caller",
            get("/policy-optional").bearer(ann().sign()),
            Expected::text("ann"),
        ),
        row("an optional route admits the anonymous", get("/policy-optional"), anonymous()),
        row("an optional route refuses a bad token", get("/policy-optional").bearer("x"), MalformedToken),
        row("a guard asks the anonymous to authenticate", get("/require-behind-optional"), MissingCredential),
        row("a layer asks the anonymous to authenticate", get("/layered-behind-optional"), MissingCredential),
        row("a guard needs a layer", get("/unlayered-require").bearer(ann().sign()), MissingLayer),
        row(
            "a requirement as a layer needs a layer",
            get("/unlayered-layered").bearer(ann().sign()),
            MissingLayer,
        ),
    ]
}

fn step_up(service: &Service) -> Vec<Row> {
    let at = |name: &str, acr: Value, auth_time: Value, expected: Expected| {
        let token = service.issuer.token("ann").claim("acr", acr).claim("auth_time", auth_time);
        row(name, Request::get("/policy-step-up").bearer(token.sign()), expected)
    };
    let again = || {
        Expected::refused(InsufficientAuthentication).challenge(
            r#"Bearer error="insufficient_user_authentication", acr_values="urn:test:mfa urn:test:key", max_age="300""#,
        )
    };
    vec![
        at("a sign-in as it is asked for", json!("urn:test:key"), json!(NOW - 300), ann_is_told()),
        at("a sign-in in another way", json!("urn:test:password"), json!(NOW), again()),
        at("a sign-in in nearly the same way", json!("urn:test:MFA"), json!(NOW), again()),
        at("a sign-in that is too old", json!("urn:test:mfa"), json!(NOW - 301), again()),
        at("a sign-in that is to come", json!("urn:test:mfa"), json!(NOW + 61), again()),
        row(
            "a sign-in of which nothing is known",
            Request::get("/policy-step-up").bearer(service.issuer.token("ann").sign()),
            again(),
        ),
        at("a way of signing in that is a number", json!(2), json!(NOW), MalformedAcr.into()),
        at("a way of signing in that is null", json!(null), json!(NOW), MalformedAcr.into()),
        at("ways of signing in in a list", json!(["urn:test:mfa"]), json!(NOW), MalformedAcr.into()),
        at(
            "a time of sign-in that is text",
            json!("urn:test:mfa"),
            json!("1767225600"),
            MalformedAuthTime.into(),
        ),
        at(
            "a time of sign-in beyond every calendar",
            json!("urn:test:mfa"),
            json!(1e300),
            MalformedAuthTime.into(),
        ),
    ]
}

fn restricted(service: &Service) -> Vec<Row> {
    let at = |name: &str, path, token: TokenBuilder<'_>, expected: Expected| {
        row(name, Request::get(path).bearer(token.sign()), expected)
    };
    let app = || service.issuer.token("ann").scope("read:reports").claim("is_restricted", true);
    let in_jwt = |reason: Reason| {
        Expected::refused(reason).challenge(r#"JWT error="insufficient_scope", scope="read:reports""#)
    };
    vec![
        at("a restricted application where it is let in", "/restricted", app(), ann_is_told()),
        at(
            "a restricted application without the scope",
            "/restricted",
            app().scope("a"),
            in_jwt(InsufficientScope),
        ),
        at("a restricted application elsewhere", "/unrestricted", app(), RestrictedApplication.into()),
        at(
            "a restricted application behind a layer without policy",
            "/unrestricted-layer",
            app(),
            RestrictedApplication.into(),
        ),
        at(
            "a restricted application where the anonymous are admitted",
            "/unrestricted-optional",
            app(),
            RestrictedApplication.into(),
        ),
        row(
            "nobody where a restricted application is refused",
            Request::get("/unrestricted-optional"),
            anonymous(),
        ),
        at("a restricted application where the layer lets it in", "/restricted-layer", app(), ann_is_told()),
        at(
            "a restricted application where the layer lets it in and the guard does not",
            "/restricted-require",
            app(),
            RestrictedApplication.into(),
        ),
        at(
            "an application that is not restricted",
            "/unrestricted",
            app().claim("is_restricted", false),
            ann_is_told(),
        ),
    ]
}

/// Realm, hook, names of roles and metadata in refusals by requirements.
fn told(service: &Service) -> Vec<Row> {
    let token = service.issuer.token("ann").sign();
    let hooked = || {
        Expected::refused(InsufficientScope)
            .challenge(r#"Bearer realm="grades", error="insufficient_scope", scope="read:reports""#)
            .member(r#""help":"https://help.test/insufficient_scope""#)
    };
    let metadata = r#"resource_metadata="https://parity.test/.well-known/oauth-protected-resource/reports""#;
    vec![
        row(
            "realm and hook tell a refusal by a guard",
            Request::get("/hooked-require").bearer(&token),
            hooked(),
        ),
        row(
            "realm and hook tell a refusal by a policy",
            Request::get("/policy-hooked").bearer(&token),
            hooked(),
        ),
        row(
            "a role is named where that is configured",
            Request::get("/policy-named-role").bearer(&token),
            Expected::refused(InsufficientRole).member(r#""roles":["admin"]"#),
        ),
        row(
            "a challenge tells where the resource describes itself",
            Request::get("/described"),
            Expected::refused(MissingCredential).challenge(&format!(r#"Bearer realm="api", {metadata}"#)),
        ),
        row(
            "so does a challenge with an error",
            Request::get("/described").bearer("x"),
            Expected::refused(MalformedToken)
                .challenge(&format!(r#"Bearer error="invalid_token", {metadata}"#)),
        ),
    ]
}

/// Roles and scopes of every shape that JSON has: none of them grants anything, and none of them breaks anything.
fn odd_claims(service: &Service) -> Vec<Row> {
    let many = (0..1500).map(|i| format!("{i:x}")).collect::<Vec<_>>();
    let shapes = |name: &str| {
        vec![
            ("null", json!(null)),
            ("true", json!(true)),
            ("a number", json!(7)),
            ("an empty string", json!("")),
            ("an empty list", json!([])),
            ("an object", json!({name: true})),
            ("a list in a list", json!([[name]])),
            ("an object in a list", json!([{name: name}])),
            ("numbers and nulls in a list", json!([1, null, false])),
            ("empty strings in a list", json!(["", "", " "])),
            ("fifteen hundred others", json!(many)),
            ("the name in capitals", json!([name.to_uppercase()])),
            ("the name with a space around it", json!([format!(" {name}"), format!("{name} ")])),
            ("the name with a NUL behind it", json!([format!("{name}\0")])),
            (
                "the name with a zero-width space in it",
                json!([format!("{}\u{200b}{}", &name[..2], &name[2..])]),
            ),
            (
                "the name in other letters that look alike",
                json!([name.replace('a', "\u{430}").replace('e', "\u{435}")]),
            ),
            ("the name in full width", json!([name.chars().map(wide).collect::<String>()])),
            ("the name decomposed", json!([format!("{name}\u{301}")])),
            ("wildcards", json!(["*", "**", ".*", "%"])),
        ]
    };
    let token = |claim: &str, value: Value| service.issuer.token("ann").claim(claim, value).sign();
    let roles = shapes("admin").into_iter().map(|(shape, value)| {
        let request = Request::get("/policy-role").bearer(token("roles", value));
        row(format!("roles that are {shape} do not hold"), request, InsufficientRole)
    });
    let scopes = ["scope", "scp", "scopes"].into_iter().flat_map(|claim| {
        let shapes = shapes("read:reports").into_iter().filter(move |(shape, _)| {
            // In one string, white space separates; in a list, an element with white space is no scope.
            !(claim == "scope" && *shape == "the name with a space around it")
        });
        shapes.map(move |(shape, value)| {
            let request = Request::get("/policy-scope").bearer(token(claim, value));
            row(format!("{claim} that is {shape} does not hold"), request, lacks("read:reports"))
        })
    });
    let twice = json!(["admin", "admin", "a", "a"]);
    let holds = row(
        "a role that is there twice holds",
        Request::get("/policy-role").bearer(token("roles", twice)),
        ann_is_told(),
    );
    roles.chain(scopes).chain([holds]).collect()
}

fn wide(letter: char) -> char {
    char::from_u32(u32::from(letter) - 0x21 + 0xff01).unwrap_or(letter)
}

fn lacks(scope: &str) -> Expected {
    Expected::refused(InsufficientScope)
        .challenge(&format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
}

fn anonymous() -> Expected {
    Expected::text("anonymous")
}

fn ann_is_told() -> Expected {
    Expected::json(r#"{"sub":"ann"}"#)
}

/// Where the service's clock stands, 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
