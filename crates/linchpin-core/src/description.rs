//! What a requirement asks for, in a form that tables and API descriptions share.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::StepUp;

/// What a [`Requirement`](crate::Requirement) asks for: several alternatives, each a list of conditions that hold together.
///
/// The printed route table, its JSON and the OpenAPI document are all made from it, so that they cannot disagree.
///
/// # Examples
///
/// ```
/// use linchpin_core::{AllOf, AnyOf, Requirement, roles, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; pub GradesWrite = "grades:write"; }
/// roles! { pub Admin = "admin"; }
///
/// let description = AnyOf::<(Admin, AllOf<(GradesRead, GradesWrite)>)>::describe();
/// assert_eq!(description.to_string(), "role admin, or scope grades:read and scope grades:write");
/// assert_eq!(description.alternatives().map(<[_]>::len).collect::<Vec<_>>(), [1, 2]);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    alternatives: Vec<Vec<Condition>>,
}

/// One condition of a [`Description`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// The token grants this scope.
    Scope(Cow<'static, str>),
    /// The caller holds this role.
    Role(Cow<'static, str>),
    /// The user has signed in like this (RFC 9470).
    StepUp(StepUp),
    /// Something else, in words.
    Other(Cow<'static, str>),
}

impl Description {
    /// Nothing beyond a valid token.
    pub fn anyone() -> Self {
        Self { alternatives: vec![Vec::new()] }
    }

    /// One of these is enough.
    pub fn any_of(descriptions: impl IntoIterator<Item = Self>) -> Self {
        Self { alternatives: descriptions.into_iter().flat_map(|each| each.alternatives).collect() }
    }

    /// All of these together.
    ///
    /// What would multiply out to more than 64 alternatives is told in words, as one [`Condition::Other`].
    pub fn all_of(descriptions: impl IntoIterator<Item = Self>) -> Self {
        descriptions.into_iter().fold(Self::anyone(), Self::and)
    }

    /// The alternatives, each with the conditions that hold together; without conditions, any caller will do.
    pub fn alternatives(&self) -> impl Iterator<Item = &[Condition]> {
        self.alternatives.iter().map(Vec::as_slice)
    }

    fn and(self, other: Self) -> Self {
        if self.alternatives.len() * other.alternatives.len() > MAX_ALTERNATIVES {
            return Condition::Other(format!("({self}) and ({other})").into()).into();
        }
        let pairs = self
            .alternatives
            .iter()
            .flat_map(|left| other.alternatives.iter().map(move |right| (left, right)));
        let joined = pairs.map(|(left, right)| {
            let mut both = left.clone();
            both.extend(right.iter().filter(|condition| !left.contains(condition)).cloned());
            both
        });
        Self { alternatives: joined.collect() }
    }
}

impl From<Condition> for Description {
    fn from(condition: Condition) -> Self {
        Self { alternatives: vec![vec![condition]] }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, alternative) in self.alternatives.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", or " })?;
            for (j, condition) in alternative.iter().enumerate() {
                write!(f, "{}{condition}", if j == 0 { "" } else { " and " })?;
            }
            if alternative.is_empty() {
                f.write_str("any caller")?;
            }
        }
        if self.alternatives.is_empty() { f.write_str("nobody") } else { Ok(()) }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(scope) => write!(f, "scope {scope}"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::StepUp(step_up) => step_up.fmt(f),
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl Serialize for Description {
    /// A list of alternatives, such as `[{"scopes":["grades:read"],"roles":["admin"]}]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.alternatives().map(Alternative))
    }
}

struct Alternative<'a>(&'a [Condition]);

impl Serialize for Alternative<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pick =
            |pick: fn(&Condition) -> Option<String>| self.0.iter().filter_map(pick).collect::<Vec<_>>();
        let kinds = [
            (
                "scopes",
                pick(|c| if let Condition::Scope(scope) = c { Some(scope.to_string()) } else { None }),
            ),
            ("roles", pick(|c| if let Condition::Role(role) = c { Some(role.to_string()) } else { None })),
            (
                "step_up",
                pick(|c| if let Condition::StepUp(step_up) = c { Some(step_up.to_string()) } else { None }),
            ),
            ("other", pick(|c| if let Condition::Other(words) = c { Some(words.to_string()) } else { None })),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (kind, conditions) in kinds {
            if !conditions.is_empty() {
                map.serialize_entry(kind, &conditions)?;
            }
        }
        map.end()
    }
}

const MAX_ALTERNATIVES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &'static str) -> Description {
        Condition::Scope(name.into()).into()
    }

    #[test]
    fn a_condition_is_told_once() {
        let twice = Description::all_of([scope("a"), scope("b"), scope("a")]);

        assert_eq!(twice.to_string(), "scope a and scope b");
        assert_eq!(serde_json::to_string(&twice).unwrap(), r#"[{"scopes":["a","b"]}]"#);
    }

    #[test]
    fn what_would_multiply_is_told_in_words() {
        let two = || Description::any_of([scope("a"), scope("b")]);

        let many = Description::all_of((0..12).map(|_| two()));

        assert!(many.alternatives().count() <= MAX_ALTERNATIVES);
        assert!(many.to_string().contains("scope a, or scope b"), "{many}");
    }

    #[test]
    fn no_alternative_is_nobody_and_no_condition_is_anyone() {
        assert_eq!(Description::any_of([]).to_string(), "nobody");
        assert_eq!(Description::all_of([]).to_string(), "any caller");
        assert_eq!(serde_json::to_string(&Description::anyone()).unwrap(), "[{}]");
    }
}
