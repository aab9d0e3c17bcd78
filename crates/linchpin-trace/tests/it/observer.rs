//! Ids, spans and access lines.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use linchpin_core::Clock;
use linchpin_trace::{
    CodeOwners, HealthChecks, Observer, ProxyTrust, RequestHead, RequestIdTrust, Sampler, outgoing_span,
};
use serde_json::json;
use tracing::{
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

use crate::support::{begin, json, observer};

#[test]
fn an_access_line_tells_what_happened() {
    let (observer, clock) = observer();
    let observer = observer.proxies("private".parse().unwrap());

    let lines = json("info", || {
        let head = RequestHead::new("GET", "/grades/7").scheme("http").peer("10.0.0.1".parse().unwrap());
        let headers = [
            ("x-request-id", b"abc".as_slice()),
            ("x-forwarded-for", b"1.2.3.4"),
            ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("authorization", b"Bearer secret"),
        ];
        let observation = observer.begin(head, headers);
        observation.context().set_route("/grades/{id}");
        clock.advance(Duration::from_micros(1500));
        observation.respond(200);
        observation.count(3);
        observation.count(4);
        observation.complete();
    });

    assert_eq!(
        lines,
        [json!({
            "timestamp": "2026-01-01T00:00:00.000000Z", "level": "INFO", "target": "linchpin::access", "message": "request",
            "service": "grades", "method": "GET", "route": "/grades/{id}", "status": 200, "duration_ms": 1.5, "bytes": 7,
            "client_address": "1.2.3.4", "auth": "not_asked", "request_id": "abc",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
        })]
    );
}

#[test]
fn a_request_id_is_kept_by_whom_and_how_it_comes() {
    let kept = |observer: &Observer, peer: &str, ids: &[&str]| {
        let head = RequestHead::new("GET", "/").peer(peer.parse().unwrap());
        let observation = observer.begin(head, ids.iter().map(|id| ("x-request-id", id.as_bytes())));
        observation.request_id().as_str() == ids[0]
    };
    let always = observer().0;
    let proxies =
        observer().0.proxies("10.0.0.0/8".parse().unwrap()).request_id_trust(RequestIdTrust::Proxies);
    let never = observer().0.request_id_trust(RequestIdTrust::Never);

    assert!(kept(&always, "5.5.5.5", &["abc"]));
    assert!(kept(&proxies, "10.1.1.1", &["abc"]) && !kept(&proxies, "5.5.5.5", &["abc"]));
    assert!(!kept(&never, "10.1.1.1", &["abc"]));
    assert!(!kept(&always, "5.5.5.5", &["abc", "abc"]), "two ids are as good as none");
    for bad in ["", "a b", "a\nb", "a\u{1b}[31m", "é", &"a".repeat(129), &"a".repeat(10 * 1024)] {
        assert!(!kept(&always, "5.5.5.5", &[bad]), "{bad:?}");
    }
}

#[test]
fn a_trace_is_continued_with_a_span_of_its_own_or_begun() {
    let (observer, _) = observer();
    let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    let continued =
        begin(&observer, "/", &[("traceparent", sent), ("tracestate", "foo=1"), ("baggage", "plan=free")]);
    let restarted = begin(&observer, "/", &[("traceparent", &sent.to_uppercase()), ("tracestate", "foo=1")]);
    let quiet = begin(&observer.clone().sampler(Sampler::never().parent_based()), "/", &[]);

    let trace = continued.context().trace();
    assert_eq!(trace.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_ne!(trace.span_id().to_string(), "b7ad6b7169203331");
    assert_eq!((trace.is_sampled(), trace.state().to_string().as_str()), (false, "foo=1"));
    assert_eq!(continued.context().baggage().value("plan"), Some("free"));
    assert_ne!(restarted.context().trace().trace_id(), trace.trace_id());
    assert!(restarted.context().trace().is_sampled() && restarted.context().trace().state().is_empty());
    assert!(!quiet.context().trace().is_sampled());
}

#[test]
fn each_end_is_told_once_also_a_panic_that_somebody_catches() {
    let (observer, _) = observer();

    let lines = json("info", || {
        begin(&observer, "/", &[]).complete();
        begin(&observer, "/", &[]).fail("body_error");
        drop(begin(&observer, "/", &[]));
        let observation = begin(&observer, "/", &[]);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            observation.enter(|| panic!("on purpose"));
        }));
        assert!(caught.is_err());
        drop(observation);
    });

    let errors: Vec<_> =
        lines.iter().map(|line| line.get("error").and_then(|error| error.as_str())).collect();
    assert_eq!(errors, [None, Some("body_error"), Some("cancelled"), Some("panic")]);
}

