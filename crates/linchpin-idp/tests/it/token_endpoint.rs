//! `POST /token`, as RFC 6749 describes it.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use linchpin_core::{Clock, FakeClock};
use linchpin_idp::{Client, DevIdp, Shape};
use linchpin_jwt::{Algorithm, Profile, SigningKey};
use serde_json::{Value, json};

use crate::{Answer, post, start, verify};

const FORM: &str = "content-type: application/x-www-form-urlencoded";
const IN_FORM: &str = "client_id=dev-client&client_secret=dev-secret";

fn basic(credential: &str) -> String {
    format!("authorization: Basic {}", STANDARD.encode(credential))
}

async fn ask(address: SocketAddr, body: &str) -> Answer {
    post(address, "/token", &[FORM, &basic("dev-client:dev-secret")], body).await
}

#[tokio::test]
async fn a_client_gets_a_token_with_its_secret_in_the_header_or_in_the_form() {
    let idp = start().await;
    let in_form = format!("grant_type=client_credentials&{IN_FORM}");

    for answer in [
        ask(idp.addr(), "grant_type=client_credentials").await,
        post(idp.addr(), "/token", &[FORM], &in_form).await,
    ] {
        let body = answer.json();
        assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(3600)));
        assert_eq!(body["scope"], "grades:read grades:write read:reports");
        assert_eq!(answer.header("cache-control"), Some("no-store"));

        let caller = verify(idp.addr(), Profile::Rfc9068, "grades", &answer.token()).await.unwrap();
        assert_eq!((caller.subject(), caller.client_id()), (Some("dev-client"), Some("dev-client")));
        assert!(caller.has_scope("read:reports") && caller.roles().is_empty());
    }
}

#[tokio::test]
async fn scope_is_narrowed_and_audiences_are_chosen() {
    let idp = start().await;
    let body =
        "grant_type=client_credentials&scope=grades:read&audience=reports&resource=https%3A%2F%2Fapi.example";

    let answer = ask(idp.addr(), body).await;

    assert_eq!(answer.json()["scope"], "grades:read");
    for audience in ["reports", "https://api.example"] {
        let caller = verify(idp.addr(), Profile::Rfc9068, audience, &answer.token()).await.unwrap();
        assert_eq!(caller.scopes().len(), 1);
    }
    assert!(verify(idp.addr(), Profile::Rfc9068, "grades", &answer.token()).await.is_err());
}

