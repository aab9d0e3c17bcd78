//! What the services do when they call others: `/relay` and `/relay-many`.

use linchpin_test::{Reply, ScriptedTokenEndpoint, ScriptedUpstream, ServedIssuer, TestIssuer};
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Service, body, run};

/// A service whose upstream is `url`, with these variables beside.
async fn relaying_to(url: &str, more: &[(&str, &str)]) -> (ServedIssuer, Service) {
    let issuer = TestIssuer::start().await.unwrap();
    let mut vars = vec![("AUTH_ISSUER", issuer.issuer()), ("AUTH_AUDIENCE", "tests"), ("UPSTREAM_URL", url)];
    vars.extend(more);
    let service = Service::start_with(&vars);
    service.until_ready().await;
    (issuer, service)
}

async fn assert_problem(response: Response, status: u16, what: &str) {
    assert_eq!(response.status(), status, "{what}");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{what}");
    assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503, "{what}");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let told = body(response).await;
    assert_eq!((&told["status"], &told["request_id"]), (&json!(status), &json!(id)), "{what}");
}

#[tokio::test]
async fn relay_hands_back_what_the_upstream_says_and_takes_id_and_trace_along() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    upstream.always(Reply::status(200).header("content-type", "text/csv; header=absent").body("1,2\n"));
    let (issuer, service) = relaying_to(&format!("{}/reports", upstream.url()), &[]).await;
    let token = issuer.token("ann").sign();

    let request = service.client.get(format!("{}/relay?key=planted", service.url)).bearer_auth(&token);
    let request = request
        .header("x-request-id", "own-1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("tracestate", "vendor=1");
    let response = request.send().await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; header=absent");
    assert_eq!(response.text().await.unwrap(), "1,2\n");
    let sent = upstream.only_request();
    sent.assert_line("GET", "/reports")
        .assert_header("x-request-id", "own-1")
        .assert_header("tracestate", "vendor=1")
        // The caller's token is for this service, and for no other.
        .assert_no_header("authorization")
        .assert_no_header("cookie");
    let trace = sent.header("traceparent").unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && trace.ends_with("-01"), "{trace}");
    assert!(!trace.contains("b7ad6b7169203331"), "the call has an id of its own: {trace}");
    assert!(sent.header("user-agent").unwrap().starts_with("reference-"), "{sent:?}");
}

#[tokio::test]
async fn relay_sends_the_services_own_token_if_it_has_one() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();
    let vars = [
        ("CLIENT_TOKEN_URL", &*endpoint.token_url()),
        ("CLIENT_ID", "reports"),
        ("CLIENT_SECRET", "s3cret"),
        ("CLIENT_AUDIENCE", "billing"),
    ];
    let (issuer, service) = relaying_to(&upstream.url(), &vars).await;
    let token = issuer.token("ann").sign();

    for _ in 0..3 {
        assert_eq!(service.get("/relay", Some(&token)).await.status(), StatusCode::OK);
    }

    let sent = upstream.requests();
    let bearers: Vec<_> = sent.iter().map(|request| request.bearer()).collect();
    assert_eq!(bearers, [Some("token-1"); 3]);
    assert_eq!(endpoint.token_requests().len(), 1, "and fetches it once");
    assert_eq!(endpoint.token_requests()[0].field("audience").as_deref(), Some("billing"));
}

#[tokio::test]
async fn trouble_with_the_token_is_503() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();
    endpoint.always(Reply::token_error(401, "invalid_client"));
    let token_url = endpoint.token_url();
    let vars = [("CLIENT_TOKEN_URL", &*token_url), ("CLIENT_ID", "reports"), ("CLIENT_SECRET", "s3cret")];
    let (issuer, service) = relaying_to(&upstream.url(), &vars).await;

    let response = service.get("/relay", Some(&issuer.token("ann").sign())).await;

    assert_problem(response, 503, "no token").await;
    upstream.assert_requests(0);
}

