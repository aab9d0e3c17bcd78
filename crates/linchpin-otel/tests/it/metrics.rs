//! The numbers that a collector receives.

use std::{collections::BTreeMap, time::Duration};

use linchpin_core::{FakeClock, Reason};
use linchpin_otel::{METRICS, MetricInfo, MetricKind, Telemetry};
use linchpin_trace::{RequestHead, outgoing_span};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint, metric::Data, number_data_point::Value},
};
use prost::Message;
use tower::{Layer, ServiceExt};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Collector, Manner, PATIENCE, texts};

/// What the collector has been told last, by name.
fn received(collector: &Collector) -> BTreeMap<String, Metric> {
    let requests = collector.requests();
    let last = requests.iter().rfind(|request| request.path == "/v1/metrics").unwrap();
    let message = ExportMetricsServiceRequest::decode(last.body.clone()).unwrap();
    let scopes = message.resource_metrics.into_iter().flat_map(|part| part.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).map(|metric| (metric.name.clone(), metric)).collect()
}

fn numbers(metric: &Metric) -> Vec<(String, f64)> {
    let points = match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        other => panic!("{other:?}"),
    };
    let number = |point: &NumberDataPoint| match point.value {
        Some(Value::AsInt(number)) => number as f64,
        Some(Value::AsDouble(number)) => number,
        None => panic!("{point:?}"),
    };
    let mut numbers: Vec<_> =
        points.iter().map(|point| (labels(&texts(&point.attributes)), number(point))).collect();
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    numbers
}

fn histograms(metric: &Metric) -> Vec<(String, HistogramDataPoint)> {
    let Data::Histogram(histogram) = metric.data.as_ref().unwrap() else { panic!("{metric:?}") };
    let points = histogram.data_points.iter();
    let mut points: Vec<_> = points.map(|point| (labels(&texts(&point.attributes)), point.clone())).collect();
    points.sort_by(|a, b| a.0.cmp(&b.0));
    points
}

/// Attributes as one text, in the order of their names.
fn labels(attributes: &std::collections::HashMap<String, String>) -> String {
    let mut labels: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    labels.sort();
    labels.join(" ")
}

fn metered(clock: &FakeClock) -> (Collector, Telemetry) {
    let collector = Collector::start(Manner::Well);
    let vars = [("OTEL_EXPORTER_OTLP_ENDPOINT".into(), collector.endpoint().into())];
    let telemetry = Telemetry::builder("grades").clock(clock.clone()).from_vars(vars).unwrap();
    (collector, telemetry)
}

#[tokio::test]
async fn requests_are_measured_by_route_and_how_they_ended() {
    let clock = FakeClock::default();
    let (collector, telemetry) = metered(&clock);
    let observer = telemetry.observer();

    for (status, route, millis) in [
        (200, Some("/grades/{id}"), 5),
        (200, Some("/grades/{id}"), 400),
        (503, Some("/grades/{id}"), 1),
        (404, None, 1),
    ] {
        let headers = [("content-length", b"12".as_slice())];
        let observation = observer.begin(RequestHead::new("GET", "/grades/7"), headers);
        route.into_iter().for_each(|route| observation.context().set_route(route));
        clock.advance(Duration::from_millis(millis));
        observation.respond(status);
        observation.count(1500);
        observation.complete();
    }
    drop(observer.begin(RequestHead::new("MAKE-UP", "/x/1"), []));
    telemetry.flush(PATIENCE).await;

    let metrics = received(&collector);
    let durations = histograms(&metrics["http.server.request.duration"]);
    let seen: Vec<(&str, u64)> =
        durations.iter().map(|(labels, point)| (labels.as_str(), point.count)).collect();
    assert_eq!(
        seen,
        [
            (
                "error.type=503 http.request.method=GET http.response.status_code=503 http.route=/grades/{id} url.scheme=http",
                1
            ),
            ("error.type=cancelled http.request.method=_OTHER url.scheme=http", 1),
            (
                "http.request.method=GET http.response.status_code=200 http.route=/grades/{id} url.scheme=http",
                2
            ),
            ("http.request.method=GET http.response.status_code=404 url.scheme=http", 1),
        ]
    );
    let point = &durations[2].1;
    assert_eq!(point.explicit_bounds[..3], [0.005, 0.01, 0.025]);
    assert_eq!((point.bucket_counts[0], point.bucket_counts[7]), (1, 1));
    assert!((point.sum.unwrap() - 0.405).abs() < 1e-9);
    assert_eq!(histograms(&metrics["http.server.request.body.size"])[1].1.sum, Some(24.0));
    assert_eq!(histograms(&metrics["http.server.response.body.size"])[2].1.sum, Some(3000.0));
    assert!(numbers(&metrics["http.server.active_requests"]).iter().all(|(_, active)| *active == 0.0));
}

