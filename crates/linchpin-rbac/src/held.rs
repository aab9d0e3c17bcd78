//! How a token, or a store, says where a role is held.

use crate::{Context, context::EVERY};

/// Where a role is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held<'a> {
    /// In this context.
    In(&'a str),
    /// In every context.
    Everywhere,
    /// Without a context: that it is held is all there is to know.
    Bare,
}

impl<'a> Held<'a> {
    /// What stands behind the first colon; the empty text is no grant at all.
    pub(crate) fn in_context(text: &'a str) -> Option<Self> {
        match text {
            "" => None,
            EVERY => Some(Self::Everywhere),
            name => Some(Self::In(name)),
        }
    }

    /// Whether the text is about the role `name`, wherever it is held.
    ///
    /// The name has no colon, so that finding it before one is to split at the first.
    pub(crate) fn is_about(text: &str, name: &str) -> bool {
        // The byte behind the name first: most other roles have another one there, and need not be compared.
        text.as_bytes().get(name.len()).is_none_or(|&byte| byte == b':') && text.starts_with(name)
    }

    /// Where the role `name` is held, if that is the role which `text` is about.
    pub(crate) fn of(text: &'a str, name: &str) -> Option<Self> {
        if !Self::is_about(text, name) {
            return None;
        }
        text[name.len()..].strip_prefix(':').map_or(Some(Self::Bare), Self::in_context)
    }

    /// Whether that is enough for what is asked; `None` asks for any context.
    pub(crate) fn covers(self, asked: Option<Context<'_>>) -> bool {
        match (self, asked) {
            (_, None) => true,
            (Self::Everywhere, Some(context)) => !context.is_empty(),
            (Self::In(name), Some(context)) => context.equals(name),
            (Self::Bare, Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_split_at_its_first_colon() {
        assert_eq!(Held::of("staff:course-v1:a+b+c", "staff"), Some(Held::In("course-v1:a+b+c")));
        assert_eq!(Held::of("staff::x", "staff"), Some(Held::In(":x")));
        assert_eq!(Held::of("staff:*", "staff"), Some(Held::Everywhere));
        assert_eq!(Held::of("staff", "staff"), Some(Held::Bare));
        for none in
            ["staff:", "", ":", ":x", "staffer", "staffer:x", "Staff:x", "stаff:x", "x:staff", " staff:x"]
        {
            assert_eq!(Held::of(none, "staff"), None, "{none}");
        }
        assert!(Held::is_about("staff:", "staff") && !Held::is_about("staf", "staff"));
    }

    #[test]
    fn only_a_star_by_itself_is_every_context() {
        let asked = Some(Context::text("physics"));

        assert!(Held::Everywhere.covers(asked) && Held::Everywhere.covers(Some(Context::EVERY)));
        for text in ["**", "* ", "physics*", "*physics", "phys?cs"] {
            assert!(!Held::in_context(text).unwrap().covers(asked), "{text}");
        }
        for held in [Held::Everywhere, Held::In("physics"), Held::Bare] {
            assert!(held.covers(None) && !held.covers(Some(Context::text(""))), "{held:?}");
        }
        assert!(!Held::In("physics").covers(Some(Context::EVERY)));
    }
}
