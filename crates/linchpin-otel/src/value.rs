//! Values of attributes, from `tracing` to OTLP.

use std::fmt::{self, Write};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use tracing::field::{Field, Visit};

/// A value as it is kept until it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Float(f64),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Value {
    pub(crate) fn into_proto(self) -> AnyValue {
        let value = match self {
            Self::Text(text) => any_value::Value::StringValue(text),
            Self::Boolean(flag) => any_value::Value::BoolValue(flag),
            Self::Integer(number) => any_value::Value::IntValue(number),
            Self::Float(number) => any_value::Value::DoubleValue(number),
        };
        AnyValue { value: Some(value) }
    }
}

pub(crate) fn key_value(name: &str, value: impl Into<Value>) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(value.into().into_proto()), ..KeyValue::default() }
}

/// The attributes of one span or one line, bounded in number and size.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes {
    members: Vec<(&'static str, Value)>,
    pub(crate) dropped: u32,
}

impl Attributes {
    /// Sets an attribute; the last value counts.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        // Names of fields of one call site are one text each, at one address.
        if let Some((_, known)) = self.members.iter_mut().find(|(known, _)| *known == name) {
            *known = value;
        } else if self.members.len() < MAX_ATTRIBUTES {
            self.members.push((name, value));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.members.reserve(more.min(MAX_ATTRIBUTES));
    }

    pub(crate) fn into_proto(self) -> Vec<KeyValue> {
        self.members.into_iter().map(|(name, value)| key_value(name, value)).collect()
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        value.into_proto()
    }
}

/// Gives each field of a span or an event to `take`, as a bounded value.
pub(crate) struct Fields<F>(pub(crate) F);

impl<F: FnMut(&'static str, Value)> Visit for Fields<F> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // It ends with an error when the value is cut.
        let _ = write!(text, "{value:?}");
        (self.0)(field.name(), Value::Text(text.0));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        (self.0)(field.name(), Value::Text(clipped(value, MAX_VALUE).to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        (self.0)(field.name(), Value::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // OTLP has no larger whole numbers.
        let value = i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Integer);
        (self.0)(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        (self.0)(field.name(), Value::Boolean(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        (self.0)(field.name(), Value::Float(value));
    }
}

/// Takes text up to a limit; beyond it formatting stops, however much there is.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = clipped(text, MAX_VALUE - self.0.len());
        self.0.push_str(fits);
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The beginning of a text, at most `max` bytes of it, cut between characters.
pub(crate) fn clipped(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The specification's default for the number of attributes.
const MAX_ATTRIBUTES: usize = 128;
const MAX_VALUE: usize = 4 * 1024;
