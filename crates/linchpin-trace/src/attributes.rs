//! What a service adds to the line of a request.

use std::fmt::Write;

use crate::text::{clipped, push_json_string};

/// A value of an attribute: text, a number or a truth value.
///
/// Text is cut at 256 bytes. A number that is not finite is written as `null`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Text.
    Text(Box<str>),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

macro_rules! from {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for AttributeValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! { &str => Text, String => Text, i64 => Integer, i32 => Integer, u32 => Integer, f64 => Float, bool => Boolean }

/// The attributes of one request, in the order in which they came; bounded, because a loop may add to them.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    members: Vec<(Box<str>, AttributeValue)>,
    errors: u64,
}

/// An attribute was not taken; the old value stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rejected {
    Name,
    Full,
    Type,
}

impl Attributes {
    pub(crate) fn set(&mut self, name: &str, value: AttributeValue) -> Result<(), Rejected> {
        let value = match value {
            AttributeValue::Text(text) => AttributeValue::Text(clipped(&text, MAX_VALUE).into()),
            other => other,
        };
        let slot = self.slot(name, || value.clone())?;
        *slot = value;
        Ok(())
    }

    /// Adds to a number; whole numbers stay whole and stop at the end of their range.
    pub(crate) fn accumulate(&mut self, name: &str, value: AttributeValue) -> Result<(), Rejected> {
        use AttributeValue::{Float, Integer};

        let zero = match value {
            Integer(_) => Integer(0),
            Float(_) => Float(0.0),
            _ => return Err(self.count(Rejected::Type)),
        };
        let slot = self.slot(name, || zero)?;
        *slot = match (&*slot, value) {
            (Integer(old), Integer(new)) => Integer(old.saturating_add(new)),
            (Float(old), Float(new)) => Float(old + new),
            _ => return Err(self.count(Rejected::Type)),
        };
        Ok(())
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }

    /// All of them as one JSON object; `None` if there are none.
    pub(crate) fn to_json(&self) -> Option<String> {
        let mut json = String::new();
        for (name, value) in &self.members {
            json.push(if json.is_empty() { '{' } else { ',' });
            push_json_string(&mut json, name);
            json.push(':');
            // A String takes whatever it is given.
            let _ = match value {
                AttributeValue::Text(text) => {
                    push_json_string(&mut json, text);
                    Ok(())
                }
                AttributeValue::Integer(number) => write!(json, "{number}"),
                AttributeValue::Float(number) if number.is_finite() => write!(json, "{number}"),
                AttributeValue::Float(_) => json.write_str("null"),
                AttributeValue::Boolean(flag) => write!(json, "{flag}"),
            };
        }
        if json.is_empty() {
            return None;
        }
        json.push('}');
        Some(json)
    }

    fn slot(
        &mut self,
        name: &str,
        first: impl FnOnce() -> AttributeValue,
    ) -> Result<&mut AttributeValue, Rejected> {
        let found = self.members.iter().position(|(known, _)| &**known == name);
        let at = match found {
            Some(at) => at,
            None if !is_name(name) => return Err(self.count(Rejected::Name)),
            None if self.members.len() == MAX_ATTRIBUTES => return Err(self.count(Rejected::Full)),
            None => {
                self.members.push((name.into(), first()));
                self.members.len() - 1
            }
        };
        Ok(&mut self.members[at].1)
    }

    fn count(&mut self, rejected: Rejected) -> Rejected {
        self.errors = self.errors.saturating_add(1);
        rejected
    }
}

/// Letters, digits, dots, dashes and underscores, at most 64.
fn is_name(name: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_char)
}

const MAX_ATTRIBUTES: usize = 32;
const MAX_VALUE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_type_never_loses_the_old_value() {
        let mut attributes = Attributes::default();
        attributes.set("plan", "free".into()).unwrap();
        attributes.accumulate("rows", 2.into()).unwrap();

        assert_eq!(attributes.accumulate("plan", 1.into()), Err(Rejected::Type));
        assert_eq!(attributes.accumulate("rows", 0.5.into()), Err(Rejected::Type));
        assert_eq!(attributes.accumulate("rows", "many".into()), Err(Rejected::Type));
        attributes.accumulate("rows", 3.into()).unwrap();

        assert_eq!(attributes.to_json().unwrap(), r#"{"plan":"free","rows":5}"#);
        assert_eq!(attributes.errors(), 3);
    }

    #[test]
    fn count_and_size_are_bounded() {
        let mut attributes = Attributes::default();
        for i in 0..1000 {
            let _ = attributes.set(&format!("a{i}"), "é".repeat(10_000).into());
        }

        assert_eq!(attributes.errors(), 968);
        assert_eq!(attributes.set("a0", 1.into()), Ok(()), "what is there can still change");
        assert!(attributes.to_json().unwrap().len() < 32 * (256 + 16));
        for name in ["", "a b", "a\"b", "é", &"a".repeat(65)] {
            assert_eq!(Attributes::default().set(name, 1.into()), Err(Rejected::Name), "{name:?}");
        }
    }

    #[test]
    fn sums_stop_at_the_end_and_strange_numbers_stay_json() {
        let mut attributes = Attributes::default();
        attributes.accumulate("n", i64::MAX.into()).unwrap();
        attributes.accumulate("n", 1.into()).unwrap();
        attributes.set("x", f64::NAN.into()).unwrap();

        assert_eq!(attributes.to_json().unwrap(), r#"{"n":9223372036854775807,"x":null}"#);
    }
}