#[tokio::test]
async fn authentication_is_counted_by_outcome_and_reason() {
    let (collector, telemetry) = metered(&FakeClock::default());
    let observer = telemetry.observer();

    for reason in [Some(Reason::Expired), Some(Reason::Expired), Some(Reason::UnknownKey), None] {
        let observation = observer.begin(RequestHead::new("GET", "/"), []);
        match reason {
            Some(reason) => observation.context().refused(reason),
            None => observation.context().admitted(None),
        }
        observation.complete();
    }
    observer.begin(RequestHead::new("GET", "/healthz"), []).complete();
    telemetry.flush(PATIENCE).await;

    assert_eq!(
        numbers(&received(&collector)["linchpin.auth.requests"]),
        [
            ("auth.outcome=anonymous".to_owned(), 1.0),
            ("auth.outcome=refused auth.reason=expired".to_owned(), 2.0),
            ("auth.outcome=refused auth.reason=unknown_key".to_owned(), 1.0),
        ]
    );
}

#[tokio::test]
async fn calls_are_measured_whether_their_traces_are_recorded_or_not() {
    let clock = FakeClock::default();
    let (collector, telemetry) = metered(&clock);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let unsampled = telemetry.observer().sampler(linchpin_trace::Sampler::never());

    tracing::subscriber::with_default(subscriber, || {
        for observer in [telemetry.observer(), unsampled] {
            let observation = observer.begin(RequestHead::new("GET", "/"), []);
            observation.enter(|| {
                let trace = observation.context().trace().child();
                let span = outgoing_span("GET", "billing.example", Some(443), Some(&trace));
                clock.advance(Duration::from_millis(30));
                span.record("http.response.status_code", 200);
            });
            observation.complete();
        }
    });
    telemetry.flush(PATIENCE).await;

    let durations = histograms(&received(&collector)["http.client.request.duration"]);
    let [(labels, point)] = &durations[..] else { panic!("{durations:?}") };
    assert_eq!(
        labels,
        "http.request.method=GET http.response.status_code=200 server.address=billing.example server.port=443"
    );
    assert_eq!((point.count, point.sum), (2, Some(0.06)));
}

#[tokio::test]
async fn a_thousand_cancelled_requests_leave_nobody_under_way() {
    let (collector, telemetry) = metered(&FakeClock::default());
    let stuck = tower::service_fn(|_: http::Request<()>| async {
        std::future::pending::<Result<http::Response<String>, std::convert::Infallible>>().await
    });
    let service = linchpin_axum::observe(telemetry.observer()).layer(stuck);
    let begin = || {
        let mut request = Box::pin(service.clone().oneshot(http::Request::new(())));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(request.as_mut().poll(&mut cx).is_pending());
        request
    };
    let active = || numbers(&received(&collector)["http.server.active_requests"])[0].1;

    let under_way: Vec<_> = (0..1000).map(|_| begin()).collect();
    telemetry.flush(PATIENCE).await;
    assert_eq!(active(), 1000.0);

    drop(under_way);
    telemetry.flush(PATIENCE).await;
    assert_eq!(active(), 0.0);
    let ended = &histograms(&received(&collector)["http.server.request.duration"])[0];
    assert_eq!(ended.0, "error.type=cancelled http.request.method=GET url.scheme=http");
    assert_eq!(ended.1.count, 1000);
}

