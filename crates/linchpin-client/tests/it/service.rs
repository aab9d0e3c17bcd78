//! A client under tower's layers.

use http::Request;
use http_body_util::BodyExt;
use linchpin_client::{Body, ErrorKind};
use linchpin_core::SubjectToken;
use linchpin_oauth::ForwardCaller;
use linchpin_test::Reply;
use tower::{Service, ServiceExt, limit::ConcurrencyLimit};

use crate::support::{builder, client, observed, upstream};

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_handed_on_does_not_take_the_place_of_the_sources() {
    let upstream = upstream().await;
    let source = ForwardCaller::to([upstream.url()]).unwrap();
    let mut service = builder(&upstream).token_source(source).build().unwrap().service();
    let inbound = Request::get("/").header("authorization", "Bearer anns").body(Body::empty()).unwrap();

    let error = service.ready().await.unwrap().call(inbound).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(!format!("{error:?} {error}").contains("anns"));
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_the_http_crate_goes_the_same_way() {
    let upstream = upstream().await;
    upstream.script([Reply::status(503), Reply::json("{}").header("x-a", "b")]);
    let source = ForwardCaller::to([upstream.url()]).unwrap();
    let client = builder(&upstream).token_source(source).build().unwrap();
    let mut service = ConcurrencyLimit::new(client.service(), 1);
    let mut request = Request::put("/invoices/7?k=v").header("x-c", "d").body(Body::from("body")).unwrap();
    request.extensions_mut().insert(SubjectToken::new("ann-token").unwrap());
    let ours = observed(&[("x-request-id", "abc")]);

    let ready = service.ready().await.unwrap();
    let answer = ours.enter(|| ready.call(request)).await.unwrap();

    assert_eq!((answer.status().as_u16(), answer.headers()["x-a"].as_bytes()), (200, b"b".as_slice()));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");
    assert_eq!(upstream.requests().len(), 2, "it was retried");
    for sent in upstream.requests() {
        sent.assert_line("PUT", "/invoices/7?k=v")
            .assert_header("x-c", "d")
            .assert_header("x-request-id", "abc")
            .assert_header("authorization", "Bearer ann-token");
        assert_eq!(sent.body(), b"body");
    }
    assert_eq!(client.health().in_flight, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_uri_that_names_a_host_and_headers_of_the_connection_are_refused() {
    let upstream = upstream().await;
    let service = client(&upstream).service();

    for request in [
        Request::get("http://evil.example/").body(Body::empty()),
        Request::get("//evil.example/").body(Body::empty()),
        Request::get(format!("{}/", upstream.url())).body(Body::empty()),
        Request::get("/a/../b").body(Body::empty()),
        Request::connect("/").body(Body::empty()),
        Request::get("/").header("host", "evil.example").body(Body::empty()),
    ] {
        let error = service.clone().oneshot(request.unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
    }
    upstream.assert_requests(0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_an_error_and_a_failure() {
    let upstream = upstream().await;
    upstream.always(Reply::json("{\"a\": 1}").cut_short());
    let client = client(&upstream);

    let answer = client.service().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let error = answer.into_body().collect().await.unwrap_err();

    let error = error.downcast_ref::<linchpin_client::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert_eq!(client.health().recent_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_received_can_be_sent_on() {
    let (from, to) = (upstream().await, upstream().await);
    from.always(Reply::status(200).body("x".repeat(100_000)));

    let body = client(&from).get("/").send().await.unwrap().into_body();
    client(&to).put("/").body(body).send().await.unwrap();

    assert_eq!(to.only_request().body().len(), 100_000);
}
