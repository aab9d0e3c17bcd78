//! The pages show the tables of the code.

use linchpin_otel::{METRICS, MetricInfo, SETTINGS, prometheus_name};

#[test]
fn the_page_of_settings_shows_every_variable_as_it_is_read() {
    let page = include_str!("../../../../docs/settings.md");

    for setting in SETTINGS {
        let row = format!("| `{}` | {} | {} |", setting.name, setting.meaning, setting.default);
        assert!(page.lines().any(|line| line == row), "docs/settings.md should have the line\n{row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `OTEL_")).count();
    assert_eq!(rows, SETTINGS.len(), "and no other");
}

#[test]
fn the_page_of_metrics_shows_the_catalogue() {
    let page = include_str!("../../../../docs/metrics.md");

    let row = |metric: &MetricInfo| {
        let attributes: Vec<String> = metric.attributes.iter().map(|name| format!("`{name}`")).collect();
        let MetricInfo { name, unit, description, .. } = metric;
        let (at_prometheus, kind) = (prometheus_name(metric), metric.kind.name());
        format!(
            "| `{name}` | `{at_prometheus}` | {kind} | {unit} | {description} | {} |\n",
            attributes.join(", ")
        )
    };
    let table: String = METRICS.iter().map(row).collect();
    assert!(page.contains(&table), "docs/metrics.md should hold:\n\n{table}");
}
