//! What issuers and clients tell Prometheus.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use linchpin::{
    Auth,
    client::{Breaker, Client},
    metrics,
    otel::Telemetry,
};
use linchpin_test::TestIssuer;

fn telemetry() -> Telemetry {
    let vars = [("OTEL_METRICS_EXPORTER", "prometheus"), ("OTEL_EXPORTER_PROMETHEUS_PORT", "0")];
    Telemetry::builder("grades").from_vars(vars.map(|(name, value)| (name.into(), value.into()))).unwrap()
}

fn page(telemetry: &Telemetry) -> String {
    let mut stream = TcpStream::connect(telemetry.scraped_at().unwrap()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_told() {
    let telemetry = telemetry();
    let issuer = "http://127.0.0.1:9";
    let auth = Auth::issuer(issuer).audience("grades").build().unwrap();
    telemetry.watch(metrics::of_auth(&auth));

    // The first fetch fails as soon as the connection is refused.
    let failed = format!("linchpin_keys_fetches_total{{auth_issuer=\"{issuer}\",outcome=\"failed\"}} ");
    let page = loop {
        let page = page(&telemetry);
        if page.contains(&failed) {
            break page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };

    assert!(page.contains(&format!("linchpin_keys_usable{{auth_issuer=\"{issuer}\"}} 0\n")), "{page}");
    assert!(page.contains(&format!("linchpin_keys_loaded{{auth_issuer=\"{issuer}\"}} 0\n")), "{page}");
}

#[tokio::test]
async fn keys_that_are_there_are_told_with_their_age_and_fetches() {
    let telemetry = telemetry();
    let provider = TestIssuer::start().await.unwrap();
    let auth = Auth::issuer(provider.issuer()).audience("grades").build().unwrap();
    telemetry.watch(metrics::of_auth(&auth));
    auth.ready().await;

    let page = page(&telemetry);

    let issuer = provider.issuer();
    for line in [
        format!("linchpin_keys_usable{{auth_issuer=\"{issuer}\"}} 1\n"),
        format!("linchpin_keys_skipped{{auth_issuer=\"{issuer}\"}} 0\n"),
        format!("linchpin_keys_age_seconds{{auth_issuer=\"{issuer}\"}} "),
        format!("linchpin_keys_fetches_total{{auth_issuer=\"{issuer}\",outcome=\"ok\"}} 1\n"),
        format!("linchpin_keys_fetches_total{{auth_issuer=\"{issuer}\",outcome=\"failed\"}} 0\n"),
    ] {
        assert!(page.contains(&line), "{line}{page}");
    }
}

#[tokio::test]
async fn a_client_tells_the_one_state_in_which_its_breaker_is() {
    let telemetry = telemetry();
    let client =
        Client::builder("billing", "http://127.0.0.1:9").breaker(Breaker::default()).build().unwrap();
    telemetry.watch(metrics::of_client(&client));

    let page = page(&telemetry);

    for (state, number) in [("closed", 1), ("open", 0), ("half_open", 0)] {
        let line = format!("linchpin_client_breaker{{client=\"billing\",state=\"{state}\"}} {number}\n");
        assert!(page.contains(&line), "{line}{page}");
    }
}
