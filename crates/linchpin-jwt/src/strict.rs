//! JSON without ambiguity: names are unique at every depth, and bounded in number.
//!
//! Two parsers that resolve a repeated name differently see two different tokens in one. So everything is walked, also what
//! nobody asked for.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most members that one object of the claims may have.
pub(crate) const MAX_MEMBERS: usize = 256;

/// The names of one object, as far as it has been read.
pub(crate) struct Names<'de> {
    seen: Vec<Cow<'de, str>>,
    max: usize,
}

impl<'de> Names<'de> {
    pub(crate) fn at_most(max: usize) -> Self {
        Self { seen: Vec::new(), max }
    }

    /// The next name of the object; an error if it was there before, or if it is one too many.
    pub(crate) fn next<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
        let Some(Name(name)) = map.next_key()? else { return Ok(None) };
        if self.seen.len() == self.max {
            return Err(A::Error::custom("too many members"));
        }
        if self.seen.contains(&name) {
            return Err(A::Error::custom("a name is repeated"));
        }
        self.seen.push(name.clone());
        Ok(Some(name))
    }
}

/// A member name, or another text, borrowed unless it holds an escape.
pub(crate) struct Name<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Any value, walked and thrown away.
pub(crate) struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Walk { looking_for: Texts::None, found: &mut |_| {} }.deserialize(deserializer).map(|()| Self)
    }
}

/// Walks any value, and hands over the texts that are looked for.
pub(crate) struct Walk<'p, 'f> {
    pub(crate) looking_for: Texts<'p>,
    pub(crate) found: &'f mut dyn FnMut(&str),
}

/// Which texts of a value are looked for; a value of any other shape has none.
#[derive(Clone, Copy)]
pub(crate) enum Texts<'p> {
    /// None of them.
    None,
    /// The value itself.
    Itself,
    /// The words of the value, separated by spaces, or the elements of the list that it is.
    WordsOrElements,
    /// The elements of the list that stands at the end of this path of member names.
    ElementsAt(&'p [String]),
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::at_most(MAX_MEMBERS);
        while let Some(name) = names.next(&mut map)? {
            let looking_for = match self.looking_for {
                Texts::ElementsAt([wanted, rest @ ..]) if *wanted == name => Texts::ElementsAt(rest),
                _ => Texts::None,
            };
            map.next_value_seed(Walk { looking_for, found: &mut *self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let looking_for = match self.looking_for {
            Texts::WordsOrElements | Texts::ElementsAt([]) => Texts::Itself,
            _ => Texts::None,
        };
        while seq.next_element_seed(Walk { looking_for, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        match self.looking_for {
            Texts::Itself => (self.found)(text),
            Texts::WordsOrElements => text.split(' ').for_each(self.found),
            Texts::None | Texts::ElementsAt(_) => {}
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str, looking_for: Texts<'_>) -> Result<Vec<String>, serde_json::Error> {
        let mut found = Vec::new();
        let mut deserializer = serde_json::Deserializer::from_str(json);
        Walk { looking_for, found: &mut |text| found.push(text.to_owned()) }
            .deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }

    #[test]
    fn repeated_names_are_refused_at_every_depth_and_in_any_spelling() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":[{"a":1,"b":2,"a":3}]}]"#,
            r#"{"a":{"b":{"c":null,"c":null}}}"#,
        ] {
            assert!(texts(json, Texts::None).is_err(), "{json}");
        }
        assert!(
            texts(r#"{"a":{"a":[{"a":1},{"a":1}]},"b":1e3,"c":-1,"d":true,"e":null}"#, Texts::None).is_ok()
        );
    }

    #[test]
    fn objects_are_bounded_in_members_and_depth() {
        let members = |n: usize| {
            let members: Vec<String> = (0..n).map(|i| format!("\"{i}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };

        assert!(texts(&members(MAX_MEMBERS), Texts::None).is_ok());
        assert!(texts(&members(MAX_MEMBERS + 1), Texts::None).is_err());
        assert!(texts(&"[".repeat(100_000), Texts::None).is_err());
    }

    #[test]
    fn texts_are_found_where_they_are_looked_for_and_nowhere_else() {
        let path = ["a".to_owned(), "b".to_owned()];
        let at_path = |json| texts(json, Texts::ElementsAt(&path)).unwrap();

        assert_eq!(
            at_path(r#"{"x":["no"],"a":{"b":["one",2,null,["no"],{"b":["no"]},"two"],"c":["no"]}}"#),
            ["one", "two"]
        );
        for none in [
            r#"{"a":["no"]}"#,
            r#"{"a":{"b":"no"}}"#,
            r#"{"b":["no"]}"#,
            r#"{"a":null}"#,
            "[\"no\"]",
            "\"no\"",
            "7",
        ] {
            assert!(at_path(none).is_empty(), "{none}");
        }
        assert_eq!(texts(r#""two words""#, Texts::WordsOrElements).unwrap(), ["two", "words"]);
        assert_eq!(
            texts(r#"["one",["no"],"two words"]"#, Texts::WordsOrElements).unwrap(),
            ["one", "two words"]
        );
        assert!(texts(r#"["no"]"#, Texts::Itself).unwrap().is_empty());
    }
}
