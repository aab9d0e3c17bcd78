//! The variables that are read, in one table.

/// One variable that [`Telemetry::from_env`](crate::Telemetry::from_env) reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What counts if it is not set.
    pub default: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, default }
}

/// Every variable that [`Telemetry::from_env`](crate::Telemetry::from_env) reads, beside those of
/// [`linchpin_trace::SETTINGS`].
///
/// `docs/settings.md` shows this table. A variable that starts with `OTEL_` and is not in it is logged as a warning.
pub const SETTINGS: &[Setting] = &[
    setting("OTEL_SDK_DISABLED", "false", "`true`: nothing is exported, whatever else is set"),
    setting(
        "OTEL_SERVICE_NAME",
        "as the service says",
        "The attribute `service.name` of everything that is exported",
    ),
    setting(
        "OTEL_RESOURCE_ATTRIBUTES",
        "none",
        "Further attributes of everything that is exported: `name=value`, separated by commas, percent-encoded",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "none, and nothing is exported; `http://localhost:4318` if an exporter is asked for by name",
        "Where the collector listens. Over HTTP `/v1/traces` and the like are appended; with gRPC the port is mostly 4317",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "as above",
        "Likewise for traces alone, to which nothing is appended",
    ),
    setting("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "as above", "Likewise for logs"),
    setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/protobuf",
        "`http/protobuf`, or `grpc` in services with that feature",
    ),
    setting("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "as above", "Likewise for traces alone"),
    setting("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "as above", "Likewise for logs"),
    setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "none",
        "Headers for the collector: `name=value`, separated by commas, percent-encoded. They are secrets, and never shown",
    ),
    setting("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "as above", "Likewise for traces alone"),
    setting("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "as above", "Likewise for logs"),
    setting(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "10000",
        "How many milliseconds one batch may take to arrive, with all attempts",
    ),
    setting("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "as above", "Likewise for traces alone"),
    setting("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "as above", "Likewise for logs"),
    setting("OTEL_EXPORTER_OTLP_COMPRESSION", "none", "`gzip` or `none`"),
    setting("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "as above", "Likewise for traces alone"),
    setting("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "as above", "Likewise for logs"),
    setting(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "the system's roots only",
        "A PEM file with further roots for the collector's TLS certificate",
    ),
    setting("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "as above", "Likewise for traces alone"),
    setting("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "as above", "Likewise for metrics"),
    setting("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "as above", "Likewise for logs"),
    setting("OTEL_TRACES_EXPORTER", "`otlp` if there is an endpoint, else `none`", "`otlp` or `none`"),
    setting(
        "OTEL_LOGS_EXPORTER",
        "`otlp` if there is an endpoint, else `none`",
        "`otlp` or `none`: whether the lines that `RUST_LOG` lets through are sent too; standard output has them in any case",
    ),
    setting("OTEL_BLRP_SCHEDULE_DELAY", "1000", "How many milliseconds lines wait for others at most"),
    setting(
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "2048",
        "How many lines wait at most; what comes then is counted and dropped",
    ),
    setting("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "512", "How many lines are sent at once"),
    setting(
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "30000",
        "How many milliseconds a batch of lines may take; the shorter of this and `OTEL_EXPORTER_OTLP_TIMEOUT` counts",
    ),
    setting(
        "OTEL_METRICS_EXPORTER",
        "`otlp` if there is an endpoint, else `none`",
        "`otlp`, `prometheus`, both separated by a comma, or `none`",
    ),
    setting(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "60000",
        "How many milliseconds lie between two exports of metrics",
    ),
    setting(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "30000",
        "How many milliseconds an export of metrics may take; the shorter of this and `OTEL_EXPORTER_OTLP_TIMEOUT` counts",
    ),
    setting(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "127.0.0.1",
        "The address on which Prometheus may fetch `/metrics`: an IP address, or `localhost`",
    ),
    setting("OTEL_EXPORTER_PROMETHEUS_PORT", "9464", "The port for that"),
    setting(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        "Which traces are recorded: `always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`, by which a \
         caller's decision counts first",
    ),
    setting("OTEL_TRACES_SAMPLER_ARG", "1", "The share for `traceidratio`, from 0 to 1"),
    setting(
        "OTEL_PROPAGATORS",
        "tracecontext,baggage",
        "Nothing else is spoken; any other value is a warning",
    ),
    setting("OTEL_BSP_SCHEDULE_DELAY", "5000", "How many milliseconds spans wait for others at most"),
    setting(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "2048",
        "How many spans wait at most; what comes then is counted and dropped",
    ),
    setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", "How many spans are sent at once"),
    setting(
        "OTEL_BSP_EXPORT_TIMEOUT",
        "30000",
        "How many milliseconds a batch of spans may take; the shorter of this and the above counts",
    ),
];
