//! What goes along of the request that is being worked on.

use std::collections::HashSet;

use linchpin_test::Reply;
use linchpin_trace::TraceContext;

use crate::support::{builder, client, get, observed, upstream};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(start_paused = true)]
async fn id_and_trace_go_along_with_a_new_span_for_each_attempt() {
    let upstream = upstream().await;
    upstream.script([Reply::status(503), Reply::reset()]);
    let client = client(&upstream);
    let request = observed(&[
        ("x-request-id", "abc"),
        ("traceparent", TRACEPARENT),
        ("tracestate", "rojo=1"),
        ("baggage", "a=b"),
    ]);

    request.enter(|| client.get("/").send()).await.unwrap();

    let mut spans = HashSet::from([request.context().trace().span_id()]);
    for sent in upstream.requests() {
        sent.assert_header("x-request-id", "abc")
            .assert_header("tracestate", "rojo=1")
            .assert_no_header("baggage");
        let trace = TraceContext::parse([sent.header("traceparent").unwrap().as_bytes()], []).unwrap();
        assert_eq!(trace.trace_id(), request.context().trace().trace_id());
        assert!(trace.is_sampled() && spans.insert(trace.span_id()), "each attempt is a call of its own");
    }
    assert_eq!(spans.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn only_the_baggage_that_is_allowed_goes_along() {
    let upstream = upstream().await;
    let client = builder(&upstream).propagate_baggage(["tenant", "plan"]).build().unwrap();
    let request = observed(&[("baggage", "tenant=edX%20Inc;private,user=ann,plan=free")]);
    let other = observed(&[("baggage", "user=ann")]);

    request.enter(|| client.get("/").send()).await.unwrap();
    other.enter(|| client.get("/").send()).await.unwrap();

    let sent = upstream.requests();
    sent[0].assert_header("baggage", "tenant=edX%20Inc;private,plan=free");
    sent[1].assert_no_header("baggage");
}

#[tokio::test(start_paused = true)]
async fn the_request_in_which_a_call_is_made_counts_wherever_it_is_awaited() {
    let upstream = upstream().await;
    let client = client(&upstream);
    let (ours, other) = (observed(&[("x-request-id", "ours")]), observed(&[("x-request-id", "other")]));

    let call = ours.enter(|| client.get("/").send());
    tokio::spawn(call).await.unwrap().unwrap();
    other.enter(|| client.get("/").send()).await.unwrap();
    get(&client).await.unwrap();

    let ids: Vec<Option<String>> =
        upstream.requests().iter().map(|sent| sent.header("x-request-id").map(str::to_owned)).collect();
    assert_eq!(ids, [Some("ours".to_owned()), Some("other".to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn what_the_call_says_itself_stands() {
    let upstream = upstream().await;
    let client = client(&upstream);
    let request = observed(&[("x-request-id", "abc")]);

    request.enter(|| client.get("/").header("x-request-id", "xyz").send()).await.unwrap();

    upstream.only_request().assert_header("x-request-id", "xyz");
}
