//! A client by variables.

use linchpin_client::{Client, ClientBuilder, SETTINGS};
use linchpin_core::ConfigError;
use linchpin_test::Reply;
use tokio::time::Instant;

use crate::support::{get, millis, observed, upstream};

fn read(vars: &[(&str, &str)]) -> Result<ClientBuilder, ConfigError> {
    Client::from_vars("my-billing", vars.iter().map(|(name, value)| (name.into(), value.into())))
}

fn settings(error: ConfigError) -> Vec<String> {
    error.problems().iter().map(|problem| problem.setting.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_variable_counts() {
    let upstream = upstream().await;
    let (url, read_timeout) = (upstream.url(), "0.5");
    let client = read(&[
        ("MY_BILLING_URL", &*url),
        ("MY_BILLING_READ_TIMEOUT", read_timeout),
        ("MY_BILLING_TIMEOUT", "0.7"),
        ("MY_BILLING_RETRIES", "0"),
        ("MY_BILLING_MAX_IN_FLIGHT", "1"),
        ("MY_BILLING_MAX_BODY_BYTES", "4"),
        ("MY_BILLING_BAGGAGE", "plan, tenant"),
        ("MY_BILLING_CONNECT_TIMEOUT", ""),
        ("BILLING_URL", "https://other.internal"),
    ])
    .unwrap()
    .build()
    .unwrap();

    upstream.script([
        Reply::json("12345"),
        Reply::status(503),
        Reply::hang(),
        Reply::json("[1]").in_pieces(1, millis(400)),
    ]);
    let ours = observed(&[("baggage", "tenant=a,user=b")]);
    let large = ours.enter(|| client.get("/").send_json::<u32>()).await.unwrap_err();
    assert_eq!(large.kind(), linchpin_client::ErrorKind::Body);
    upstream.only_request().assert_header("baggage", "tenant=a");
    assert_eq!(get(&client).await.unwrap_err().status().unwrap(), 503);
    upstream.assert_requests(2);
    for bound in [500, 700] {
        let began = Instant::now();
        assert!(get(&client).await.unwrap_err().is_timeout());
        assert_eq!(began.elapsed().as_millis(), bound);
    }
    let _held = client.get("/").send().await.unwrap();
    let waiting = tokio::spawn(client.get("/").send());
    tokio::task::yield_now().await;
    assert!(get(&client).await.unwrap_err().is_refused_by_bulkhead());
    waiting.abort();
}

#[test]
fn all_that_is_wrong_is_told_by_the_variables_names() {
    let unread = read(&[
        ("MY_BILLING_CONNECT_TIMEOUT", "soon"),
        ("MY_BILLING_READ_TIMEOUT", "-1"),
        ("MY_BILLING_TIMEOUT", "1e3"),
        ("MY_BILLING_RETRIES", "11"),
        ("MY_BILLING_MAX_IN_FLIGHT", "0"),
        ("MY_BILLING_MAX_BODY_BYTES", "1 MB"),
        ("MY_BILLING_ALLOW_PLAIN_HTTP", "yes"),
    ]);
    let expected = [
        "URL",
        "CONNECT_TIMEOUT",
        "READ_TIMEOUT",
        "TIMEOUT",
        "RETRIES",
        "MAX_IN_FLIGHT",
        "MAX_BODY_BYTES",
        "ALLOW_PLAIN_HTTP",
    ];
    assert_eq!(settings(unread.unwrap_err()), expected.map(|suffix| format!("MY_BILLING_{suffix}")));

    let wrong =
        read(&[("MY_BILLING_URL", "http://billing.internal"), ("MY_BILLING_CA_FILE", "/nonexistent")]);
    assert_eq!(settings(wrong.unwrap().build().unwrap_err()), ["MY_BILLING_URL", "MY_BILLING_CA_FILE"]);

    for value in ["0", "nan", "inf", "", "1.2.3", "86401", "0.0001"] {
        let result = read(&[("MY_BILLING_URL", "https://a.example"), ("MY_BILLING_TIMEOUT", value)]);
        assert_eq!(result.is_err(), !value.is_empty(), "{value}");
    }
}

#[test]
fn plain_http_is_allowed_by_a_variable_of_its_own() {
    let vars =
        |allowed| [("MY_BILLING_URL", "http://billing.internal"), ("MY_BILLING_ALLOW_PLAIN_HTTP", allowed)];

    assert!(read(&vars("true")).unwrap().build().is_ok());
    assert!(read(&vars("false")).unwrap().build().is_err());
}

#[test]
fn the_documentation_shows_the_table() {
    let row = |setting: &linchpin_client::Setting| {
        format!("| `…{}` | {} | {} |\n", setting.suffix, setting.meaning, setting.default)
    };
    let table: String = SETTINGS.iter().map(row).collect();

    let docs = include_str!("../../../../docs/settings.md");

    assert!(docs.contains(&table), "docs/settings.md should hold:\n\n{table}");
}
