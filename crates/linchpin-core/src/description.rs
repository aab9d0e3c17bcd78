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
    alternatives: Vec<Alternative>,
}

/// Conditions that hold together.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Alternative {
    conditions: Vec<Condition>,
    /// Whether restricted applications may meet them as well.
    admits_restricted: bool,
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
        Self::one(Vec::new())
    }

    fn one(conditions: Vec<Condition>) -> Self {
        Self { alternatives: vec![Alternative { conditions, admits_restricted: false }] }
    }

    /// One of these is enough.
    pub fn any_of(descriptions: impl IntoIterator<Item = Self>) -> Self {
        Self { alternatives: descriptions.into_iter().flat_map(|each| each.alternatives).collect() }
    }

    /// All of these together.
    ///
    /// What would multiply out to more than 64 alternatives is told in words, as one [`Condition::Other`].
    pub fn all_of(descriptions: impl IntoIterator<Item = Self>) -> Self {
        // Without any, it is everybody; the first is not joined to that, since everybody keeps restricted applications out.
        descriptions.into_iter().reduce(Self::and).unwrap_or_else(Self::anyone)
    }

    /// The same, where restricted applications may meet it as well (profile `open_edx`); a policy may still refuse them.
    #[must_use]
    pub fn admit_restricted(mut self) -> Self {
        self.alternatives.iter_mut().for_each(|alternative| alternative.admits_restricted = true);
        self
    }

    /// The alternatives, each with the conditions that hold together; without conditions, any caller will do.
    pub fn alternatives(&self) -> impl Iterator<Item = &[Condition]> {
        self.alternatives.iter().map(|alternative| alternative.conditions.as_slice())
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
            let mut conditions = left.conditions.clone();
            let new = right.conditions.iter().filter(|condition| !left.conditions.contains(condition));
            conditions.extend(new.cloned());
            // `AllOf` asks each member whether it lets restricted applications in.
            let admits_restricted = left.admits_restricted && right.admits_restricted;
            Alternative { conditions, admits_restricted }
        });
        Self { alternatives: joined.collect() }
    }
}

impl From<Condition> for Description {
    fn from(condition: Condition) -> Self {
        Self::one(vec![condition])
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, alternative) in self.alternatives.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", or " })?;
            for (j, condition) in alternative.conditions.iter().enumerate() {
                write!(f, "{}{condition}", if j == 0 { "" } else { " and " })?;
            }
            if alternative.conditions.is_empty() {
                f.write_str("any caller")?;
            }
            f.write_str(if alternative.admits_restricted { RESTRICTED_TOO } else { "" })?;
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
    /// A list of alternatives, such as `[{"scopes":["grades:read"],"roles":["admin"]}]`; `"restricted":true` stands in those
    /// which restricted applications may meet.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.alternatives)
    }
}

impl Serialize for Alternative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pick = |pick: fn(&Condition) -> Option<String>| {
            self.conditions.iter().filter_map(pick).collect::<Vec<_>>()
        };
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
        if self.admits_restricted {
            map.serialize_entry("restricted", &true)?;
        }
        map.end()
    }
}

/// What stands behind a policy or an alternative that lets restricted applications in.
pub(crate) const RESTRICTED_TOO: &str = " (restricted applications too)";
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

    #[test]
    fn an_alternative_says_whether_restricted_applications_may_meet_it() {
        let either = Description::any_of([scope("a").admit_restricted(), scope("b")]);
        let both = Description::all_of([either, scope("c").admit_restricted()]);

        assert_eq!(
            both.to_string(),
            "scope a and scope c (restricted applications too), or scope b and scope c"
        );
        assert_eq!(
            serde_json::to_string(&both).unwrap(),
            r#"[{"scopes":["a","c"],"restricted":true},{"scopes":["b","c"]}]"#
        );
    }
}
