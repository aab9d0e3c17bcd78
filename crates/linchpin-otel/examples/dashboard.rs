//! Prints the dashboard for Grafana, out of the metrics that the code knows; `cargo xtask dashboard` puts it into `docs/`.

use linchpin_otel::{METRICS, MetricInfo, prometheus_name};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", serde_json::to_string_pretty(&page()?)?);
    Ok(())
}

/// A row of panels, each with its title, its unit and its queries with their legends.
struct Row {
    title: &'static str,
    panels: &'static [Panel],
}

type Panel = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The dashboard, as Grafana imports it.
pub(crate) fn page() -> Result<Value, String> {
    let (mut panels, mut y) = (Vec::new(), 0);
    for Row { title, panels: row } in ROWS {
        let id = panels.len() + 1;
        panels.push(json!({
            "id": id, "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}
        }));
        y += 1;
        for (index, panel) in row.iter().enumerate() {
            let at = json!({"x": index % 3 * 8, "y": y + index / 3 * 8, "w": 8, "h": 8});
            panels.push(graph(panels.len() + 1, panel, at)?);
        }
        y += row.len().div_ceil(3) * 8;
    }
    let variable = |name: &str, query: &str| {
        json!({
            "name": name, "type": "query", "datasource": datasource(), "query": query,
            "refresh": 2, "multi": true, "includeAll": true, "current": {"text": "All", "value": "$__all"}
        })
    };
    Ok(json!({
        "uid": "linchpin",
        "title": "Services with linchpin",
        "description": "Written by `cargo xtask dashboard`; docs/operations.md explains the alerts that belong to it.",
        "schemaVersion": 39,
        "editable": true,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(linchpin_build_info, job)"),
            variable("instance", "label_values(linchpin_build_info{job=~\"$job\"}, instance)"),
        ]},
        "panels": panels
    }))
}

