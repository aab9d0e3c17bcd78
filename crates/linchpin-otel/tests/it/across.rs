//! One trace through two services, one on axum and one on actix.

use std::net::{SocketAddr, TcpListener};

use axum::{Router, extract::State, routing::get};
use linchpin_trace::{RequestContext, outgoing_span};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use tracing::Instrument;

use crate::support::{GLOBAL, PATIENCE, lines, texts};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SECRET: &str = "hunter2";

async fn first(upstream: SocketAddr) -> SocketAddr {
    let app = Router::new().route("/orders/{id}", get(relay)).with_state(upstream);
    let app = app.layer(linchpin_axum::observe(GLOBAL.1.observer()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Calls the second service as a client of the family does.
async fn relay(State(upstream): State<SocketAddr>) -> String {
    async {
        let trace = RequestContext::current().unwrap().trace().child();
        let span = outgoing_span("GET", "127.0.0.1", Some(upstream.port()), Some(&trace));
        let mut request = reqwest::Client::new().get(format!("http://{upstream}/grades/7?key={SECRET}"));
        for (name, value) in trace.headers() {
            request = request.header(name, value);
        }
        request = request.header("authorization", format!("Bearer {SECRET}")).header("cookie", SECRET);
        let response = request.send().instrument(span.clone()).await.unwrap();
        span.record("http.response.status_code", response.status().as_u16());
        response.text().await.unwrap()
    }
    .instrument(tracing::info_span!("price", currency = "EUR"))
    .await
}

fn second() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let observer = GLOBAL.1.observer();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                actix_web::App::new()
                    .wrap(linchpin_actix::observe(observer.clone()))
                    .route("/grades/{id}", actix_web::web::get().to(|| async { "7" }))
            };
            actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap().run().await.unwrap();
        });
    });
    address
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

#[tokio::test]
async fn one_trace_goes_through_axum_and_actix_with_right_parents_and_no_secret() {
    lines("");
    let (collector, telemetry) = &*GLOBAL;
    let address = first(second()).await;

    let url = format!("http://{address}/orders/7?token={SECRET}");
    let traceparent = format!("00-{TRACE_ID}-b7ad6b7169203331-01");
    let request = reqwest::Client::new().get(url).header("traceparent", traceparent);
    let answer = request.header("authorization", format!("Bearer {SECRET}")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "7");

    // The first service's span ends once the server lets the body go.
    let spans = loop {
        telemetry.flush(PATIENCE).await;
        let of_trace =
            |span: &Span| span.trace_id == u128::from_str_radix(TRACE_ID, 16).unwrap().to_be_bytes();
        let spans: Vec<Span> = collector.spans().into_iter().map(|(_, span)| span).filter(of_trace).collect();
        if spans.len() == 4 {
            break spans;
        }
        tokio::task::yield_now().await;
    };
    let [order, price, call, grade] =
        ["GET /orders/{id}", "price", "GET", "GET /grades/{id}"].map(|name| named(&spans, name));
    assert_eq!(order.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(price.parent_span_id, order.span_id);
    assert_eq!(call.parent_span_id, price.span_id);
    assert_eq!(grade.parent_span_id, call.span_id);
    assert_eq!(
        [order, price, call, grade].map(|span| span.kind()),
        [SpanKind::Server, SpanKind::Internal, SpanKind::Client, SpanKind::Server]
    );
    assert_eq!(texts(&call.attributes)["http.response.status_code"], "200");
    for received in collector.requests() {
        let body = String::from_utf8_lossy(&received.body);
        assert!(!body.contains(SECRET) && !body.contains("authorization") && !body.contains("cookie"));
    }

    // The log has the same ids.
    let line = lines(TRACE_ID);
    assert!(line.iter().any(|line| line.contains("/grades/{id}")), "{line:?}");
}
