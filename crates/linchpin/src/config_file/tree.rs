//! A file as it was written: TOML or JSON, with every name that stands in it, also one that is repeated.

use std::{fmt, path::Path};

use linchpin_core::ConfigError;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A value. It has no `Debug`: a file may hold a secret.
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a file, in the language that its name ends with.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong =
            |problem: String, fix: &str| ConfigError::single(path.display().to_string(), problem, fix);

        let text = std::fs::read_to_string(path).map_err(|error| {
            wrong(format!("cannot be read: {error}"), "name a file in UTF-8 that this process may read")
        })?;
        // Of the parsers' errors only the place is told: the rest may quote the line, with what is secret in it.
        let (language, place) = match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => match toml::from_str(&text) {
                Ok(tree) => return Ok(tree),
                Err(error) => ("TOML", error.span().map_or(1, |span| line_of(&text, span.start))),
            },
            Some("json") => match serde_json::from_str(&text) {
                Ok(tree) => return Ok(tree),
                Err(error) => ("JSON", error.line()),
            },
            _ => {
                let problem = "has a name that ends neither with .toml nor with .json".to_owned();
                return Err(wrong(problem, "name it by its language"));
            }
        };
        Err(wrong(
            format!("is not {language}, by line {place} at the latest"),
            "mend the line or one before it",
        ))
    }

    /// What it is, for an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Whole(_) => "a whole number",
            Self::Fraction(_) => "a fraction",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The number of the line that holds this byte, from one.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Whole(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Whole(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Fraction(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Tree::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut table = Vec::new();
                while let Some(member) = map.next_entry()? {
                    table.push(member);
                }
                Ok(Tree::Table(table))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A part of the file that is handed on as JSON.
impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Whole(value) => serializer.serialize_i128(*value),
            Self::Fraction(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => serializer.collect_seq(values),
            Self::Table(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}
