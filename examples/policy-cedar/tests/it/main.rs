//! What the policies say to callers, on axum and on actix.

use actix_web::test::{TestRequest, call_service, init_service};
use axum::{body::Body, http::Request};
use linchpin::{
    Auth,
    core::Caller,
    rbac::{Fact, PolicyDoor, PolicyQuestion, Resource},
};
use linchpin_test::TestIssuer;
use policy_cedar::{CONFIRM, Cedar};
use tower::ServiceExt;

const POLICIES: &str = include_str!("../../policies/reports.cedar");
const SCHEMA: &str = include_str!("../../policies/reports.cedarschema");

struct Case {
    subject: &'static str,
    roles: &'static [&'static str],
    scope: &'static str,
    request: (&'static str, &'static str),
    is_confirmed: bool,
    status: u16,
}

const fn case(subject: &'static str, request: (&'static str, &'static str), status: u16) -> Case {
    Case { subject, roles: &[], scope: "", request, is_confirmed: false, status }
}

const CASES: [Case; 11] = [
    case("ann", ("GET", "/reports/draft"), 200),
    case("bob", ("GET", "/reports/draft"), 403),
    case("bob", ("GET", "/reports/annual"), 200),
    case("bob", ("GET", "/reports/other"), 404),
    case("", ("GET", "/reports/draft"), 403),
    Case { roles: &["auditor"], scope: "reports:audit", ..case("eve", ("GET", "/reports/draft"), 200) },
    Case { roles: &["auditor"], ..case("eve", ("GET", "/reports/draft"), 403) },
    Case { scope: "reports:audit", ..case("eve", ("GET", "/reports/draft"), 403) },
    case("ann", ("DELETE", "/reports/annual"), 403),
    Case { is_confirmed: true, ..case("ann", ("DELETE", "/reports/annual"), 200) },
    Case { is_confirmed: true, ..case("bob", ("DELETE", "/reports/annual"), 403) },
];

fn auth(issuer: &TestIssuer) -> Auth {
    Auth::issuer(issuer.issuer()).audience(issuer.audience()).pem(issuer.public_pem()).build().unwrap()
}

fn token(issuer: &TestIssuer, case: &Case) -> String {
    issuer.token(case.subject).roles(case.roles.iter().copied()).scope(case.scope).sign()
}

#[tokio::test]
async fn axum_answers_as_the_policies_say() {
    let issuer = TestIssuer::new();
    let app = policy_cedar::axum::app(&auth(&issuer), policy_cedar::door().unwrap()).into_router_unchecked();

    for case in &CASES {
        let (method, path) = case.request;
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", token(&issuer, case)));
        if case.is_confirmed {
            request = request.header(CONFIRM, "yes");
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), case.status, "{} {method} {path}", case.subject);
    }
    let nobody = app.oneshot(Request::get("/reports/annual").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[actix_web::test]
async fn actix_answers_as_the_policies_say() {
    let issuer = TestIssuer::new();
    let configure = policy_cedar::actix::app(auth(&issuer), policy_cedar::door().unwrap());
    let app = init_service(actix_web::App::new().configure(configure)).await;

    for case in &CASES {
        let (method, path) = case.request;
        let mut request = TestRequest::with_uri(path).method(method.parse().unwrap());
        request = request.insert_header(("authorization", format!("Bearer {}", token(&issuer, case))));
        if case.is_confirmed {
            request = request.insert_header((CONFIRM, "yes"));
        }
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status().as_u16(), case.status, "{} {method} {path}", case.subject);
    }
    let nobody = call_service(&app, TestRequest::with_uri("/reports/annual").to_request()).await;
    assert_eq!(nobody.status().as_u16(), 401);
}

#[tokio::test]
async fn a_decision_names_the_policies_that_made_it() {
    let door = policy_cedar::door().unwrap();
    let attributes = [("owner", Fact::from("ann")), ("published", Fact::from(true))];
    let resource = Resource::new("Report", "annual").attributes(&attributes);
    let facts = [("confirmed", Fact::from(false))];
    let ann = Caller::builder("https://id.example").subject("ann").build();
    let bob = Caller::builder("https://id.example").subject("bob").build();
    let decide = async |caller, action| {
        door.decide(PolicyQuestion::new(caller, action, resource).facts(&facts))
            .await
            .unwrap()
            .reason()
            .to_owned()
    };

    assert_eq!(decide(&bob, "read").await, "published");
    assert_eq!(decide(&ann, "delete").await, "unconfirmed");
    let private = [("owner", Fact::from("ann")), ("published", Fact::from(false))];
    let draft = PolicyQuestion::new(&bob, "read", Resource::new("Report", "draft").attributes(&private))
        .facts(&facts);
    assert_eq!(door.decide(draft).await.unwrap().reason(), "no policy allows it");
}

#[tokio::test]
async fn what_the_engine_cannot_decide_is_503_and_never_a_grant() {
    let door = policy_cedar::door().unwrap();
    let ann = Caller::builder("https://id.example").subject("ann").build();
    let owned = [("owner", Fact::from("ann")), ("published", Fact::from(true))];
    let facts = [("confirmed", Fact::from(true))];
    let report = Resource::new("Report", "annual");

    let questions = [
        ("no fact", PolicyQuestion::new(&ann, "read", report.attributes(&owned))),
        ("no attribute", PolicyQuestion::new(&ann, "read", report).facts(&facts)),
        ("no such action", PolicyQuestion::new(&ann, "publish", report.attributes(&owned)).facts(&facts)),
        ("no such kind", PolicyQuestion::new(&ann, "read", Resource::new("Book", "b")).facts(&facts)),
        ("not a kind", PolicyQuestion::new(&ann, "read", Resource::new("a b", "b")).facts(&facts)),
    ];

    for (name, question) in questions {
        assert_eq!(door.require(question).await.unwrap_err().reason().status(), 503, "{name}");
    }
}

#[tokio::test]
async fn a_policy_that_fails_decides_nothing() {
    // It fits the schema and overflows: Cedar would leave it out, and the other one would allow.
    let policies = r#"
        permit (principal, action, resource);
        forbid (principal, action, resource) when { context.confirmed && 9223372036854775807 + 1 > 0 };
    "#;
    let door = PolicyDoor::new(Cedar::new(policies, SCHEMA).unwrap());
    let ann = Caller::builder("https://id.example").subject("ann").build();
    let attributes = [("owner", Fact::from("bob")), ("published", Fact::from(false))];
    let resource = Resource::new("Report", "r").attributes(&attributes);

    let facts = [("confirmed", Fact::from(true))];
    let refusal = door.require(PolicyQuestion::new(&ann, "read", resource).facts(&facts)).await.unwrap_err();
    assert_eq!(refusal.reason().status(), 503);
    let facts = [("confirmed", Fact::from(false))];
    door.require(PolicyQuestion::new(&ann, "read", resource).facts(&facts)).await.unwrap();
}

#[test]
fn wrong_policies_stop_the_service() {
    let wrong = |policies: &str, schema: &str| Cedar::new(policies, schema).err().expect("wrong").to_string();

    assert!(wrong("permit (", SCHEMA).contains("policies are wrong"));
    assert!(wrong(POLICIES, "entity {").contains("schema is wrong"));
    let misfit = wrong(r#"permit (principal, action, resource) when { resource.ownr == "ann" };"#, SCHEMA);
    assert!(misfit.contains("do not fit the schema") && misfit.contains("ownr"), "{misfit}");
    assert!(Cedar::new(POLICIES, SCHEMA).is_ok());
}