#[tokio::test]
async fn every_error_of_the_rfc_is_answered_in_its_form() {
    let idp = start().await;
    let good = basic("dev-client:dev-secret");
    let cases: &[(&str, &[&str], &str, u16, &str)] = &[
        ("no grant type", &[FORM, &good], "", 400, "invalid_request"),
        ("an empty grant type", &[FORM, &good], "grant_type=", 400, "invalid_request"),
        ("a repeated parameter", &[FORM, &good], "grant_type=a&grant_type=a", 400, "invalid_request"),
        ("no content type", &[&good], "grant_type=client_credentials", 400, "invalid_request"),
        ("JSON", &["content-type: application/json", &good], "{}", 400, "invalid_request"),
        (
            "two ways to authenticate",
            &[FORM, &good],
            "grant_type=client_credentials&client_id=dev-client&client_secret=dev-secret",
            400,
            "invalid_request",
        ),
        (
            "two different clients",
            &[FORM, &good],
            "grant_type=client_credentials&client_id=other",
            400,
            "invalid_request",
        ),
        ("two credentials", &[FORM, &good, &good], "grant_type=client_credentials", 400, "invalid_request"),
        ("no client", &[FORM], "grant_type=client_credentials", 401, "invalid_client"),
        ("an id alone", &[FORM], "grant_type=client_credentials&client_id=dev-client", 401, "invalid_client"),
        (
            "a wrong secret",
            &[FORM, &basic("dev-client:other")],
            "grant_type=client_credentials",
            401,
            "invalid_client",
        ),
        (
            "an unknown client",
            &[FORM, &basic("other:other")],
            "grant_type=client_credentials",
            401,
            "invalid_client",
        ),
        ("no colon", &[FORM, &basic("dev-client")], "grant_type=client_credentials", 401, "invalid_client"),
        (
            "another scheme",
            &[FORM, "authorization: Bearer a.b.c"],
            "grant_type=client_credentials",
            401,
            "invalid_client",
        ),
        (
            "not even text",
            &[FORM, "authorization: Basic \u{e4}"],
            "grant_type=client_credentials",
            401,
            "invalid_client",
        ),
        ("another grant", &[FORM, &good], "grant_type=password&username=ann", 400, "unsupported_grant_type"),
        (
            "a scope it lacks",
            &[FORM, &good],
            "grant_type=client_credentials&scope=admin",
            400,
            "invalid_scope",
        ),
        ("no scope at all", &[FORM, &good], "grant_type=client_credentials&scope=%22", 400, "invalid_scope"),
        (
            "a relative resource",
            &[FORM, &good],
            "grant_type=client_credentials&resource=grades",
            400,
            "invalid_target",
        ),
        (
            "a resource with a fragment",
            &[FORM, &good],
            "grant_type=client_credentials&resource=https://a%23b",
            400,
            "invalid_target",
        ),
    ];

    for (name, headers, body, status, code) in cases {
        let answer = post(idp.addr(), "/token", headers, body).await;
        assert_eq!(answer.error(), (*status, (*code).to_owned()), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        let challenge = (*status == 401).then_some("Basic realm=\"linchpin-idp\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{name}");
        assert!(!answer.body.contains("dev-secret"), "{name}");
    }
}

#[tokio::test]
async fn no_body_is_too_odd_for_an_error_of_the_client() {
    let idp = start().await;

    for body in [
        "",
        "&&&",
        "=",
        "%",
        "%ff=%zz",
        "grant_type",
        "grant_type=%00",
        "\0",
        "\r\n\r\n",
        "\u{feff}",
        "a;b",
        "scope=+&scope=+",
    ] {
        assert_eq!(ask(idp.addr(), body).await.status, 400, "{body:?}");
        assert_eq!(post(idp.addr(), "/token", &[FORM], body).await.status, 401, "{body:?}");
    }
}

#[tokio::test]
async fn a_client_with_audiences_gets_no_others() {
    let billing = Client::new("billing", "s:e&c%ret").audiences(["reports", "invoices"]);
    let idp = DevIdp::builder().algorithm(Algorithm::ES256).clients([billing]).start().await.unwrap();
    let credential = basic("billing:s%3Ae%26c%25ret");
    let ask = async |body: &str| post(idp.addr(), "/token", &[FORM, &credential], body).await;

    let unasked = ask("grant_type=client_credentials").await;
    assert!(verify(idp.addr(), Profile::Rfc9068, "reports", &unasked.token()).await.is_ok());
    let asked = ask("grant_type=client_credentials&audience=invoices").await;
    assert!(verify(idp.addr(), Profile::Rfc9068, "invoices", &asked.token()).await.is_ok());
    let other = ask("grant_type=client_credentials&audience=grades").await;
    assert_eq!(other.error(), (400, "invalid_target".to_owned()));
}

#[tokio::test]
async fn a_provider_of_open_edx_tokens_gives_them_to_clients_too() {
    let idp = DevIdp::builder().algorithm(Algorithm::ES256).shape(Shape::OpenEdx).start().await.unwrap();

    let answer = ask(idp.addr(), "grant_type=client_credentials&scope=grades:read").await;

    assert_eq!(answer.json()["token_type"], "JWT");
    let caller = verify(idp.addr(), Profile::OpenEdx, "grades", &answer.token()).await.unwrap();
    assert!(caller.has_scope("grades:read") && caller.filters().next().is_none());
}

#[tokio::test]
async fn a_client_may_sign_who_it_is() {
    let (key, other) =
        (SigningKey::generate(Algorithm::ES256).unwrap(), SigningKey::generate(Algorithm::ES256).unwrap());
    let clock = FakeClock::default();
    let now = clock.now().as_unix_seconds();
    let clients = [
        Client::with_public_key("billing", key.public_pem().unwrap()).scopes(["grades:read"]),
        Client::with_public_key("other", other.public_pem().unwrap()),
        Client::new("plain", "secret"),
    ];
    let idp =
        DevIdp::builder().algorithm(Algorithm::ES256).clock(clock).clients(clients).start().await.unwrap();
    let good =
        || json!({"iss": "billing", "sub": "billing", "aud": idp.issuer(), "exp": now + 60, "jti": "1"});
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.sign_jwt(&claims)
    };
    let ask = async |assertion: &str, more: &str| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let body = format!(
            "grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}{more}"
        );
        post(idp.addr(), "/token", &[FORM], &body).await
    };

    for assertion in [
        key.sign_jwt(&good()),
        with("aud", json!(format!("{}/token", idp.issuer()))),
        with("aud", json!(["https://other.example", idp.issuer()])),
    ] {
        let answer = ask(&assertion, "&client_id=billing").await;
        assert_eq!((answer.status, &answer.json()["scope"]), (200, &json!("grades:read")));
    }
    assert_eq!(ask(&key.sign_jwt(&good()), "").await.status, 200);

    let refused = (401, "invalid_client".to_owned());
    for (name, assertion) in [
        ("another's key", other.sign_jwt(&good())),
        ("another client", with("sub", json!("other"))),
        ("a client without a key", with("sub", json!("plain"))),
        ("another issuer of the assertion", with("iss", json!("other"))),
        ("another audience", with("aud", json!("https://other.example"))),
        ("expired", with("exp", json!(now))),
        ("valid for long", with("exp", json!(now + 301))),
        ("without an expiry", with("exp", Value::Null)),
        ("without an id", with("jti", Value::Null)),
        ("unsigned", "eyJhbGciOiJub25lIn0.e30.".to_owned()),
        ("no JWT", "abc".to_owned()),
    ] {
        assert_eq!(ask(&assertion, "").await.error(), refused, "{name}");
    }
    assert_eq!(ask(&key.sign_jwt(&good()), "&client_id=other").await.error(), refused);
    let both = ask(&key.sign_jwt(&good()), "&client_id=billing&client_secret=x").await;
    assert_eq!(both.error(), (400, "invalid_request".to_owned()));
    let untyped = format!("grant_type=client_credentials&client_assertion={}", key.sign_jwt(&good()));
    let untyped = post(idp.addr(), "/token", &[FORM], &untyped).await;
    assert_eq!(untyped.error(), (400, "invalid_request".to_owned()));
    // A key is no secret.
    let as_secret = basic(&format!("billing:{}", "x"));
    let answer = post(idp.addr(), "/token", &[FORM, &as_secret], "grant_type=client_credentials").await;
    assert_eq!(answer.error(), refused);
}