#[tokio::test]
async fn whoever_makes_up_routes_fills_one_series() {
    let (collector, telemetry) = metered(&FakeClock::default());
    let observer = telemetry.observer();

    for at in 0..1500 {
        let observation = observer.begin(RequestHead::new("GET", "/"), []);
        observation.context().set_route(&format!("/{at}"));
        observation.complete();
    }
    telemetry.flush(PATIENCE).await;

    let durations = histograms(&received(&collector)["http.server.request.duration"]);
    assert_eq!(durations.len(), 1001);
    let overflow = durations.iter().find(|(labels, _)| labels.starts_with("otel.metric.overflow")).unwrap();
    assert_eq!(overflow.1.count, 500);
}

#[tokio::test]
async fn the_process_and_its_runtime_are_measured() {
    let collector = Collector::start(Manner::Well);
    let vars = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()), ("GIT_SHA", "cafe".to_owned())];
    let vars = vars.map(|(name, value)| (name.into(), value.into()));
    let telemetry = Telemetry::builder("grades").version("1.2.3").from_vars(vars).unwrap();

    telemetry.flush(PATIENCE).await;

    let metrics = received(&collector);
    let number = |name: &str| numbers(&metrics[name])[0].1;
    assert!(number("process.memory.usage") > 1e6);
    assert!(number("linchpin.process.open_files") > 3.0);
    assert!(number("linchpin.process.threads") > 1.0);
    assert_eq!(number("linchpin.tokio.workers"), 1.0);
    assert_eq!(numbers(&metrics["process.cpu.time"]).len(), 2);
    let (labels, one) = &numbers(&metrics["linchpin.build.info"])[0];
    assert!(labels.contains("service.version=1.2.3") && labels.contains("vcs.ref.head.revision=cafe"));
    assert_eq!(*one, 1.0);
}

#[tokio::test]
async fn what_arrives_and_what_does_not_is_measured_too() {
    let (collector, telemetry) = metered(&FakeClock::default());
    crate::support::serve(&telemetry, 3);
    telemetry.flush(PATIENCE).await;
    telemetry.flush(PATIENCE).await;

    let exported = numbers(&received(&collector)["linchpin.telemetry.exported"]);
    assert!(exported.contains(&("signal=traces".to_owned(), 3.0)), "{exported:?}");
}

#[tokio::test]
async fn a_service_has_metrics_of_its_own() {
    const EXPORTED: MetricInfo = MetricInfo::counter("grades.exported", "{grade}", "Grades.", &["course"]);
    let (collector, telemetry) = metered(&FakeClock::default());

    telemetry.watch(|readings| readings.add(&EXPORTED, &["a"], 7.0));
    telemetry.flush(PATIENCE).await;

    let metric = &received(&collector)["grades.exported"];
    assert_eq!(numbers(metric), [("course=a".to_owned(), 7.0)]);
    assert_eq!(metric.unit, "{grade}");
    assert!(matches!(metric.data, Some(Data::Sum(ref sum)) if sum.is_monotonic));
}

#[tokio::test]
async fn everything_that_arrives_is_as_the_catalogue_says() {
    let (collector, telemetry) = metered(&FakeClock::default());
    crate::support::serve(&telemetry, 1);
    telemetry.flush(PATIENCE).await;

    for (name, metric) in received(&collector) {
        let info = METRICS.iter().find(|info| info.name == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((metric.unit.as_str(), metric.description.as_str()), (info.unit, info.description));
        let attributes: Vec<String> = match metric.data.unwrap() {
            Data::Histogram(data) => {
                assert_eq!(info.kind, MetricKind::Histogram, "{name}");
                data.data_points
                    .into_iter()
                    .flat_map(|point| point.attributes)
                    .map(|known| known.key)
                    .collect()
            }
            Data::Sum(data) => {
                assert_eq!(data.is_monotonic, info.kind == MetricKind::Counter, "{name}");
                data.data_points
                    .into_iter()
                    .flat_map(|point| point.attributes)
                    .map(|known| known.key)
                    .collect()
            }
            Data::Gauge(data) => {
                assert_eq!(info.kind, MetricKind::Gauge, "{name}");
                data.data_points
                    .into_iter()
                    .flat_map(|point| point.attributes)
                    .map(|known| known.key)
                    .collect()
            }
            other => panic!("{other:?}"),
        };
        assert!(
            attributes.iter().all(|key| info.attributes.contains(&key.as_str())),
            "{name}: {attributes:?}"
        );
    }
}