#[test]
fn health_checks_that_succeed_are_left_out_or_sampled() {
    let count = |health_checks, path: &str, status| {
        let observer = observer().0.health_checks(health_checks);
        json("info", || {
            for _ in 0..10 {
                let observation = begin(&observer, path, &[]);
                observation.respond(status);
                observation.complete();
            }
        })
        .len()
    };

    assert_eq!(count(HealthChecks::OnlyFailures, "/healthz", 200), 0);
    assert_eq!(count(HealthChecks::OnlyFailures, "/readyz", 503), 10);
    assert_eq!(count(HealthChecks::OnlyFailures, "/healthz/x", 200), 10);
    assert_eq!(count(HealthChecks::OneIn(4), "/healthz", 200), 3);
    assert_eq!(count(HealthChecks::All, "/livez", 200), 10);
    assert_eq!(count(HealthChecks::OneIn(0), "/livez", 200), 10);
}

#[test]
fn the_owner_of_the_module_counts_before_that_of_the_route() {
    let owners = CodeOwners::of([("/grades", "red"), ("shop::cart", "blue"), ("*", "rest")]).unwrap();
    let observer = observer().0.code_owners(owners);
    let owner = |route: Option<&str>, module: Option<&'static str>| {
        let lines = json("info", || {
            let observation = begin(&observer, "/", &[]);
            route.into_iter().for_each(|route| observation.context().set_route(route));
            module.into_iter().for_each(|module| observation.context().set_module(module));
            observation.complete();
        });
        lines[0].get("owner").map(|owner| owner.as_str().unwrap().to_owned())
    };

    assert_eq!(owner(Some("/grades/{id}"), None).as_deref(), Some("red"));
    assert_eq!(owner(Some("/grades/{id}"), Some("shop::cart::view")).as_deref(), Some("blue"));
    assert_eq!(owner(Some("/other"), None).as_deref(), Some("rest"));
    assert_eq!(owner(None, None), None);
}

/// What the spans hold when they close, by field.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: tracing::Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        attributes.record(&mut fields);
        ctx.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        values.record(ctx.span(id).unwrap().extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let fields = ctx.span(&id).unwrap().extensions_mut().remove::<Fields>().unwrap();
        self.0.lock().unwrap().push(fields.0);
    }
}

fn spans(work: impl FnOnce()) -> Vec<BTreeMap<&'static str, String>> {
    let spans = Spans::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans.clone()), work);
    spans.0.lock().unwrap().clone()
}

#[test]
fn the_span_follows_the_conventions_and_holds_no_query() {
    let observer = observer().0.redact_path(|path| match path.starts_with("/secret/") {
        true => "/secret/[redacted]".into(),
        false => Cow::Borrowed(path),
    });

    let spans = spans(|| {
        let head = RequestHead::new("BREW", "/secret/123").scheme("https").peer("192.0.2.7".parse().unwrap());
        let headers = [("cookie", b"session=topsecret".as_slice()), ("host", b"grades.example:8080")];
        let observation = observer.begin(head, headers);
        observation.context().set_route("/secret/{id}");
        observation.respond(503);
        let context = observation.context().clone();
        observation.complete();
        drop(context);
    });

    let [span] = &spans[..] else { panic!("{spans:?}") };
    let expected = [
        ("otel.name", "_OTHER /secret/{id}"),
        ("otel.kind", "server"),
        ("otel.status_code", "ERROR"),
        ("http.request.method", "_OTHER"),
        ("http.route", "/secret/{id}"),
        ("http.response.status_code", "503"),
        ("url.path", "/secret/[redacted]"),
        ("url.scheme", "https"),
        ("server.address", "grades.example"),
        ("server.port", "8080"),
        ("client.address", "192.0.2.7"),
        ("error.type", "503"),
        ("auth.outcome", "not_asked"),
    ];
    for (field, value) in expected {
        assert_eq!(span.get(field).map(String::as_str), Some(value), "{field}");
    }
    assert!(!format!("{span:?}").contains("topsecret"));
}

