//! What handlers ask for, and what they answer.

use std::sync::{Arc, Mutex};

use axum::{Router, routing};
use linchpin_axum::{Caller, Claims, OptionalCaller, Problem, Rejection, SubjectToken, VerifyLayer};
use linchpin_core::Reason;
use serde::Deserialize;

use crate::support::{Fake, Log, ann, get, send};

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

#[derive(Deserialize)]
struct Numbers {
    #[expect(dead_code, reason = "only its absence is looked at")]
    tenant: u64,
}

async fn caller(caller: Caller) -> String {
    caller.subject().unwrap_or_default().to_owned()
}

async fn maybe(caller: OptionalCaller) -> &'static str {
    if caller.is_some() { "some" } else { "none" }
}

async fn claims(claims: Claims<Tenant>) -> String {
    claims.tenant.clone()
}

async fn numbers(_: Claims<Numbers>) {}

async fn subject(subject: SubjectToken) -> String {
    assert!(!format!("{subject:?}").contains(subject.secret()));
    subject.secret().to_owned()
}

async fn all(one: Caller, other: Caller, maybe: OptionalCaller, claims: Claims<Tenant>) -> String {
    let third = maybe.into_option().unwrap();
    assert!(Arc::ptr_eq(&one.clone().into_inner(), &other.into_inner()));
    assert!(Arc::ptr_eq(&one.clone().into_inner(), &third.into_inner()));
    format!("{} of {}", one.subject().unwrap(), claims.tenant)
}

async fn guarded(caller: Caller) -> Result<&'static str, Problem> {
    caller.require_scope("grades:read")?;
    caller.require_role("staff")?;
    caller.require_scope("grades:write")?;
    Ok("never")
}

async fn missing() -> Result<(), Problem> {
    Err(Problem::new(404, "Not Found").detail("There is no such course.").with("course", "DemoX"))
}

async fn handles_rejection(caller: Result<Caller, Rejection>) -> String {
    caller.map_or_else(|rejection| format!("{rejection:?}: {rejection}"), |_| "caller".to_owned())
}

fn routes() -> Router {
    Router::new()
        .route("/caller", routing::get(caller))
        .route("/maybe", routing::get(maybe))
        .route("/claims", routing::get(claims))
        .route("/subject", routing::get(subject))
        .route("/numbers", routing::get(numbers))
        .route("/all", routing::get(all))
        .route("/guarded", routing::get(guarded))
        .route("/missing", routing::get(missing))
        .route("/rejection", routing::get(handles_rejection))
}

fn strict() -> VerifyLayer {
    VerifyLayer::new(Arc::new(Fake::default()))
}

#[tokio::test]
async fn every_extractor_reads_what_the_layer_left() {
    let app = routes().layer(strict());

    for (path, body) in [
        ("/caller", "ann"),
        ("/maybe", "some"),
        ("/claims", "acme"),
        ("/subject", "good"),
        ("/all", "ann of acme"),
    ] {
        assert_eq!(send(&app, get(path, [b"Bearer good"])).await.body, body, "{path}");
    }
}

#[tokio::test]
async fn claims_of_another_shape_are_401() {
    let app = routes().layer(strict());

    let refused = send(&app, get("/numbers", [b"Bearer good"])).await;

    assert_eq!((refused.status, refused.reason()), (401, "claims_shape"));
    assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
}

#[tokio::test]
async fn the_anonymous_are_asked_to_authenticate_as_the_layer_would() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook_seen = seen.clone();
    let layer = strict().optional().realm("grades").on_refusal(move |refusal, extensions| {
        hook_seen.lock().unwrap().push(refusal.reason());
        extensions.insert("help", "https://help.example");
    });
    let app = routes().layer(layer);

    assert_eq!(send(&app, get("/maybe", [])).await.body, "none");
    for path in ["/caller", "/claims", "/subject"] {
        let refused = send(&app, get(path, [])).await;

        assert_eq!((refused.status, refused.reason()), (401, "missing_credential"), "{path}");
        assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="grades""#));
        assert!(refused.body.ends_with(r#","help":"https://help.example"}"#), "{}", refused.body);
    }
    assert_eq!(*seen.lock().unwrap(), [Reason::MissingCredential; 3]);
}

#[tokio::test]
async fn a_missing_layer_is_our_mistake_and_logged() {
    let app = routes();

    for (path, extractor) in [
        ("/caller", "Caller"),
        ("/maybe", "OptionalCaller"),
        ("/claims", "Claims"),
        ("/subject", "SubjectToken"),
    ] {
        Log::take();
        let refused = send(&app, get(&format!("{path}?key=very-secret"), [b"Bearer very-secret"])).await;

        assert_eq!((refused.status, refused.reason()), (500, "missing_layer"), "{path}");
        assert_eq!(refused.header("www-authenticate"), None);
        let log = Log::take();
        for part in
            ["ERROR", &format!(r#"extractor="{extractor}""#), &format!(r#"path="{path}""#), "auth.layer()"]
        {
            assert!(log.contains(part), "{part} is not in {log}");
        }
        assert!(!log.contains("very-secret"), "{log}");
    }
}

#[tokio::test]
async fn refusals_by_layer_and_extractor_are_logged_with_their_reason_only() {
    let app = routes().layer(strict());
    Log::take();

    send(&app, get("/caller", [b"Bearer very-secret"])).await;
    send(&app, get("/numbers", [b"Bearer good"])).await;

    let log = Log::take();
    let refusals: Vec<_> = log.lines().filter(|line| line.contains("request refused")).collect();
    assert_eq!(refusals.len(), 2, "{log}");
    assert!(refusals[0].contains(r#"reason="expired" status=401"#), "{log}");
    assert!(refusals[1].contains(r#"reason="claims_shape" status=401"#), "{log}");
    assert!(!log.contains("very-secret") && !log.contains("acme") && !log.contains("good"), "{log}");
}

#[tokio::test]
async fn a_handler_refuses_with_a_question_mark() {
    let app = routes().layer(strict());

    let refused = send(&app, get("/guarded", [b"Bearer good"])).await;

    assert_eq!((refused.status, refused.reason()), (403, "insufficient_scope"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope", scope="grades:write""#)
    );
}

#[tokio::test]
async fn a_problem_is_an_answer_like_any_other() {
    let app = routes().layer(strict());

    let answered = send(&app, get("/missing", [b"Bearer good"])).await;

    assert_eq!(answered.status, 404);
    assert_eq!(answered.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        answered.body,
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such course.","course":"DemoX"}"#
    );
}

#[tokio::test]
async fn a_handler_may_look_at_the_rejection() {
    let app = routes().layer(strict().optional());

    assert_eq!(
        send(&app, get("/rejection", [])).await.body,
        "Rejection { status: 401, reason: Some(MissingCredential) }: The request carries no credential."
    );
}

#[tokio::test]
async fn a_handler_can_be_called_without_a_router() {
    assert_eq!(caller(Caller::from(ann())).await, "ann");
    assert_eq!(maybe(None.into()).await, "none");
    assert_eq!(claims(Claims::from(Arc::new(Tenant { tenant: "x".to_owned() }))).await, "x");
}

#[test]
fn debug_and_display_tell_nothing_of_the_claims() {
    let claims = Claims::from(Arc::new("acme"));
    let problem = Problem::from(Reason::Expired);

    assert_eq!(format!("{claims:?}"), "Claims(..)");
    assert!(!format!("{:?}", Caller::from(ann())).contains("ann"));
    assert_eq!(problem.to_string(), "problem with status 401: expired");
}
