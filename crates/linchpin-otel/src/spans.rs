//! The layer that turns spans into OpenTelemetry's, with the ids that logs and headers have.

use std::sync::Arc;

use linchpin_core::{Clock, Timestamp};
use linchpin_trace::{SPAN_TARGET, SpanId, SpanPlace, TraceContext, TraceId};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};
use tracing::{Level, Metadata, Subscriber, span};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::{
    own_thread::is_own_thread,
    queue::Queue,
    value::{Attributes, Fields, Value, key_value},
};

/// Records the spans of requests, calls and jobs that are sampled, and those that a service opens within them.
///
/// Nothing is kept of a request that is not sampled. A span outside of any request belongs to no trace, and is not recorded.
pub(crate) struct Spans {
    queue: Arc<Queue<Finished>>,
    clock: Arc<dyn Clock>,
}

impl Spans {
    pub(crate) fn new(queue: Arc<Queue<Finished>>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, clock }
    }

    /// Spans of level INFO and above: libraries open many below, for each frame of a connection.
    pub(crate) fn records(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && *metadata.level() <= Level::INFO
    }
}

impl<S> Layer<S> for Spans
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let opening = SpanPlace::opening();
        if opening.is_some_and(|place| !place.is_sampled) || is_own_thread() {
            return;
        }
        let Some(span) = ctx.span(id) else { return };
        let above = span.scope().skip(1).find_map(|above| {
            above.extensions().get::<Recorded>().map(|above| (above.trace_id, above.span_id))
        });
        let mut recorded = match (opening, above) {
            // A call hangs on the innermost span around it; a request on its caller's.
            (Some(place), above) => {
                let within = above.filter(|(trace_id, _)| *trace_id == place.trace_id);
                let parent = within.map(|(_, span_id)| span_id).or(place.parent);
                Recorded::new(place.trace_id, place.span_id, parent, self.clock.now())
            }
            (None, Some((trace_id, parent))) => {
                let own = TraceContext::root(true).span_id();
                Recorded::new(trace_id, own, Some(parent), self.clock.now())
            }
            (None, None) => return,
        };
        recorded.attributes.reserve(attributes.metadata().fields().len());
        attributes.record(&mut Fields(|name, value| recorded.set(name, value)));
        span.extensions_mut().replace(recorded);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(recorded) = span.extensions_mut().get_mut::<Recorded>() {
            values.record(&mut Fields(|name, value| recorded.set(name, value)));
        }
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let Some(recorded) = span.extensions_mut().remove::<Recorded>() else { return };
        let metadata = span.metadata();
        let is_own = metadata.target() == SPAN_TARGET;
        self.queue.push(Finished { recorded, name: metadata.name(), is_own, ended: self.clock.now() });
    }
}

/// A span while it is open.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    trace_id: TraceId,
    span_id: SpanId,
    parent: Option<SpanId>,
    began: Timestamp,
    /// `otel.name`, `otel.kind` and `otel.status_code`, which are no attributes.
    name: Option<String>,
    kind: SpanKind,
    has_failed: bool,
    attributes: Attributes,
    /// What the service has set, as one JSON object.
    told: Option<String>,
}

impl Recorded {
    fn new(trace_id: TraceId, span_id: SpanId, parent: Option<SpanId>, began: Timestamp) -> Self {
        let (name, kind, has_failed) = (None, SpanKind::Internal, false);
        let attributes = Attributes::default();
        Self { trace_id, span_id, parent, began, name, kind, has_failed, attributes, told: None }
    }

    pub(crate) fn place(&self) -> (TraceId, SpanId) {
        (self.trace_id, self.span_id)
    }

