//! The numbers of calls to other services, read off their spans.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use linchpin_core::{Clock, Timestamp};
use linchpin_trace::SPAN_TARGET;
use tracing::{Metadata, Subscriber, span};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    catalogue::{CLIENT_DURATION, CLIENT_RETRIES},
    histogram::{Histogram, SECONDS},
    readings::{Number, Point, Readings, overflow_attributes},
    table::{MAX_SERIES, Table},
};
use crate::value::{Fields, Value};

/// What is known of calls; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    ended: Table<Call, Histogram>,
    retries: Table<String, AtomicU64>,
}

/// By what calls are told apart.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Call {
    method: &'static str,
    server: String,
    port: Option<i64>,
    status: Option<i64>,
    error: Option<String>,
}

/// A call that is under way.
struct UnderWay {
    call: Call,
    is_again: bool,
    began: Timestamp,
}

/// The layer that watches the spans of calls, sampled or not.
pub(crate) struct CallSpans {
    calls: Calls,
    clock: Arc<dyn Clock>,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Tables {
            ended: Table::new(MAX_SERIES, || Histogram::new(SECONDS)),
            retries: Table::new(MAX_SERIES, AtomicU64::default),
        }))
    }

    pub(crate) fn layer(&self, clock: Arc<dyn Clock>) -> CallSpans {
        CallSpans { calls: self.clone(), clock }
    }

    pub(crate) fn read(&self, readings: &mut Readings) {
        self.0.ended.each(|call, histogram| {
            let counted = histogram.read();
            if counted.count() > 0 {
                let attributes = call.map_or_else(overflow_attributes, Call::attributes);
                readings.push(CLIENT_DURATION, Point { attributes, number: Number::Histogram(counted) });
            }
        });
        self.0.retries.each(|server, count| {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let attributes = server.map_or_else(overflow_attributes, |server| {
                    vec![("server.address", server.as_str().into())]
                });
                let number = Number::Integer(i64::try_from(count).unwrap_or(i64::MAX));
                readings.push(CLIENT_RETRIES, Point { attributes, number });
            }
        });
    }

    fn end(&self, UnderWay { call, is_again, began }: UnderWay, now: Timestamp) {
        let duration = now.saturating_duration_since(began).as_secs_f64();
        if is_again {
            let server = &call.server;
            let count = |count: &AtomicU64| {
                count.fetch_add(1, Ordering::Relaxed);
            };
            self.0.retries.update(server, |known| known == server, || server.clone(), count);
        }
        self.0.ended.update(&call, |known| *known == call, || call.clone(), |known| known.record(duration));
    }
}

impl CallSpans {
    pub(crate) fn watches(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == SPAN_TARGET && metadata.name() == "call"
    }
}

impl<S> Layer<S> for CallSpans
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut call = UnderWay { call: Call::default(), is_again: false, began: self.clock.now() };
        attributes.record(&mut Fields(|name, value| call.set(name, value)));
        span.extensions_mut().replace(call);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(call) = span.extensions_mut().get_mut::<UnderWay>() {
            values.record(&mut Fields(|name, value| call.set(name, value)));
        }
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let Some(call) = span.extensions_mut().remove::<UnderWay>() else { return };
        self.calls.end(call, self.clock.now());
    }
}

impl UnderWay {
    fn set(&mut self, field: &'static str, value: Value) {
        match (field, value) {
            ("http.request.method", Value::Text(method)) => self.call.method = known_method(&method),
            ("server.address", Value::Text(server)) => self.call.server = server,
            ("server.port", Value::Integer(port)) => self.call.port = Some(port),
            ("http.response.status_code", Value::Integer(status)) => self.call.status = Some(status),
            ("error.type", Value::Text(error)) => self.call.error = Some(error),
            ("http.request.resend_count", Value::Integer(again)) => self.is_again = again > 0,
            _ => {}
        }
    }
}

impl Call {
    fn attributes(&self) -> Vec<(&'static str, Value)> {
        let mut attributes = vec![
            ("http.request.method", self.method.into()),
            ("server.address", self.server.as_str().into()),
        ];
        attributes.extend(self.port.map(|port| ("server.port", Value::Integer(port))));
        attributes.extend(self.status.map(|status| ("http.response.status_code", Value::Integer(status))));
        attributes.extend(self.error.as_deref().map(|error| ("error.type", error.into())));
        attributes
    }
}

/// The method as the conventions know it; any other is `_OTHER`.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 10] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}
