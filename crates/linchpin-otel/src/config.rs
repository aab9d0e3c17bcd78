//! What the variables ask for, read and checked before anything starts.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use linchpin_trace::Sampler;

use crate::{
    Signal,
    export::Endpoint,
    queue::Bounds,
    resource::Facts,
    vars::{Quoted, Vars},
};

/// Everything that is decided before the first request.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) facts: Facts,
    pub(crate) sampler: Option<Sampler>,
    pub(crate) traces: Option<Endpoint>,
    pub(crate) spans: Batching,
    pub(crate) logs: Option<Endpoint>,
    pub(crate) lines: Batching,
    pub(crate) metrics: Option<Endpoint>,
    pub(crate) interval: Duration,
    pub(crate) prometheus: Option<SocketAddr>,
    /// To be logged once there is a log.
    pub(crate) warnings: Vec<String>,
}

/// How items of one signal are gathered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    pub(crate) bounds: Bounds,
    pub(crate) delay: Duration,
}

impl Config {
    /// Reads the variables; the problems stay with them.
    pub(crate) fn read(service: &str, version: Option<&str>, vars: &mut Vars) -> Self {
        let facts = Facts::read(service, version, vars);
        let is_disabled = vars.flag("OTEL_SDK_DISABLED");
        let sampler = sampler(vars);
        let spans = batching("OTEL_BSP", 5000, vars);
        let longest = vars.millis("OTEL_BSP_EXPORT_TIMEOUT", 30_000);
        let traces = endpoint(Signal::Traces, vars).filter(|_| !is_disabled);
        let traces = traces.map(|endpoint| endpoint.within(longest));
        let lines = batching("OTEL_BLRP", 1000, vars);
        let longest = vars.millis("OTEL_BLRP_EXPORT_TIMEOUT", 30_000);
        let logs = endpoint(Signal::Logs, vars).filter(|_| !is_disabled);
        let logs = logs.map(|endpoint| endpoint.within(longest));
        let (metrics, prometheus) = metrics(vars);
        let interval = vars.millis("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
        let longest = vars.millis("OTEL_METRIC_EXPORT_TIMEOUT", 30_000);
        let metrics = metrics.filter(|_| !is_disabled).map(|endpoint| endpoint.within(longest));
        let prometheus = prometheus.filter(|_| !is_disabled);
        let warnings = warnings(vars);
        Self { facts, sampler, traces, spans, logs, lines, metrics, interval, prometheus, warnings }
    }
}

/// Where a signal goes: to a collector that is named, or that is asked for by `otlp`, and else nowhere.
fn endpoint(signal: Signal, vars: &mut Vars) -> Option<Endpoint> {
    let name = format!("OTEL_{}_EXPORTER", signal.variable());
    let text = vars.text(&name);
    match text.as_deref().map(str::trim) {
        None => Endpoint::read(signal, false, vars),
        Some("otlp") => Endpoint::read(signal, true, vars),
        Some("none") => None,
        Some(other) => {
            vars.problems.report(name, format!("is {}", Quoted(other)), "give otlp or none");
            None
        }
    }
}

/// Metrics may go both ways, and also be fetched by Prometheus.
fn metrics(vars: &mut Vars) -> (Option<Endpoint>, Option<SocketAddr>) {
    const NAME: &str = "OTEL_METRICS_EXPORTER";
    let Some(text) = vars.text(NAME) else { return (Endpoint::read(Signal::Metrics, false, vars), None) };
    let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
    names.retain(|name| *name != "none");
    if let Some(other) = names.iter().find(|name| !matches!(**name, "otlp" | "prometheus")) {
        let fix = "give otlp, prometheus, both separated by a comma, or none";
        vars.problems.report(NAME, format!("is {}", Quoted(other)), fix);
    }
    let otlp = names.contains(&"otlp").then(|| Endpoint::read(Signal::Metrics, true, vars)).flatten();
    let prometheus = names.contains(&"prometheus").then(|| prometheus(vars));
    (otlp, prometheus)
}

fn prometheus(vars: &mut Vars) -> SocketAddr {
    const HOST: &str = "OTEL_EXPORTER_PROMETHEUS_HOST";
    const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
    let host = match vars.text(HOST).as_deref() {
        None | Some("localhost") => IpAddr::from([127, 0, 0, 1]),
        Some(_) => vars
            .parse(HOST, "give the IP address to listen on, for example 0.0.0.0 for all")
            .unwrap_or(IpAddr::from([127, 0, 0, 1])),
    };
    let port = vars.parse(PORT, "give a port, or 0 for any that is free").unwrap_or(9464);
    SocketAddr::new(host, port)
}

fn sampler(vars: &mut Vars) -> Option<Sampler> {
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let text = vars.text(NAME)?;
    let (root, is_parent_based) = match text.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (text.as_str(), false),
    };
    let sampler = match root {
        "always_on" => Sampler::always(),
        "always_off" => Sampler::never(),
        "traceidratio" => {
            const FIX: &str = "give a number from 0 to 1, for example 0.1";
            let share = vars.parse::<f64>(ARGUMENT, FIX).unwrap_or(1.0);
            if !(0.0..=1.0).contains(&share) {
                vars.problems.report(ARGUMENT, format!("is {share}"), FIX);
            }
            Sampler::ratio(share)
        }
        _ => {
            let fix = "give always_on, always_off or traceidratio, or one of them after parentbased_";
            vars.problems.report(NAME, format!("is {}", Quoted(&text)), fix);
            return None;
        }
    };
    Some(if is_parent_based { sampler.parent_based() } else { sampler })
}

