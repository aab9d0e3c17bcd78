//! Whose code answered.

use std::str::FromStr;

use linchpin_core::ConfigError;

use crate::network::shortened;

/// Which team owns which routes or modules: the longest prefix that matches, or the catch-all `*`.
///
/// A prefix ends where a part ends: `/grades` owns `/grades` and `/grades/{id}`, not `/gradesheet`, and `shop::cart` owns
/// `shop::cart::view`. As text, each line is a prefix and an owner, parted by white space; `#` begins a comment.
///
/// # Examples
///
/// ```
/// use linchpin_trace::CodeOwners;
///
/// let owners: CodeOwners = "\
///     ## who is called at night
///     *            platform
///     /grades      @grading
///     shop::cart   @commerce
/// ".parse()?;
///
/// assert_eq!(owners.owner("/grades/{id}"), Some("@grading"));
/// assert_eq!(owners.owner("/gradesheet"), Some("platform"));
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CodeOwners {
    /// The longest prefix first.
    entries: Vec<(Box<str>, Box<str>)>,
    catch_all: Option<Box<str>>,
}

impl CodeOwners {
    /// Owners from code, as pairs of prefix and owner.
    ///
    /// # Errors
    ///
    /// A prefix that is neither a route, a module nor `*`, one that is there twice, or an owner that is no short name.
    pub fn of<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let mut owners = Self::default();
        for (prefix, owner) in entries {
            owners.add(prefix, owner, &mut problems);
        }
        problems.check().map(|()| owners.sorted())
    }

    /// The owner of a route's template or a module's path.
    pub fn owner(&self, of: &str) -> Option<&str> {
        let owns = |prefix: &str| {
            let rest = of.strip_prefix(prefix);
            prefix == "/" && of.starts_with('/')
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with("::"))
        };
        let entry = self.entries.iter().find(|(prefix, _)| owns(prefix)).map(|(_, owner)| owner);
        entry.or(self.catch_all.as_ref()).map(|owner| &**owner)
    }

    fn add(&mut self, prefix: &str, owner: &str, problems: &mut ConfigError) {
        let mut report = |problem: &str, fix: &str| {
            problems.report("code owners", format!("{problem} ({:?})", shortened(prefix)), fix);
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte);
        if !(1..=64).contains(&owner.len()) || !owner.bytes().all(is_name) {
            return report("name an owner that is no name", "use at most 64 letters, digits and -_./@");
        }
        if prefix == "*" {
            if self.catch_all.replace(owner.into()).is_some() {
                report("name the catch-all twice", "keep one line with *");
            }
            return;
        }
        let is_route = prefix.starts_with('/') && (prefix == "/" || !prefix.ends_with('/'));
        let is_module = prefix.split("::").all(|part| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && part.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
        });
        if prefix.contains('*') || !(is_route || is_module) {
            return report(
                "hold what is neither a route nor a module",
                "write /grades or shop::cart, without wildcards and a slash at the end",
            );
        }
        if self.entries.iter().any(|(known, _)| &**known == prefix) {
            return report("name a prefix twice", "keep one of the lines");
        }
        self.entries.push((prefix.into(), owner.into()));
    }

    fn sorted(mut self) -> Self {
        self.entries.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        self
    }
}

impl FromStr for CodeOwners {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let mut owners = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                [] => {}
                [prefix, owner] => owners.add(prefix, owner, &mut problems),
                _ => problems.report(
                    "code owners",
                    format!("have a line {} that is not a prefix and one owner", number + 1),
                    "write, for example, /grades @grading",
                ),
            }
        }
        problems.check().map(|()| owners.sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_ends_at_a_part_owns() {
        let owners = CodeOwners::of([
            ("/grades", "red"),
            ("/grades/export", "blue"),
            ("shop", "green"),
            ("shop::cart", "red"),
        ])
        .unwrap();

        let rows = [
            ("/grades", Some("red")),
            ("/grades/{id}", Some("red")),
            ("/grades/export/{id}", Some("blue")),
            ("/grades/exports", Some("red")),
            ("/gradesheet", None),
            ("/", None),
            ("shop::cart::view", Some("red")),
            ("shop::cart_2", Some("green")),
            ("sho", None),
        ];
        for (of, owner) in rows {
            assert_eq!(owners.owner(of), owner, "{of}");
        }
    }

    #[test]
    fn the_catch_all_counts_only_when_nothing_matches() {
        let owners: CodeOwners = "* rest\n/a one # why".parse().unwrap();

        assert_eq!((owners.owner("/a/b"), owners.owner("/b")), (Some("one"), Some("rest")));
        assert_eq!("".parse::<CodeOwners>().unwrap().owner("/a"), None);
    }

    #[test]
    fn every_mistake_is_reported() {
        let text = "/a\n/b one two\n/c/ one\n/d* one\nx-y one\n* one\n* two\n/e one\n/e two\n/f o\u{7f}ne\n";

        let error = text.parse::<CodeOwners>().unwrap_err();

        assert_eq!(error.problems().len(), 8, "{error}");
    }
}
