//! Where the endpoint is, what is sent there, and which settings are wrong.

use base64::{Engine, engine::general_purpose::STANDARD};
use linchpin_core::FakeClock;
use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint, TokenErrorKind, TokenExchange};
use tokio::time::{Duration, sleep};

use super::{
    URL, ask, endpoint, pass, ready,
    server::{Answer, Server},
};

const ISSUER: &str = "https://id.example/realms/school";

fn discovering(server: &Server, clock: &FakeClock) -> ClientCredentials {
    let client = ClientAuth::secret_post("grades", "s3cret");
    let endpoint =
        TokenEndpoint::discovery(ISSUER, client).clock(clock.clone()).build_with(server.clone()).unwrap();
    ClientCredentials::builder(&endpoint).build().unwrap()
}

fn metadata(issuer: &str, token_endpoint: &str) -> String {
    serde_json::json!({"issuer": issuer, "token_endpoint": token_endpoint, "jwks_uri": "x"}).to_string()
}

#[tokio::test(start_paused = true)]
async fn client_scopes_audience_and_resource_are_sent() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let source = ClientCredentials::builder(&endpoint(&server, &clock))
        .scope("invoices:read")
        .scope("invoices:write")
        .audience("billing")
        .resource("https://billing.example/a?b=c&d")
        .build()
        .unwrap();

    ask(&source).await.unwrap();

    let asked = &server.asked()[0];
    assert_eq!(asked.url, URL);
    assert_eq!(asked.authorization, Some(format!("Basic {}", STANDARD.encode("grades:s3cret"))));
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "invoices:read invoices:write"),
        ("audience", "billing"),
        ("resource", "https://billing.example/a?b=c&d"),
    ];
    assert_eq!(asked.form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn the_issuers_metadata_names_the_endpoint_and_is_kept_for_an_hour() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    server.metadata(metadata(ISSUER, "https://tokens.example/token"));
    let source = discovering(&server, &clock);

    ask(&source).await.unwrap();
    pass(&clock, 120).await;
    ask(&source).await.unwrap();
    assert_eq!(server.fetched(), ["https://id.example/realms/school/.well-known/openid-configuration"]);
    assert_eq!(server.asked()[1].url, "https://tokens.example/token");
    clock.advance(Duration::from_secs(3601));
    server.metadata(metadata(ISSUER, "https://moved.example/token"));
    ask(&source).await.unwrap();

    assert_eq!(server.asked()[2].url, "https://moved.example/token");
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_is_looked_up_again_after_a_failure() {
    let (server, clock) = (Server::with(Answer::Down), FakeClock::default());
    server.metadata(metadata(ISSUER, "https://old.example/token"));
    let source = discovering(&server, &clock);
    ask(&source).await.unwrap_err();

    server.metadata(metadata(ISSUER, "https://new.example/token"));
    server.answer(Answer::Tokens(60));
    sleep(Duration::from_secs(1)).await;
    ask(&source).await.unwrap();

    assert_eq!(server.asked()[1].url, "https://new.example/token");
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_sent_where_the_issuers_own_metadata_does_not_point_safely() {
    for (json, kind) in [
        (metadata("https://other.example", "https://tokens.example/token"), TokenErrorKind::BadAnswer),
        (metadata(&format!("{ISSUER}/"), "https://tokens.example/token"), TokenErrorKind::BadAnswer),
        (metadata(ISSUER, "http://tokens.example/token"), TokenErrorKind::BadAnswer),
        (metadata(ISSUER, "https://ann:b@tokens.example/token"), TokenErrorKind::BadAnswer),
        (metadata(ISSUER, "/token"), TokenErrorKind::BadAnswer),
        ("<html>".to_owned(), TokenErrorKind::BadAnswer),
    ] {
        let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
        server.metadata(json.clone());

        let error = ask(&discovering(&server, &clock)).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{json}");
        assert_eq!(server.count(), 0, "{json}");
    }
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    let source = discovering(&server, &clock);
    assert_eq!(ask(&source).await.unwrap_err().kind(), TokenErrorKind::Unavailable, "404");
    assert!(ready(&source).unwrap_err().retry_after().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_certificate_uses_the_endpoint_for_those() {
    let (server, clock) = (Server::with(Answer::Tokens(60)), FakeClock::default());
    server.metadata(
        serde_json::json!({
            "issuer": ISSUER,
            "token_endpoint": "https://id.example/token",
            "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.id.example/token"},
        })
        .to_string(),
    );
    let endpoint = |client| {
        TokenEndpoint::discovery(ISSUER, client).clock(clock.clone()).build_with(server.clone()).unwrap()
    };

    for client in [ClientAuth::tls("grades", "pem"), ClientAuth::secret_post("grades", "s3cret")] {
        ask(&ClientCredentials::builder(&endpoint(client)).build().unwrap()).await.unwrap();
    }

    let asked = server.asked();
    assert_eq!(asked[0].url, "https://mtls.id.example/token");
    assert_eq!(
        (asked[0].parameter("client_id"), asked[0].parameter("client_secret")),
        (Some("grades"), None)
    );
    assert_eq!(asked[1].url, "https://id.example/token");
}

#[tokio::test]
async fn all_wrong_settings_are_reported_at_once() {
    let wrong = |error: linchpin_core::ConfigError| {
        error.problems().iter().map(|problem| problem.setting.clone()).collect::<Vec<_>>()
    };
    let server = Server::default();

    let endpoint = TokenEndpoint::url("http://id.example/token", ClientAuth::secret_basic("", ""))
        .allow_http_host("http://x")
        .deadline(Duration::ZERO)
        .build_with(server.clone());
    assert_eq!(
        wrong(endpoint.unwrap_err()),
        ["allow_http_host", "token_url", "client_id", "client_secret", "deadline"]
    );
    let endpoint = TokenEndpoint::discovery("https://id.example?x", ClientAuth::secret_basic("a", "b"));
    assert_eq!(wrong(endpoint.build_with(server.clone()).unwrap_err()), ["issuer"]);
    let endpoint = TokenEndpoint::url("http://127.0.0.1/token", ClientAuth::tls("a", "b"));
    assert_eq!(wrong(endpoint.build_with(server.clone()).unwrap_err()), ["token_url"]);

    let endpoint = super::endpoint(&server, &FakeClock::default());
    let source = ClientCredentials::builder(&endpoint)
        .scope("a b")
        .audience("")
        .resource("billing")
        .resource("https://a#b")
        .margin(Duration::from_secs(86400))
        .default_lifetime(Duration::ZERO);
    let expected = ["scopes", "audience", "resource", "resource", "margin", "default_lifetime"];
    assert_eq!(wrong(source.build().unwrap_err()), expected);
    let exchange = TokenExchange::builder(&endpoint).subject_token_type("").max_callers(0);
    assert_eq!(wrong(exchange.build().unwrap_err()), ["audience", "subject_token_type", "max_callers"]);
    assert_eq!(
        wrong(TokenExchange::builder(&endpoint).audience("a").max_callers(10_001).build().unwrap_err()),
        ["max_callers"]
    );
}

#[test]
fn without_a_runtime_there_is_nothing_to_fetch_on() {
    let endpoint = TokenEndpoint::url(URL, ClientAuth::secret_basic("a", "b")).build_with(Server::default());

    assert_eq!(endpoint.unwrap_err().problems()[0].setting, "runtime");
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_is_shown() {
    let (server, clock) = (Server::default(), FakeClock::default());
    let builder = TokenEndpoint::url(
        "https://id.example/token?key=s3cret",
        ClientAuth::secret_basic("grades", "s3cret"),
    );
    let mut shown = format!("{builder:?}");
    let endpoint = builder.clock(clock).build_with(server.clone()).unwrap();
    let source = ClientCredentials::builder(&endpoint).audience("billing");
    shown += &format!("{endpoint:?} {source:?}");
    let source = source.build().unwrap();
    let echo = r#"{"error":"invalid_client","error_description":"grades:s3cret is wrong"}"#;
    server.answer(Answer::Respond(linchpin_oauth::FetchResponse::new(401, echo)));

    let error = ask(&source).await.unwrap_err();

    shown += &format!("{source:?} {error} {error:?}");
    assert!(shown.contains("billing") && !shown.contains("s3cret"), "{shown}");
}
