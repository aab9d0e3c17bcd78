//! The dashboard and the alerts speak of metrics that there are, and Prometheus understands them.

use std::process::Command;

use linchpin_otel::{METRICS, MetricKind, prometheus_name};

use crate::dashboard;

const ALERTS: &str = include_str!("../../../../docs/alerts.yml");
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

#[test]
fn the_dashboard_in_the_repository_is_the_one_that_is_written() {
    let written = serde_json::to_string_pretty(&dashboard::page().unwrap()).unwrap() + "\n";

    let known = include_str!("../../../../docs/grafana/linchpin.json");
    assert!(known == written, "run `cargo xtask dashboard`");
}

#[test]
fn every_metric_has_its_panel_and_a_metric_that_there_is_not_is_an_error() {
    let page = dashboard::page().unwrap().to_string();

    for metric in METRICS {
        assert!(page.contains(&prometheus_name(metric)), "{}", metric.name);
    }
    assert_eq!(dashboard::expanded("rate(<a.b>[5m])").unwrap_err(), "there is no metric a.b");
}

/// The names of metrics, and of labels, in the rules.
fn names(of_rules: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut names: Vec<&str> = ALERTS.split(|char| !is_name(char)).filter(|word| of_rules(word)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn alerts_are_about_metrics_and_labels_that_there_are() {
    let metrics: Vec<String> = METRICS
        .iter()
        .flat_map(|metric| {
            let name = prometheus_name(metric);
            match metric.kind {
                MetricKind::Histogram => {
                    ["_count", "_sum", "_bucket"].map(|part| format!("{name}{part}")).to_vec()
                }
                _ => vec![name],
            }
        })
        .collect();
    let labels: Vec<String> =
        METRICS.iter().flat_map(|metric| metric.attributes).map(|name| name.replace('.', "_")).collect();

    let used = names(|word| {
        ["linchpin_", "http_", "process_", "auth_", "error_", "server_", "token_"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
    });

    assert!(used.len() > 15, "{used:?}");
    for name in used {
        // The name of the crate whose tests these are stands in a comment.
        let is_known = metrics.iter().chain(&labels).any(|known| known == name);
        assert!(is_known, "{name} is neither a metric nor a label");
    }
}

#[test]
fn every_alert_is_explained_where_it_says() {
    let alerts: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();

    assert!(alerts.len() > 8);
    for alert in &alerts {
        assert!(
            OPERATIONS.contains(&format!("\n## {alert}\n")),
            "docs/operations.md does not explain {alert}"
        );
        let anchor = format!("runbook: docs/operations.md#{}\n", alert.to_lowercase());
        assert!(ALERTS.contains(&anchor), "{alert} leads nowhere");
    }
    assert_eq!(OPERATIONS.matches("\n## ").count(), alerts.len(), "and no other is");
}

#[test]
fn promtool_accepts_the_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.yml");

    let output = Command::new("promtool").args(["check", "rules", "--lint-fatal", path]).output();
    let output = output.unwrap_or_else(|error| {
        panic!("promtool cannot be started ({error}); install Debian's package `prometheus`")
    });

    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_rules_fire_when_they_should_and_not_before() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts_test.yml");

    let output = Command::new("promtool").args(["test", "rules", path]).output();
    let output = output.unwrap_or_else(|error| {
        panic!("promtool cannot be started ({error}); install Debian's package `prometheus`")
    });

    assert!(output.status.success(), "{output:?}");
}