fn graph(id: usize, (title, unit, queries): &Panel, at: Value) -> Result<Value, String> {
    let mut targets = Vec::new();
    let mut description = Vec::new();
    for (index, (query, legend)) in queries.iter().enumerate() {
        let (query, metrics) = expanded(query)?;
        for metric in metrics {
            if !description.contains(&metric.description) {
                description.push(metric.description);
            }
        }
        let letter = char::from(b'A' + u8::try_from(index).map_err(|error| error.to_string())?);
        targets.push(json!({"refId": letter.to_string(), "expr": query, "legendFormat": legend}));
    }
    Ok(json!({
        "id": id, "type": "timeseries", "title": title, "description": description.join(" "),
        "datasource": datasource(), "gridPos": at, "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    }))
}

/// A query in which `<http.server.active_requests>` stands for a metric, with Prometheus' name, of the services that are chosen.
///
/// `<name#count|label="value">` takes a histogram's part and further labels.
pub(crate) fn expanded(query: &str) -> Result<(String, Vec<&'static MetricInfo>), String> {
    let (mut out, mut metrics, mut rest) = (String::new(), Vec::new(), query);
    while let Some((before, after)) = rest.split_once('<') {
        let (inside, after) = after.split_once('>').ok_or_else(|| format!("{query} has an open <"))?;
        let (name, labels) = inside.split_once('|').unwrap_or((inside, ""));
        let (name, part) = name.split_once('#').unwrap_or((name, ""));
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.ok_or_else(|| format!("there is no metric {name}"))?;
        out.push_str(before);
        out.push_str(&prometheus_name(metric));
        if !part.is_empty() {
            out.push('_');
            out.push_str(part);
        }
        out.push_str("{job=~\"$job\",instance=~\"$instance\"");
        if !labels.is_empty() {
            out.push(',');
            out.push_str(labels);
        }
        out.push('}');
        metrics.push(metric);
        rest = after;
    }
    out.push_str(rest);
    Ok((out, metrics))
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

const ROWS: &[Row] = &[
    Row {
        title: "Requests",
        panels: &[
            (
                "Requests by status",
                "reqps",
                &[(
                    "sum by (http_response_status_code) (rate(<http.server.request.duration#count>[$__rate_interval]))",
                    "{{http_response_status_code}}",
                )],
            ),
            (
                "Errors by route",
                "reqps",
                &[(
                    "sum by (http_route, error_type) (rate(<http.server.request.duration#count|error_type!=\"\">[$__rate_interval]))",
                    "{{http_route}} {{error_type}}",
                )],
            ),
            (
                "Duration",
                "s",
                &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(<http.server.request.duration#bucket>[$__rate_interval])))",
                        "median",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(<http.server.request.duration#bucket>[$__rate_interval])))",
                        "99 %",
                    ),
                ],
            ),
            (
                "Duration by route (99 %)",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, http_route) (rate(<http.server.request.duration#bucket>[$__rate_interval])))",
                    "{{http_route}}",
                )],
            ),
            (
                "Requests under way",
                "short",
                &[("sum by (instance) (<http.server.active_requests>)", "{{instance}}")],
            ),
            (
                "Bodies",
                "Bps",
                &[
                    ("sum(rate(<http.server.request.body.size#sum>[$__rate_interval]))", "received"),
                    ("sum(rate(<http.server.response.body.size#sum>[$__rate_interval]))", "sent"),
                ],
            ),
        ],
    },
    Row {
        title: "Authentication",
        panels: &[
            (
                "By outcome",
                "reqps",
                &[(
                    "sum by (auth_outcome, auth_issuer) (rate(<linchpin.auth.requests>[$__rate_interval]))",
                    "{{auth_outcome}} {{auth_issuer}}",
                )],
            ),
            (
                "Refusals by reason",
                "reqps",
                &[(
                    "sum by (auth_reason) (rate(<linchpin.auth.requests|auth_outcome=\"refused\">[$__rate_interval]))",
                    "{{auth_reason}}",
                )],
            ),
            (
                "Age of keys",
                "s",
                &[("max by (instance, auth_issuer) (<linchpin.keys.age>)", "{{auth_issuer}} {{instance}}")],
            ),
            (
                "Keys",
                "short",
                &[
                    ("min by (auth_issuer) (<linchpin.keys.usable>)", "{{auth_issuer}} usable"),
                    ("min by (auth_issuer) (<linchpin.keys.loaded>)", "{{auth_issuer}} loaded"),
                    ("max by (auth_issuer) (<linchpin.keys.skipped>)", "{{auth_issuer}} skipped"),
                ],
            ),
            (
                "Fetches of keys and tokens",
                "ops",
                &[
                    (
                        "sum by (auth_issuer, outcome) (rate(<linchpin.keys.fetches>[$__rate_interval]))",
                        "keys of {{auth_issuer}} {{outcome}}",
                    ),
                    (
                        "sum by (token_endpoint, outcome) (rate(<linchpin.token.fetches>[$__rate_interval]))",
                        "tokens of {{token_endpoint}} {{outcome}}",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Calls to other services",
        panels: &[
            (
                "Calls by status",
                "reqps",
                &[(
                    "sum by (server_address, http_response_status_code, error_type) (rate(<http.client.request.duration#count>[$__rate_interval]))",
                    "{{server_address}} {{http_response_status_code}} {{error_type}}",
                )],
            ),
            (
                "Duration (99 %)",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, server_address) (rate(<http.client.request.duration#bucket>[$__rate_interval])))",
                    "{{server_address}}",
                )],
            ),
            (
                "Retries",
                "reqps",
                &[(
                    "sum by (server_address) (rate(<linchpin.client.retries>[$__rate_interval]))",
                    "{{server_address}}",
                )],
            ),
            (
                "Breakers that are not closed",
                "short",
                &[(
                    "sum by (client, state) (<linchpin.client.breaker|state!=\"closed\">)",
                    "{{client}} {{state}}",
                )],
            ),
            (
                "Bulkheads",
                "short",
                &[
                    ("sum by (client) (<linchpin.client.in_flight>)", "{{client}} in flight"),
                    ("sum by (client) (<linchpin.client.waiting>)", "{{client}} waiting"),
                ],
            ),
        ],
    },
    Row {
        title: "Process",
        panels: &[
            (
                "Processor",
                "percentunit",
                &[("sum by (instance) (rate(<process.cpu.time>[$__rate_interval]))", "{{instance}}")],
            ),
            ("Memory", "bytes", &[("<process.memory.usage>", "{{instance}}")]),
            (
                "Open files",
                "short",
                &[
                    ("<linchpin.process.open_files>", "{{instance}}"),
                    ("<linchpin.process.open_files.limit>", "{{instance}} limit"),
                ],
            ),
            (
                "Runtime",
                "short",
                &[
                    ("sum by (instance) (<linchpin.tokio.tasks>)", "{{instance}} tasks"),
                    ("sum by (instance) (<linchpin.tokio.queue.depth>)", "{{instance}} waiting"),
                    ("sum by (instance) (<linchpin.tokio.workers>)", "{{instance}} workers"),
                ],
            ),
            (
                "Threads and age",
                "short",
                &[
                    ("<linchpin.process.threads>", "{{instance}} threads"),
                    ("<process.uptime> / 3600", "{{instance}} hours"),
                ],
            ),
            (
                "Telemetry",
                "ops",
                &[
                    (
                        "sum by (signal) (rate(<linchpin.telemetry.exported>[$__rate_interval]))",
                        "{{signal}} arrived",
                    ),
                    (
                        "sum by (signal, reason) (rate(<linchpin.telemetry.dropped>[$__rate_interval]))",
                        "{{signal}} {{reason}}",
                    ),
                ],
            ),
            (
                "Versions",
                "short",
                &[(
                    "count by (service_version, vcs_ref_head_revision) (<linchpin.build.info>)",
                    "{{service_version}} {{vcs_ref_head_revision}}",
                )],
            ),
        ],
    },
];
