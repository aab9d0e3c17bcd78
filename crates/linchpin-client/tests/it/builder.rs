//! Settings that are wrong.

use std::time::Duration;

use linchpin_client::{Breaker, Bulkhead, Client, Retries};
use linchpin_test::TestIssuer;

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let error = Client::builder("", "http://ann:s3cret@billing.internal/?x")
        .service("my service", "1.0")
        .connect_timeout(Duration::ZERO)
        .read_timeout(Duration::ZERO)
        .total_timeout(Duration::ZERO)
        .timeout_header("x y")
        .max_body_bytes(0)
        .retries(Retries::default().budget(1.5, 1).backoff(Duration::ZERO, Duration::ZERO))
        .breaker(Breaker::default().failure_ratio(f64::NAN).minimum_calls(0).open_for(Duration::ZERO))
        .bulkhead(Bulkhead::new(0))
        .ca_file("/nonexistent/ca.pem")
        .build()
        .unwrap_err();

    let settings: Vec<&str> = error.problems().iter().map(|problem| &*problem.setting).collect();
    assert_eq!(
        settings,
        [
            "name",
            "base_url",
            "base_url",
            "base_url",
            "service",
            "timeout_header",
            "connect_timeout",
            "read_timeout",
            "total_timeout",
            "max_body_bytes",
            "retries",
            "retries",
            "breaker",
            "breaker",
            "breaker",
            "bulkhead",
            "ca_file"
        ]
    );
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a_client_is_made_outside_a_runtime() {
    let client = Client::builder("billing", "https://billing.internal").build().unwrap();

    assert_eq!(client.name(), "billing");
    assert_eq!(
        format!("{client:?}"),
        r#"Client { name: "billing", origin: "https://billing.internal:443", tokens: None, .. }"#
    );
}

#[test]
fn a_file_without_a_certificate_is_a_mistake() {
    let path = std::env::temp_dir().join(format!("linchpin-client-{}.pem", std::process::id()));
    for content in ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&path, content).unwrap();
        let error =
            Client::builder("billing", "https://billing.internal").ca_file(&path).build().unwrap_err();
        assert_eq!(error.problems()[0].setting, "ca_file", "{content}: {error}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn clients_are_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Client>();
    is_shared::<linchpin_client::ClientService>();
}

#[tokio::test]
async fn a_certificate_that_is_trusted_by_file_and_by_nothing_else() {
    let server = TestIssuer::new().serve_tls().await.unwrap();
    let url = format!("https://{}", server.address());
    let path = std::env::temp_dir().join(format!("linchpin-client-ca-{}.pem", std::process::id()));
    std::fs::write(&path, server.certificate_pem().unwrap()).unwrap();

    let trusting = Client::builder("id", &*url).ca_file(&path).build().unwrap();
    let answer = trusting.get("/.well-known/openid-configuration").send().await.unwrap();
    let wary = Client::builder("id", &*url).retries(Retries::none()).build().unwrap();
    let error = wary.get("/.well-known/openid-configuration").send().await.unwrap_err();
    std::fs::remove_file(&path).unwrap();

    assert_eq!(answer.status(), 200);
    assert!(error.is_connect(), "{error:?}");
}
