//! In which contexts a list may be seen.

use std::{collections::BTreeSet, fmt};

use linchpin_core::{Reason, Refusal};

use crate::{Context, Uuid, held::Held};

/// The contexts in which a feature role is held: what a listing is narrowed down to.
///
/// All, some and none are three cases, so that an empty list cannot be taken for "no restriction".
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Contexts {
    /// Every context: the list is not narrowed down.
    All,
    /// These contexts, at least one.
    Only(ContextNames),
    /// No context: the list is empty. A role that is held without a context ends up here.
    None,
}

impl Contexts {
    pub(crate) fn of<'a>(held: impl Iterator<Item = Held<'a>>) -> Self {
        let mut names = BTreeSet::new();
        for held in held {
            match held {
                Held::Everywhere => return Self::All,
                Held::In(name) => {
                    names.insert(name);
                }
                Held::Bare => {}
            }
        }
        if names.is_empty() {
            return Self::None;
        }
        Self::Only(ContextNames(names.into_iter().map(Into::into).collect()))
    }

    /// Whether this context is among them.
    pub fn contains<'a>(&self, context: impl Into<Context<'a>>) -> bool {
        let context = context.into();
        match self {
            Self::All => !context.is_empty(),
            Self::Only(names) => names.iter().any(|name| context.equals(name)),
            Self::None => false,
        }
    }

    /// The same, for a listing that refuses those who would see nothing, instead of an empty page.
    ///
    /// # Errors
    ///
    /// [`InsufficientRole`](Reason::InsufficientRole) for [`None`](Self::None).
    pub fn require_some(self) -> Result<Self, Refusal> {
        if self == Self::None { Err(Reason::InsufficientRole.into()) } else { Ok(self) }
    }
}

/// The names of contexts, at least one, sorted, each once, as the issuer writes them.
#[derive(Clone, Eq, PartialEq)]
pub struct ContextNames(Vec<Box<str>>);

#[expect(clippy::len_without_is_empty, reason = "there is always one")]
impl ContextNames {
    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Those that are UUIDs, however they are written, to compare with a column of that type; the others name no such row.
    pub fn uuids(&self) -> impl Iterator<Item = Uuid> {
        self.iter().filter_map(|name| name.parse().ok())
    }
}

impl fmt::Debug for ContextNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextNames({})", self.0.len())
    }
}