    fn set(&mut self, field: &'static str, value: Value) {
        match (field, value) {
            ("trace_id" | "span_id" | "parent_span_id", _) => {}
            ("otel.name", Value::Text(name)) => self.name = Some(name),
            ("otel.kind", Value::Text(kind)) => {
                self.kind = match kind.as_str() {
                    "server" => SpanKind::Server,
                    "client" => SpanKind::Client,
                    "producer" => SpanKind::Producer,
                    "consumer" => SpanKind::Consumer,
                    _ => SpanKind::Internal,
                };
            }
            ("otel.status_code", Value::Text(code)) => self.has_failed = code.eq_ignore_ascii_case("error"),
            ("attributes", Value::Text(told)) => self.told = Some(told),
            (field, value) => self.attributes.set(field, value),
        }
    }
}

/// A span that has ended, until it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    recorded: Recorded,
    name: &'static str,
    /// Whether it is one of `linchpin-trace`, whose `attributes` are JSON.
    is_own: bool,
    ended: Timestamp,
}

impl Finished {
    pub(crate) fn into_proto(self) -> Span {
        let Self { recorded, name, is_own, ended } = self;
        let dropped_attributes_count = recorded.attributes.dropped;
        let mut attributes = recorded.attributes.into_proto();
        match recorded.told {
            Some(told) if is_own => attributes.extend(told_attributes(&told)),
            Some(told) => attributes.push(key_value("attributes", told)),
            None => {}
        }
        let status =
            recorded.has_failed.then(|| Status { code: StatusCode::Error.into(), ..Status::default() });
        Span {
            trace_id: recorded.trace_id.to_bytes().to_vec(),
            span_id: recorded.span_id.to_bytes().to_vec(),
            parent_span_id: recorded.parent.map_or_else(Vec::new, |parent| parent.to_bytes().to_vec()),
            // W3C's flag of a sampled trace.
            flags: 1,
            name: recorded.name.unwrap_or_else(|| name.to_owned()),
            kind: recorded.kind.into(),
            start_time_unix_nano: nanos(recorded.began),
            // A clock that was set back meanwhile must not end a span before it began.
            end_time_unix_nano: nanos(ended.max(recorded.began)),
            attributes,
            dropped_attributes_count,
            status,
            ..Span::default()
        }
    }
}

/// The members of the JSON object that `linchpin-trace` writes of a service's attributes.
pub(crate) fn told_attributes(json: &str) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    use serde_json::Value as Json;

    let Ok(Json::Object(members)) = serde_json::from_str(json) else { return Vec::new() };
    let value = |json: Json| match json {
        Json::String(text) => Some(Value::Text(text)),
        Json::Bool(flag) => Some(Value::Boolean(flag)),
        Json::Number(number) => {
            number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Float))
        }
        _ => None,
    };
    members.into_iter().filter_map(|(name, json)| Some(key_value(&name, value(json)?))).collect()
}

