//! The layer that turns events into lines.

use std::{
    cell::Cell,
    error::Error,
    fmt,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use linchpin_core::Clock;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, Scope},
};

use crate::{
    SPAN_TARGET,
    context::with_current,
    logs::Sink,
    observation::is_access_line,
    text::{clipped, push_json_part, push_json_string, push_visible},
    time::push_rfc3339,
};

/// Writes one line per event. Fields of spans are rendered once, when they are recorded.
pub(crate) struct Lines {
    /// Tells what this log has rendered from what another one has, of the same subscriber.
    number: usize,
    is_json: bool,
    has_colours: bool,
    sink: Arc<Sink>,
    clock: Arc<dyn Clock>,
}

impl Lines {
    pub(crate) fn new(is_json: bool, has_colours: bool, sink: Arc<Sink>, clock: Arc<dyn Clock>) -> Self {
        static LOGS: AtomicUsize = AtomicUsize::new(0);
        Self { number: LOGS.fetch_add(1, Ordering::Relaxed), is_json, has_colours, sink, clock }
    }

    fn json<S>(&self, out: &mut String, event: &Event<'_>, metadata: &Metadata<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        out.push_str("{\"timestamp\":\"");
        push_rfc3339(out, self.clock.now());
        out.push_str("\",\"level\":\"");
        out.push_str(metadata.level().as_str());
        out.push_str("\",\"target\":");
        push_json_string(out, metadata.target());
        event.record(&mut JsonFields { out, reserved: RESERVED, raw_attributes: is_access_line(metadata) });

        let mut has_ids = with_current(|context| {
            out.push(',');
            out.push_str(context.json());
        })
        .is_some();
        let mut has_spans = false;
        for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            match extensions.get::<Rendered>().and_then(|rendered| rendered.by(self.number)) {
                Some(ids) if is_request(span.metadata()) => {
                    if !std::mem::replace(&mut has_ids, true) {
                        out.push_str(ids);
                    }
                }
                rendered => {
                    out.push_str(if has_spans { ",{\"name\":" } else { ",\"spans\":[{\"name\":" });
                    has_spans = true;
                    push_json_string(out, span.name());
                    out.push_str(rendered.unwrap_or_default());
                    out.push('}');
                }
            }
        }
        out.push_str(if has_spans { "]}\n" } else { "}\n" });
    }

    fn text<S>(&self, out: &mut String, event: &Event<'_>, metadata: &Metadata<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let colour = |code: &'static str| if self.has_colours { code } else { "" };
        out.push_str(colour(DIM));
        push_rfc3339(out, self.clock.now());
        out.push_str(colour(PLAIN));
        let level = match *metadata.level() {
            Level::ERROR => RED,
            Level::WARN => YELLOW,
            Level::INFO => GREEN,
            _ => DIM,
        };
        // A String takes whatever it is given.
        let _ = write!(out, " {}{:>5}{} ", colour(level), metadata.level(), colour(PLAIN));
        push_visible(out, metadata.target());
        out.push(':');
        event.record(&mut TextFields { out, is_message: true });
        event.record(&mut TextFields { out, is_message: false });

        out.push_str(colour(DIM));
        let has_ids = with_current(|context| {
            let _ =
                write!(out, " request_id={} trace_id={}", context.request_id(), context.trace().trace_id());
        })
        .is_some();
        for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if !is_request(span.metadata()) {
                out.push(' ');
                push_visible(out, span.name());
                out.push(':');
            } else if has_ids {
                continue;
            }
            let extensions = span.extensions();
            let rendered = extensions.get::<Rendered>().and_then(|rendered| rendered.by(self.number));
            out.push_str(rendered.unwrap_or_default());
        }
        out.push_str(colour(PLAIN));
        out.push('\n');
    }

    fn render(&self, out: &mut String, metadata: &Metadata<'_>, record: impl Fn(&mut dyn Visit)) {
        if is_request(metadata) {
            // All else about the request stands on its access line.
            record(&mut Ids { out, is_json: self.is_json });
        } else if self.is_json {
            record(&mut JsonFields { out, reserved: &["name"], raw_attributes: false });
        } else {
            record(&mut TextFields { out, is_message: false });
        }
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut out = String::new();
        self.render(&mut out, attributes.metadata(), |visit| attributes.record(visit));
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Rendered>() {
            Some(rendered) => rendered.others.push((self.number, out)),
            None => extensions.insert(Rendered { first: (self.number, out), others: Vec::new() }),
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(|span| !is_request(span.metadata())) else { return };
        let mut extensions = span.extensions_mut();
        let rendered = extensions.get_mut::<Rendered>().and_then(|rendered| rendered.by_mut(self.number));
        if let Some(out) = rendered {
            self.render(out, span.metadata(), |visit| values.record(visit));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        // Records of the `log` crate come with their own target in their fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        // Taken out, because a value that is formatted may log a line of its own.
        let mut out = BUFFER.try_with(Cell::take).unwrap_or_default();
        if self.is_json {
            self.json(&mut out, event, metadata, &ctx);
        } else {
            self.text(&mut out, event, metadata, &ctx);
        }
        (self.sink)(out.as_bytes());
        if out.capacity() <= MAX_LINE {
            out.clear();
            let _ = BUFFER.try_with(|buffer| buffer.set(out));
        }
    }
}

/// A span's fields, as they stand in a line.
struct Rendered {
    /// Most processes have one log, and need no list.
    first: (usize, String),
    others: Vec<(usize, String)>,
}

impl Rendered {
    fn by(&self, log: usize) -> Option<&str> {
        let mut all = std::iter::once(&self.first).chain(&self.others);
        all.find(|(number, _)| *number == log).map(|(_, fields)| fields.as_str())
    }

    fn by_mut(&mut self, log: usize) -> Option<&mut String> {
        let mut all = std::iter::once(&mut self.first).chain(&mut self.others);
        all.find(|(number, _)| *number == log).map(|(_, fields)| fields)
    }
}

fn is_request(metadata: &Metadata<'_>) -> bool {
    metadata.target() == SPAN_TARGET && metadata.name() == "request"
}

/// Fields as JSON members, each after a comma.
struct JsonFields<'a> {
    out: &'a mut String,
    /// Names that the line has already.
    reserved: &'static [&'static str],
    raw_attributes: bool,
}