fn batching(prefix: &str, delay: u64, vars: &mut Vars) -> Batching {
    let (queue, batch) = (format!("{prefix}_MAX_QUEUE_SIZE"), format!("{prefix}_MAX_EXPORT_BATCH_SIZE"));
    let delay = vars.millis(&format!("{prefix}_SCHEDULE_DELAY"), delay);
    let mut size = |name: &str, default| {
        let size = vars.above_zero(name, default);
        if size > MAX_QUEUE {
            let fix = "give a whole number from 1 to 1000000: what waits is kept in memory";
            vars.problems.report(name, format!("is {size}"), fix);
        }
        usize::try_from(size.min(MAX_QUEUE)).unwrap_or(1)
    };
    let waiting = size(&queue, 2048);
    let batch = size(&batch, 512.min(waiting as u64));
    if batch > waiting {
        let problem = format!("is {batch}, more than {queue} lets wait");
        vars.problems.report(format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), problem, "give no more than that");
    }
    Batching { bounds: Bounds { waiting, batch }, delay }
}

fn warnings(vars: &mut Vars) -> Vec<String> {
    let mut warnings = vars.unknown();
    const PROPAGATORS: &str = "OTEL_PROPAGATORS";
    let propagators = vars.text(PROPAGATORS).unwrap_or_default();
    let is_ours = |name: &str| matches!(name.trim(), "" | "tracecontext" | "baggage");
    if !propagators.split(',').all(is_ours) {
        warnings.push(PROPAGATORS.to_owned());
    }
    warnings
}

