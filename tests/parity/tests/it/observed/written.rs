//! What the servers write: access lines and spans, in the order in which they end.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use linchpin_trace::{ACCESS_TARGET, LogFormat, Logs, SPAN_TARGET};
use serde_json::Value;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

/// The access lines and the spans, in the order in which they ended.
pub(super) struct Written {
    pub(super) lines: Receiver<Value>,
    spans: Receiver<Fields>,
}

pub(super) type Fields = BTreeMap<&'static str, String>;

/// How many spans of requests have been opened and closed.
pub(super) static OPENED: AtomicUsize = AtomicUsize::new(0);
pub(super) static CLOSED: AtomicUsize = AtomicUsize::new(0);

impl Written {
    /// Makes this the log of the process.
    pub(super) fn begin() -> Self {
        let (send_line, lines) = channel();
        let (send_span, spans) = channel();
        let logs = Logs::new("info").unwrap().format(LogFormat::Json).sink(move |line| {
            let text = std::str::from_utf8(line).unwrap();
            assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text:?}");
            let line: Value = serde_json::from_str(text).unwrap();
            if line["target"] == ACCESS_TARGET {
                send_line.send(line).unwrap();
            }
        });
        let (layer, _) = logs.layer();
        tracing::subscriber::set_global_default(
            tracing_subscriber::registry().with(layer).with(Spans(send_span)),
        )
        .unwrap();
        Self { lines, spans }
    }

    /// The next request that has ended: its line, if it has one, is there before its span.
    pub(super) fn next(&self) -> (Option<Value>, Fields) {
        let span = self.spans.recv_timeout(PATIENCE).expect("the request ends");
        (self.lines.try_recv().ok(), span)
    }
}

/// Keeps the fields of the requests' spans, and counts the spans.
struct Spans(Sender<Fields>);

struct Record<'a>(&'a mut Fields);

impl Visit for Record<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if attributes.metadata().target() == SPAN_TARGET {
            let mut fields = Fields::new();
            attributes.record(&mut Record(&mut fields));
            ctx.span(id).unwrap().extensions_mut().insert(fields);
            OPENED.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let span = ctx.span(id).unwrap();
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(&mut Record(fields));
        }
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let fields = ctx.span(&id).unwrap().extensions_mut().remove::<Fields>();
        if let Some(fields) = fields {
            CLOSED.fetch_add(1, Ordering::SeqCst);
            self.0.send(fields).unwrap();
        }
    }
}

/// How long a request may take to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
