//! Metrics as Prometheus reads them, on a listener of their own.

use std::{
    convert::Infallible,
    fmt::Write,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Meters, MetricInfo, MetricKind, Readings,
    readings::{Number, Point},
};
use crate::{resource::Facts, value::Value};

/// A socket that scrapes come in by.
#[derive(Debug)]
pub(crate) struct Listener(TcpListener);

impl Listener {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Answers scrapes until it is dropped, a few at once, each on a connection of its own that ends soon.
pub(crate) async fn serve(listener: Listener, meters: Meters, target: String) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener.0) else { return };
    let (places, target) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), Arc::new(target));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Mostly too many open files: they may be fewer soon.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (meters, target) = (meters.clone(), target.clone());
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let response = answer(request.method(), request.uri().path(), &meters, &target);
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .keep_alive(false)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), answer);
            // Whoever does not take the answer in time, or breaks off, has asked in vain.
            let _ = timeout(MAX_SCRAPE, connection).await;
            drop(place);
        });
    }
}

fn answer(method: &Method, path: &str, meters: &Meters, target: &str) -> Response<Full<Bytes>> {
    let text = |status, body: &'static str| {
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response
    };
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let body = exposition(&meters.read(), target);
            let mut response = Response::new(Full::from(body));
            let value = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, value);
            response
        }
        (_, "/metrics") => text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"),
        _ => text(StatusCode::NOT_FOUND, "metrics are at /metrics\n"),
    }
}

/// The resource as a metric, as OpenTelemetry maps it.
pub(crate) fn target_info(facts: &Facts) -> String {
    let mut out = String::from(
        "# HELP target_info What the metrics of this page are about.\n# TYPE target_info gauge\ntarget_info",
    );
    let labels: Vec<_> = facts.iter().map(|(name, value)| (label_name(name), value.to_owned())).collect();
    push_labels(&mut out, &labels);
    out.push_str(" 1\n");
    out
}

/// The text format, version 0.0.4.
fn exposition(readings: &Readings, target: &str) -> String {
    let mut out = String::from(target);
    let mut families: Vec<_> = readings.families().iter().collect();
    families.sort_by_key(|family| family.info.name);
    for family in families {
        let name = prometheus_name(&family.info);
        // A String takes whatever it is given.
        let _ = writeln!(out, "# HELP {name} {}", escaped(family.info.description));
        let _ = writeln!(out, "# TYPE {name} {}", family.info.kind.name());
        for Point { attributes, number } in &family.points {
            let labels: Vec<(String, String)> =
                attributes.iter().map(|(name, value)| (label_name(name), shown(value))).collect();
            let mut sample = |suffix: &str, bound: Option<String>, value: &dyn std::fmt::Display| {
                let bound = bound.map(|bound| ("le".to_owned(), bound));
                out.push_str(&name);
                out.push_str(suffix);
                push_labels(&mut out, labels.iter().chain(&bound));
                let _ = writeln!(out, " {value}");
            };
            match number {
                Number::Integer(number) => sample("", None, number),
                Number::Float(number) => sample("", None, number),
                Number::Histogram(counted) => {
                    let mut below = 0;
                    for (bound, count) in counted.bounds.iter().zip(&counted.counts) {
                        below += count;
                        sample("_bucket", Some(bound.to_string()), &below);
                    }
                    sample("_bucket", Some("+Inf".to_owned()), &counted.count());
                    sample("_sum", None, &counted.sum);
                    sample("_count", None, &counted.count());
                }
            }
        }
    }
    out
}

/// The name under which Prometheus knows a metric: with underscores, the unit, and `_total` for a counter.
///
/// # Examples
///
/// ```
/// use linchpin_otel::{METRICS, prometheus_name};
///
/// let duration = METRICS.iter().find(|metric| metric.name == "http.server.request.duration").unwrap();
/// assert_eq!(prometheus_name(duration), "http_server_request_duration_seconds");
/// ```
pub fn prometheus_name(metric: &MetricInfo) -> String {
    let mut name = label_name(metric.name);
    let unit = match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    if !name.ends_with(unit) {
        name.push_str(unit);
    }
    if metric.kind == MetricKind::Counter && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name
}

/// Letters, digits and underscores; a digit does not come first.
fn label_name(name: &str) -> String {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut label: String = name.chars().map(|char| if is_name(char) { char } else { '_' }).collect();
    if label.starts_with(|first: char| first.is_ascii_digit()) {
        label.insert(0, '_');
    }
    label
}

fn push_labels<'l>(out: &mut String, labels: impl IntoIterator<Item = &'l (String, String)>) {
    let mut separator = '{';
    let mut seen = Vec::new();
    for (name, value) in labels {
        // Two attributes whose names differ in their dots alone are one label; the first counts.
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        out.push(separator);
        separator = ',';
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(&escaped(value).replace('"', "\\\""));
        out.push('"');
    }
    if separator == ',' {
        out.push('}');
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
    }
}

const MAX_CONNECTIONS: usize = 4;
const MAX_HEAD: usize = 16 * 1024;
const MAX_SCRAPE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTED: MetricInfo = MetricInfo::counter(
        "grades.exported",
        "{grade}",
        "Grades\nthat \\ were exported.",
        &["a.b", "a_b", "9"],
    );

    #[test]
    fn labels_cannot_break_out_of_their_quotes_and_are_there_once() {
        let mut readings = Readings::default();
        readings.add(&EXPORTED, &["x\"} 1\n\\", "second", "nine"], 2.5);

        let text = exposition(&readings, "");

        assert_eq!(
            text,
            "# HELP grades_exported_total Grades\\nthat \\\\ were exported.\n\
             # TYPE grades_exported_total counter\n\
             grades_exported_total{a_b=\"x\\\"} 1\\n\\\\\",_9=\"nine\"} 2.5\n"
        );
    }

    #[test]
    fn names_have_their_unit_and_kind_once() {
        let name = |name, unit| prometheus_name(&MetricInfo::counter(name, unit, "", &[]));

        assert_eq!(name("a.time", "s"), "a_time_seconds_total");
        assert_eq!(name("a.seconds", "s"), "a_seconds_total");
        assert_eq!(name("a.size", "By"), "a_size_bytes_total");
        assert_eq!(name("a.things.total", "{thing}"), "a_things_total");
        assert_eq!(name("9.lives", "1"), "_9_lives_total");
    }
}