/// Nanoseconds since the Unix epoch, and zero before it.
pub(crate) fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.as_unix_micros()).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use linchpin_core::FakeClock;
    use linchpin_trace::{Observer, RequestHead, Sampler, outgoing_span};
    use tracing_subscriber::{filter::filter_fn, layer::SubscriberExt};

    use super::*;
    use crate::queue::Bounds;

    /// The spans that `work` leaves behind, in the order in which they ended.
    fn recorded(work: impl FnOnce(&Observer, &FakeClock)) -> Vec<Span> {
        let queue = Arc::new(Queue::new(Bounds { waiting: 100, batch: 100 }, Arc::default()));
        let clock = FakeClock::default();
        let layer = Spans::new(queue.clone(), Arc::new(clock.clone())).with_filter(filter_fn(Spans::records));
        let observer = Observer::new("grades").clock(clock.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            work(&observer, &clock)
        });
        queue.take().into_iter().map(Finished::into_proto).collect()
    }

    fn attribute<'s>(
        span: &'s Span,
        name: &str,
    ) -> Option<&'s opentelemetry_proto::tonic::common::v1::AnyValue> {
        span.attributes.iter().find(|known| known.key == name).and_then(|known| known.value.as_ref())
    }

    const HEADERS: [(&str, &[u8]); 1] =
        [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];

    #[test]
    fn a_request_its_own_spans_and_its_calls_make_one_tree() {
        let mut call_id = None;
        let spans = recorded(|observer, clock| {
            let observation = observer.begin(RequestHead::new("GET", "/grades/7"), HEADERS);
            observation.context().set_route("/grades/{id}");
            observation.enter(|| {
                let load = tracing::info_span!("load", table = "grades", rows = tracing::field::Empty);
                load.in_scope(|| {
                    clock.advance(Duration::from_millis(5));
                    tracing::debug_span!("detail").in_scope(|| {
                        let trace = observation.context().trace().child();
                        call_id = Some(trace.span_id());
                        drop(outgoing_span("GET", "db.example", Some(5432), Some(&trace)));
                    });
                });
                load.record("rows", 3);
                linchpin_trace::set_attribute("course", "edX+DemoX");
            });
            observation.respond(503);
            observation.complete();
        });

        let [call, load, request] = &spans[..] else { panic!("{spans:?}") };
        assert!(spans.iter().all(|span| span.trace_id == request.trace_id));
        assert_eq!(request.parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
        assert_eq!(load.parent_span_id, request.span_id);
        assert_eq!(call.parent_span_id, load.span_id, "a span below INFO is left out of the tree");
        assert_eq!(call.span_id, call_id.unwrap().to_bytes());
        assert_eq!(
            (call.kind(), load.kind(), request.kind()),
            (SpanKind::Client, SpanKind::Internal, SpanKind::Server)
        );
        assert_eq!((load.name.as_str(), request.name.as_str()), ("load", "GET /grades/{id}"));
        assert_eq!(load.end_time_unix_nano - load.start_time_unix_nano, 5_000_000);
        assert_eq!(attribute(load, "rows"), Some(&Value::Integer(3).into_proto()));
        assert_eq!(attribute(request, "course"), Some(&Value::from("edX+DemoX").into_proto()));
        assert_eq!(attribute(request, "http.response.status_code"), Some(&Value::Integer(503).into_proto()));
        assert_eq!(request.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!(load.status, None);
        for internal in ["trace_id", "span_id", "parent_span_id", "otel.name", "otel.kind", "attributes"] {
            assert_eq!(attribute(request, internal), None, "{internal}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_request_that_is_not_sampled() {
        let spans = recorded(|observer, _| {
            let observation =
                observer.clone().sampler(Sampler::never()).begin(RequestHead::new("GET", "/"), HEADERS);
            observation.enter(|| {
                tracing::info_span!("own").in_scope(|| {
                    drop(outgoing_span(
                        "GET",
                        "db.example",
                        None,
                        Some(&observation.context().trace().child()),
                    ));
                });
            });
            observation.complete();
        });

        assert_eq!(spans, []);
    }

    #[test]
    fn a_span_outside_of_any_request_belongs_to_no_trace() {
        assert_eq!(recorded(|_, _| drop(tracing::info_span!("alone").entered())), []);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_a_span_short_and_not_negative() {
        let spans = recorded(|observer, clock| {
            let observation = observer.begin(RequestHead::new("GET", "/"), HEADERS);
            clock.set(clock.now().saturating_sub(Duration::from_secs(60)));
            observation.complete();
        });

        assert_eq!(spans[0].start_time_unix_nano, spans[0].end_time_unix_nano);
    }

    #[test]
    fn number_and_size_of_attributes_are_bounded() {
        let spans = recorded(|observer, _| {
            let observation = observer.begin(RequestHead::new("GET", "/"), HEADERS);
            observation.enter(|| {
                drop(tracing::info_span!("own", text = "é".repeat(100_000), debug = ?vec![0; 100_000]))
            });
            observation.complete();
        });

        for attribute in &spans[0].attributes {
            let size = format!("{:?}", attribute.value).len();
            assert!((1000..10_000).contains(&size), "{}: {size}", attribute.key);
        }
    }
}