impl JsonFields<'_> {
    /// Begins a member, if there is room; a bridge's fields about the origin of a record stand in the line already.
    fn begins(&mut self, field: &Field) -> bool {
        let name = field.name();
        if self.out.len() > MAX_LINE || name.starts_with("log.") {
            return false;
        }
        self.out.push_str(",\"");
        if self.reserved.contains(&name) {
            self.out.push_str("field.");
        }
        push_json_part(self.out, name);
        self.out.push_str("\":");
        true
    }

    fn literal(&mut self, field: &Field, value: impl fmt::Display) {
        if self.begins(field) {
            let _ = write!(self.out, "{value}");
        }
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.begins(field) {
            self.out.push('"');
            // It ends with an error when the value is cut.
            let _ = Escaped { out: self.out, left: MAX_VALUE, escape: push_json_part }.write_fmt(value);
            self.out.push('"');
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Made by this crate a moment ago, as JSON.
        if self.raw_attributes && field.name() == "attributes" {
            return self.literal(field, value);
        }
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{}", Chain(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.literal(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.literal(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() { self.literal(field, value) } else { self.literal(field, "null") }
    }
}

/// Fields as `name=value`, each after a space; the message comes first and alone.
struct TextFields<'a> {
    out: &'a mut String,
    is_message: bool,
}

impl TextFields<'_> {
    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let name = field.name();
        if (name == "message") != self.is_message || self.out.len() > MAX_LINE || name.starts_with("log.") {
            return;
        }
        self.out.push(' ');
        if !self.is_message {
            push_visible(self.out, name);
            self.out.push('=');
        }
        let begin = self.out.len();
        let _ = Escaped { out: self.out, left: MAX_VALUE, escape: push_visible }.write_fmt(value);
        // Whatever could be taken for another field is put in quotes.
        let value = &self.out[begin..];
        if !self.is_message && (value.is_empty() || value.contains([' ', '=', '"'])) {
            let quoted = format!("\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#));
            self.out.truncate(begin);
            self.out.push_str(&quoted);
        }
    }
}

impl Visit for TextFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{}", Chain(value)));
    }
}

/// The two ids of a request's span.
struct Ids<'a> {
    out: &'a mut String,
    is_json: bool,
}

impl Visit for Ids<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "request_id" | "trace_id") {
            let value = format!("{value:?}");
            self.record_str(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !matches!(field.name(), "request_id" | "trace_id") {
            return;
        }
        if self.is_json {
            let _ = write!(self.out, ",\"{}\":", field.name());
            push_json_string(self.out, value);
        } else {
            let _ = write!(self.out, " {}=", field.name());
            push_visible(self.out, value);
        }
    }
}

/// Escapes what is written through it, up to a limit; beyond it formatting stops, however much there is.
struct Escaped<'a> {
    out: &'a mut String,
    left: usize,
    escape: fn(&mut String, &str),
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = clipped(text, self.left);
        (self.escape)(self.out, fits);
        self.left -= fits.len();
        if fits.len() == text.len() {
            return Ok(());
        }
        self.out.push('…');
        Err(fmt::Error)
    }
}

/// An error and its causes, as one text.
struct Chain<'e>(&'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..MAX_CAUSES {
            let Some(error) = cause else { break };
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

thread_local! {
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

const RESERVED: &[&str] = &["timestamp", "level", "target", "request_id", "trace_id", "spans"];
const MAX_VALUE: usize = 8 * 1024;
const MAX_LINE: usize = 64 * 1024;
const MAX_CAUSES: usize = 16;

const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";