const MAX_QUEUE: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> (Config, Vec<String>) {
        let mut vars = Vars::of(vars.iter().map(|(name, value)| (name.into(), value.into())));
        let config = Config::read("grades", None, &mut vars);
        (config, vars.problems().problems().iter().map(|problem| problem.setting.clone()).collect())
    }

    fn traces(vars: &[(&str, &str)]) -> Option<String> {
        let (config, problems) = read(vars);
        assert_eq!(problems, [""; 0], "{vars:?}");
        config.traces.map(|endpoint| endpoint.url.to_string())
    }

    #[test]
    fn nothing_is_exported_until_somebody_says_where_or_asks_for_it() {
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

        assert_eq!(traces(&[]), None);
        assert_eq!(traces(&[(ENDPOINT, "")]), None);
        assert_eq!(traces(&[("OTEL_TRACES_EXPORTER", "otlp")]).unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(traces(&[(ENDPOINT, "http://c:4318/in/")]).unwrap(), "http://c:4318/in/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/exactly");
        assert_eq!(traces(&[(ENDPOINT, "http://c"), own]).unwrap(), "https://c/exactly");
        assert_eq!(traces(&[(ENDPOINT, "http://c"), ("OTEL_TRACES_EXPORTER", "none")]), None);
        assert_eq!(traces(&[(ENDPOINT, "http://c"), ("OTEL_SDK_DISABLED", "true")]), None);
    }

    #[test]
    fn every_value_that_does_not_parse_is_a_problem_of_its_own() {
        let bad = [
            ("OTEL_SDK_DISABLED", "maybe"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "9999999"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
            ("OTEL_LOGS_EXPORTER", "console"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "soon"),
            ("OTEL_METRICS_EXPORTER", "statsd"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
            ("OTEL_METRIC_EXPORT_TIMEOUT", "1m"),
        ];
        for (name, value) in bad {
            assert_eq!(read(&[(name, value)]).1, [name], "{value}");
        }
        assert_eq!(read(&bad).1.len(), bad.len(), "all at once");

        let on = ("OTEL_TRACES_EXPORTER", "otlp");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "bad name=hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x=a%0Ahunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "br"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent/roots.pem"),
        ] {
            assert_eq!(read(&[on, (name, value)]).1, [name], "{value}");
        }
        let on = ("OTEL_METRICS_EXPORTER", "prometheus");
        for (name, value) in
            [("OTEL_EXPORTER_PROMETHEUS_HOST", "metrics.example"), ("OTEL_EXPORTER_PROMETHEUS_PORT", "99999")]
        {
            assert_eq!(read(&[on, (name, value)]).1, [name], "{value}");
        }
        let ratio = ("OTEL_TRACES_SAMPLER", "traceidratio");
        for value in ["2", "-0.1", "NaN", "half"] {
            assert_eq!(read(&[ratio, ("OTEL_TRACES_SAMPLER_ARG", value)]).1, ["OTEL_TRACES_SAMPLER_ARG"]);
        }
        let batch = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        assert_eq!(read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10"), (batch, "11")]).1, [batch]);
        assert_eq!(read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10")]).1, [""; 0]);
    }

    #[test]
    fn secrets_are_in_no_problem_and_no_debug() {
        let mut vars = Vars::of(
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ann:hunter2@c:4318/?key=hunter2"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2,bad name=hunter2"),
            ]
            .map(|(name, value)| (name.into(), value.into())),
        );
        let config = Config::read("grades", None, &mut vars);

        assert!(config.traces.as_ref().is_some_and(|traces| traces.headers.len() == 1));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!vars.problems.to_string().contains("hunter2"));
        let mut vars = Vars::of([("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "hunter2://x".repeat(9).into())]);
        Config::read("grades", None, &mut vars);
        assert_eq!(vars.problems().problems().len(), 1);
    }

    #[test]
    fn the_samplers_are_those_of_the_specification() {
        let sampler = |name, share| {
            read(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", share)]).0.sampler
        };

        assert_eq!(sampler("", ""), None);
        assert_eq!(sampler("always_on", ""), Some(Sampler::always()));
        assert_eq!(sampler("always_off", "0.5"), Some(Sampler::never()));
        assert_eq!(sampler("traceidratio", "0.25"), Some(Sampler::ratio(0.25)));
        assert_eq!(sampler("traceidratio", ""), Some(Sampler::always()));
        assert_eq!(sampler("parentbased_always_off", ""), Some(Sampler::never().parent_based()));
        assert_eq!(sampler("parentbased_traceidratio", "0.1"), Some(Sampler::ratio(0.1).parent_based()));
    }

    #[test]
    fn metrics_go_to_the_collector_to_prometheus_or_to_both() {
        let ways = |exporter| {
            let (config, problems) = read(&[("OTEL_METRICS_EXPORTER", exporter)]);
            assert_eq!(problems, [""; 0]);
            (
                config.metrics.map(|endpoint| endpoint.url.to_string()),
                config.prometheus.map(|at| at.to_string()),
            )
        };
        let url = Some("http://localhost:4318/v1/metrics".to_owned());
        let address = Some("127.0.0.1:9464".to_owned());

        assert_eq!(ways(""), (None, None));
        assert_eq!(ways("none"), (None, None));
        assert_eq!(ways("otlp"), (url.clone(), None));
        assert_eq!(ways("prometheus"), (None, address.clone()));
        assert_eq!(ways("otlp, prometheus"), (url, address));
    }

    #[test]
    fn what_is_not_supported_is_warned_of_by_name() {
        let (config, problems) = read(&[
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
            ("OTEL_PROPAGATORS", "b3"),
            ("OTEL_SERVICE_NAME", "marks"),
            ("OTEL_UNSET", ""),
        ]);

        assert_eq!(config.warnings, ["OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_PROPAGATORS"]);
        assert_eq!(problems, [""; 0]);
        assert!(read(&[("OTEL_PROPAGATORS", "tracecontext, baggage")]).0.warnings.is_empty());
    }
}
