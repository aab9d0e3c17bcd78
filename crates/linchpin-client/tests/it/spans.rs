//! What is recorded of a call.

use linchpin_test::Reply;

use crate::support::{Record, builder, client, get, observed, upstream};

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_span_by_the_conventions() {
    let (record, _guard) = Record::begin();
    let mut upstream = upstream().await;
    upstream.script([Reply::status(503)]);
    let client = client(&upstream);
    let request = observed(&[("x-request-id", "abc")]);

    let call = request.enter(|| {
        client.get("/s3cret").query([("k", "s3cret")]).header("authorization", "Bearer s3cret").send()
    });
    call.await.unwrap();
    upstream.stop().await;
    client.post("/").send().await.unwrap_err();

    let spans = record.of("call");
    let [first, second, outside] = &spans[..] else { panic!("{spans:#?}") };
    let port = format!("server.port={}", upstream.address().port());
    let trace = format!("trace_id={}", request.context().trace().trace_id());
    for part in
        ["otel.kind=\"client\"", "http.request.method=\"GET\"", "server.address=\"127.0.0.1\"", &port, &trace]
    {
        assert!(first.contains(part) && second.contains(part), "{part}: {spans:#?}");
    }
    for part in ["http.response.status_code=503", "error.type=\"503\"", "otel.status_code=\"ERROR\""] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("resend_count") && !second.contains("error.type"), "{spans:#?}");
    assert!(
        second.contains("http.request.resend_count=1") && second.contains("http.response.status_code=200")
    );
    assert!(outside.contains("error.type=\"connect\"") && !outside.contains("trace_id"), "{outside}");
    let sent = upstream.requests()[0].header("traceparent").unwrap().to_owned();
    assert!(first.contains(&format!("span_id={}", &sent[36..52])), "the upstream's parent is this span");
    assert!(!record.everything().contains("s3cret"), "{}", record.everything());
}

#[tokio::test(start_paused = true)]
async fn spans_can_be_switched_off() {
    let (record, _guard) = Record::begin();
    let upstream = upstream().await;
    let client = builder(&upstream).spans(false).build().unwrap();

    get(&client).await.unwrap();

    assert_eq!(record.of("call"), Vec::<String>::new());
}
