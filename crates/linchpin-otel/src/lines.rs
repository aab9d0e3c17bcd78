//! The layer that sends log lines to the collector, with the ids that the log on standard output has.

use std::sync::Arc;

use linchpin_core::{Clock, RequestId, Timestamp};
use linchpin_trace::{RequestContext, SpanId, TraceId};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::{
    own_thread::is_own_thread,
    queue::Queue,
    spans::{Recorded, nanos, told_attributes},
    value::{Attributes, Fields, Value, key_value},
};

/// Sends events, but for those of the thread that sends.
pub(crate) struct Lines {
    queue: Arc<Queue<Line>>,
    clock: Arc<dyn Clock>,
}

impl Lines {
    pub(crate) fn new(queue: Arc<Queue<Line>>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, clock }
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if is_own_thread() {
            return;
        }
        let metadata = event.metadata();
        let context = RequestContext::current();
        let innermost = ctx
            .event_scope(event)
            .into_iter()
            .flatten()
            .find_map(|span| span.extensions().get::<Recorded>().map(Recorded::place));
        let of_request =
            context.as_ref().map(|context| (context.trace().trace_id(), context.trace().span_id()));
        let mut line = Line {
            at: self.clock.now(),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: String::new(),
            told: None,
            place: innermost.or(of_request),
            request_id: context.map(|context| context.request_id().clone()),
            attributes: Attributes::default(),
        };
        event.record(&mut Fields(|name, value| line.set(name, value)));
        self.queue.push(line);
    }
}

/// A line, until it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    at: Timestamp,
    level: Level,
    target: String,
    message: String,
    /// What the service has set for the request, on access lines; one JSON object.
    told: Option<String>,
    place: Option<(TraceId, SpanId)>,
    request_id: Option<RequestId>,
    attributes: Attributes,
}

impl Line {
    fn set(&mut self, field: &'static str, value: Value) {
        match (field, value) {
            ("message", Value::Text(message)) => self.message = message,
            // A record of the `log` crate brings its target along, and where it comes from.
            ("log.target", Value::Text(target)) => self.target = target,
            (field, _) if field.starts_with("log.") => {}
            ("attributes", Value::Text(told)) if self.target == linchpin_trace::ACCESS_TARGET => {
                self.told = Some(told);
            }
            (field, value) => self.attributes.set(field, value),
        }
    }

    pub(crate) fn into_proto(self) -> LogRecord {
        let severity = match self.level {
            Level::ERROR => SeverityNumber::Error,
            Level::WARN => SeverityNumber::Warn,
            Level::INFO => SeverityNumber::Info,
            Level::DEBUG => SeverityNumber::Debug,
            Level::TRACE => SeverityNumber::Trace,
        };
        let dropped_attributes_count = self.attributes.dropped;
        let mut attributes = self.attributes.into_proto();
        attributes.push(key_value("target", self.target));
        attributes.extend(self.request_id.map(|id| key_value("request_id", id.as_str())));
        attributes.extend(self.told.iter().flat_map(|told| told_attributes(told)));
        let (trace_id, span_id) = self.place.unzip();
        LogRecord {
            time_unix_nano: nanos(self.at),
            observed_time_unix_nano: nanos(self.at),
            severity_number: severity.into(),
            severity_text: self.level.to_string(),
            body: Some(Value::Text(self.message).into_proto()),
            attributes,
            dropped_attributes_count,
            trace_id: trace_id.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            span_id: span_id.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            ..LogRecord::default()
        }
    }
}