#[tokio::test]
async fn trouble_upstream_is_502_503_or_504_and_none_of_its_words() {
    for (what, reply, status) in [
        ("a 500", Reply::status(500).body("planted"), 502),
        ("a 404", Reply::status(404).body("planted"), 502),
        ("a 401", Reply::status(401).body("planted"), 502),
        ("a 503", Reply::status(503).body("planted"), 503),
        ("a 429", Reply::status(429).retry_after(7), 503),
        ("a 504", Reply::status(504).body("planted"), 504),
        ("a redirect", Reply::redirect(302, "http://127.0.0.1:9/planted"), 502),
        ("a reset", Reply::reset(), 502),
        ("no HTTP", Reply::raw("planted"), 502),
        ("a body that breaks off", Reply::json(r#"{"planted": true}"#).cut_short(), 502),
        ("a body that is reset", Reply::json(r#"{"planted": true}"#).reset_midway(), 502),
        ("a body beyond 1 MiB", Reply::json("{}").padded(2 * 1024 * 1024), 502),
        ("a body without end", Reply::json("{}").endless(), 502),
        ("headers without end", Reply::endless_headers(), 502),
        ("silence", Reply::hang(), 504),
        ("a body that stalls", Reply::json(r#"{"planted": true}"#).stall_midway(), 504),
    ] {
        let upstream = ScriptedUpstream::start().await.unwrap();
        upstream.always(reply);
        let (issuer, service) = relaying_to(&upstream.url(), &[]).await;
        let request = service.client.get(format!("{}/relay", service.url));
        // So that nobody has to wait for the client's own time-out.
        let request = if status == 504 { request.header("x-request-timeout-ms", "200") } else { request };

        let response = request.bearer_auth(issuer.token("ann").sign()).send().await.unwrap();

        assert_problem(response, status, what).await;
        let (_, log) = service.stop_with_text();
        assert!(!log.iter().any(|line| line.contains("planted")), "{what}: {log:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_away_is_502_until_it_is_back() {
    let mut upstream = ScriptedUpstream::start().await.unwrap();
    let (issuer, service) = relaying_to(&upstream.url(), &[]).await;
    let token = issuer.token("ann").sign();

    upstream.stop().await;
    assert_problem(service.get("/relay", Some(&token)).await, 502, "away").await;
    upstream.restart().unwrap();

    assert_eq!(service.get("/relay", Some(&token)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_an_upstream_relay_is_503() {
    let (issuer, service) = super::started().await;

    let response = service.get("/relay", Some(&issuer.token("ann").sign())).await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(response).await["detail"], "No upstream service is configured.");
}

#[test]
fn a_wrong_upstream_or_half_a_client_stops_it_at_start() {
    let good =
        [("AUTH_ISSUER", "http://127.0.0.1:9"), ("AUTH_AUDIENCE", "tests"), ("BIND_ADDR", "127.0.0.1:0")];
    for (name, value, told) in [
        ("UPSTREAM_URL", "billing", "UPSTREAM_URL is not a URL"),
        ("UPSTREAM_URL", "ftp://billing.internal", "UPSTREAM_URL is not an https URL"),
        ("UPSTREAM_URL", "http://billing.internal", "UPSTREAM_URL is plain http to another host"),
        ("UPSTREAM_URL", "http://ann:s3cret@127.0.0.1:9", "UPSTREAM_URL holds a user name or a password"),
        ("CLIENT_ID", "reports", "CLIENT_SECRET_FILE is not set"),
    ] {
        let output = run(&[good.as_slice(), &[(name, value)]].concat());

        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(told), "{name}={value}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

/// Sends a list of calls as the harness does.
async fn post_many(service: &Service, body: impl Into<reqwest::Body>) -> Response {
    let request = service.client.post(format!("{}/relay-many", service.url));
    request.header(header::CONTENT_TYPE, "application/json").body(body).send().await.unwrap()
}

fn calls_of(url: &str, count: usize) -> String {
    let calls: Vec<Value> =
        (0..count).map(|number| json!({"url": format!("{url}/{number}"), "arguments": []})).collect();
    json!(calls).to_string()
}

#[tokio::test]
async fn relay_many_makes_each_call_with_its_arguments_and_with_the_id_of_the_request() {
    let (one, other) = (ScriptedUpstream::start().await.unwrap(), ScriptedUpstream::start().await.unwrap());
    let (_issuer, service) = super::started().await;
    let nested = json!([{"url": other.url(), "arguments": [1, {"a": "b"}]}]);
    let list = json!([
        {"url": format!("{}/a?x=1&y=%20", one.url()), "arguments": nested},
        {"url": format!("{}/b", other.url()), "arguments": {}},
        {"url": format!("{}/c", one.url()), "arguments": null},
    ]);

    let response = post_many(&service, list.to_string()).await;

    assert_eq!(response.status(), StatusCode::OK);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(body(response).await, json!({"made": 3}));
    let (sent, sent_to_other) = (one.requests(), other.only_request());
    sent[0].assert_line("POST", "/a?x=1&y=+").assert_json(&nested);
    sent[1].assert_line("POST", "/c").assert_json(&json!(null));
    sent_to_other.assert_line("POST", "/b").assert_json(&json!({}));
    for sent in [&sent[0], &sent[1], &sent_to_other] {
        sent.assert_header("content-type", "application/json").assert_header("x-request-id", &id);
        sent.assert_no_header("authorization");
    }
}

#[tokio::test]
async fn relay_many_is_refused_before_any_call_is_made() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let (_issuer, service) = super::started().await;
    let good = calls_of(&upstream.url(), 1);
    let with_last = |url: &str| {
        let last = json!({"url": url, "arguments": []}).to_string();
        format!("{},{last}]", good.strip_suffix(']').unwrap())
    };

    for (what, list, status) in [
        ("33 calls", calls_of(&upstream.url(), 33), 400),
        ("another host", with_last("http://192.0.2.1/"), 400),
        ("a host that is called like ours", with_last("http://localhost.example/"), 400),
        ("the address of all", with_last(&format!("http://0.0.0.0:{}/", upstream.address().port())), 400),
        ("another scheme", with_last("https://127.0.0.1/"), 400),
        ("no URL", with_last("/a"), 400),
        ("no list", r#"{"url":"http://127.0.0.1","arguments":[]}"#.to_owned(), 400),
        ("no JSON", "x".to_owned(), 400),
        ("nothing", String::new(), 400),
        ("deep nesting", "[".repeat(60_000), 400),
        ("more than 64 KiB", format!("{good}{}", " ".repeat(64 * 1024)), 413),
    ] {
        assert_problem(post_many(&service, list).await, status, what).await;
    }
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("via", "1.1 proxy"),
    ] {
        let elsewhere = service.client.post(format!("{}/relay-many", service.url)).body(good.clone());
        let response = elsewhere.header(name, value).send().await.unwrap();
        assert_problem(response, 403, name).await;
    }
    upstream.assert_requests(0);
}

#[tokio::test]
async fn relay_many_takes_up_to_32_calls() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let (_issuer, service) = super::started().await;

    assert_eq!(post_many(&service, calls_of(&upstream.url(), 0)).await.status(), StatusCode::OK);
    assert_eq!(post_many(&service, calls_of(&upstream.url(), 32)).await.status(), StatusCode::OK);

    upstream.assert_requests(32);
}

#[tokio::test]
async fn relay_many_stops_at_trouble_and_follows_nobody() {
    let (upstream, elsewhere) =
        (ScriptedUpstream::start().await.unwrap(), ScriptedUpstream::start().await.unwrap());
    let (_issuer, service) = super::started().await;

    for (what, reply) in [
        ("a redirect", Reply::redirect(307, elsewhere.url())),
        ("a 500", Reply::status(500)),
        ("a reset", Reply::reset()),
    ] {
        upstream.script([Reply::json("{}"), reply]);
        assert_problem(post_many(&service, calls_of(&upstream.url(), 3)).await, 502, what).await;
        assert_eq!(upstream.take_requests().len(), 2, "{what}: what comes after is not called");
    }
    elsewhere.assert_requests(0);
}

#[tokio::test]
async fn relay_many_is_not_there_where_others_could_reach_it() {
    let upstream = ScriptedUpstream::start().await.unwrap();
    let issuer = TestIssuer::start().await.unwrap();
    let service = Service::start_with(&[
        ("AUTH_ISSUER", issuer.issuer()),
        ("AUTH_AUDIENCE", "tests"),
        ("BIND_ADDR", "0.0.0.0:0"),
    ]);

    assert_problem(post_many(&service, calls_of(&upstream.url(), 1)).await, 404, "all interfaces").await;

    upstream.assert_requests(0);
}