#[test]
fn a_server_that_cannot_be_told_is_not() {
    let (observer, _) = observer();
    let head = RequestHead::new("GET", "/");

    let spans = spans(|| {
        drop(observer.begin(head, [("host", b"a.example\" forged=\"1".as_slice())]));
        drop(observer.begin(head, [("host", b"a.example".as_slice()), ("host", b"b.example")]));
        drop(observer.begin(head, []));
        drop(observer.begin(head.authority("a.example:443"), [("host", b"b.example".as_slice())]));
    });

    let told: Vec<_> =
        spans.iter().map(|span| (span.get("server.address"), span.get("server.port"))).collect();
    let last = (Some("a.example".to_owned()), Some("443".to_owned()));
    assert_eq!(told, [(None, None), (None, None), (None, None), (last.0.as_ref(), last.1.as_ref())]);
}

#[test]
fn a_span_closes_with_its_request_even_if_the_context_lives_on() {
    let (observer, _) = observer();
    let mut kept = Vec::new();

    let spans = spans(|| {
        for _ in 0..1000 {
            let observation = begin(&observer, "/", &[]);
            kept.push(observation.context().clone());
            drop(observation);
        }
    });

    assert_eq!(spans.len(), 1000);
    assert!(spans.iter().all(|span| span["error.type"] == "cancelled"));
}

#[test]
fn an_outgoing_call_is_a_child_without_its_url() {
    let (observer, _) = observer();

    let spans = spans(|| {
        let observation = begin(&observer, "/", &[]);
        observation.enter(|| {
            let trace = observation.context().trace().child();
            let span = outgoing_span("GET", "grades.example", Some(8443), Some(&trace));
            span.record("http.response.status_code", 200);
            drop(span);
        });
        observation.complete();
    });

    let [call, request] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((call["server.address"].as_str(), call["server.port"].as_str()), ("grades.example", "8443"));
    assert_eq!(call["trace_id"], request["trace_id"]);
    assert_ne!(call["span_id"], request["span_id"]);
}

#[test]
fn without_a_subscriber_everything_still_works() {
    let (observer, _) = observer();
    let observation = begin(&observer, "/", &[("x-request-id", "abc")]);

    let id = observation.enter(|| linchpin_core::RequestId::current().unwrap());
    observation.complete();

    assert_eq!(id.as_str(), "abc");
    assert!(!ProxyTrust::default().trusts_anyone());
}

#[test]
fn a_client_can_shorten_the_time_that_a_request_has_and_not_extend_it() {
    let (observer, clock) = observer();
    let observer = observer.request_timeout(Duration::from_secs(5));
    let left = |headers: &[(&str, &str)]| {
        let deadline = begin(&observer, "/", headers).context().deadline().unwrap();
        deadline.remaining(clock.instant()).as_millis()
    };

    assert_eq!(left(&[]), 5000);
    assert_eq!(left(&[("x-request-timeout-ms", "1200")]), 1200);
    assert_eq!(left(&[("x-request-timeout-ms", "60000")]), 5000);
    assert_eq!(left(&[("x-request-timeout-ms", "0")]), 0);
    assert_eq!(left(&[("grpc-timeout", "800m"), ("x-request-timeout-ms", "1200")]), 800);
    for ignored in ["", "-1", "soon", "1e3", "99999999999999999999999"] {
        assert_eq!(
            left(&[("x-request-timeout-ms", ignored), ("grpc-timeout", ignored)]),
            5000,
            "{ignored:?}"
        );
    }
}

#[test]
fn a_deadline_runs_by_the_clock_that_nobody_sets() {
    let (observer, clock) = observer();
    let observer = observer.request_timeout(Duration::from_secs(5));
    let deadline = begin(&observer, "/", &[]).context().deadline().unwrap();

    clock.set(clock.now().saturating_add(Duration::from_secs(3600)));
    assert_eq!(deadline.remaining(clock.instant()), Duration::from_secs(5));

    clock.advance(Duration::from_secs(2));
    assert_eq!(deadline.remaining(clock.instant()), Duration::from_secs(3));
}

#[test]
fn without_a_limit_a_request_has_the_time_that_its_client_gives_it() {
    let (observer, clock) = observer();
    let named = observer.clone().timeout_header("X-Time-Left");
    let headers = [("x-request-timeout-ms", "1200"), ("x-time-left", "700")];
    let left = |observer: &Observer| {
        let deadline = begin(observer, "/", &headers).context().deadline();
        deadline.map(|deadline| deadline.remaining(clock.instant()).as_millis())
    };

    assert_eq!(left(&observer), Some(1200));
    assert_eq!(left(&named), Some(700));
    assert_eq!(begin(&observer, "/", &[]).context().deadline(), None);
}
