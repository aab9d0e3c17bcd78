//! One table of the file, read member by member.

use std::path::Path;

use linchpin_core::ConfigError;
use linchpin_jwt::{Algorithm, Algorithms};

use super::{PROVIDERS, Provider, member, tree::Tree};
use crate::reader::{Quoted, Settings};

/// A table of the file whose members have not all been read, and what was wrong with those that have.
pub(super) struct Table<'p> {
    /// What stands before a member's name in an error.
    place: String,
    /// Where files stand that are named without a directory.
    directory: &'p Path,
    members: Vec<(String, Tree)>,
    pub(super) provider_is_unknown: bool,
    pub(super) problems: ConfigError,
}

impl<'p> Table<'p> {
    pub(super) fn new(place: String, directory: &'p Path, tree: Tree) -> Self {
        let mut table = Self {
            place,
            directory,
            members: Vec::new(),
            provider_is_unknown: false,
            problems: ConfigError::collect(),
        };
        match tree {
            Tree::Table(members) => table.members = members,
            other => {
                let place = table.place.trim_end_matches([' ', ':', '.']).to_owned();
                table.problems.report(place, format!("is {}", other.kind()), "write a table of settings");
            }
        }
        table
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.members.iter().any(|(name, _)| name == member)
    }

    /// Leaves members unread, and says nothing of them.
    pub(super) fn forget(&mut self, which: impl Fn(&str) -> bool) {
        self.members.retain(|(name, _)| !which(name));
    }

    /// The value of a member, which stands there once.
    fn take(&mut self, setting: &str) -> Option<Tree> {
        let member = member(setting);
        let (mut found, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.members).into_iter().partition(|(name, _)| *name == member);
        self.members = rest;
        if found.len() > 1 {
            self.report(&member, "is given twice".to_owned(), "give it once");
            return None;
        }
        found.pop().map(|(_, value)| value)
    }

    fn expected(&mut self, setting: &str, found: &Tree, expected: &str) {
        self.report(setting, format!("is {}", found.kind()), &format!("give {expected}"));
    }

    fn checked(&mut self, setting: &str, text: String) -> Option<String> {
        if text.is_empty() {
            self.report(setting, "is empty".to_owned(), "give a value, or leave it out");
        } else if text.trim() != text {
            self.report(
                setting,
                "begins or ends with white space".to_owned(),
                "remove it, often a stray line end",
            );
        } else {
            return Some(text);
        }
        None
    }

    /// The value of a text without which there is no issuer; what is wrong has been reported if it is empty.
    pub(super) fn required(&mut self, setting: &str) -> String {
        if !self.has(setting) {
            let fix = match setting {
                "issuer" => "give the `iss` of the tokens, usually the issuer's URL, or a provider",
                "base" => "give the URL below which the realms are, for example https://sso.example",
                "realm" => "give the name of the realm",
                "domain" => "give the domain of the organisation, for example school.eu.auth0.com",
                "server" => "give the id of the authorization server, for example default",
                "region" => "give the region of the user pool, for example eu-west-1",
                _ => "give the id of the user pool, for example eu-west-1_Ab1Cd2Ef3",
            };
            self.report(setting, "is missing".to_owned(), fix);
        }
        self.text(setting).unwrap_or_default()
    }

    pub(super) fn provider(&mut self) -> Option<&'static Provider> {
        let name = self.text("provider")?;
        let provider = PROVIDERS.iter().find(|provider| provider.name == name);
        if provider.is_none() {
            self.provider_is_unknown = true;
            let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
            let fix = format!(
                "did you mean {:?}? leave it out for any other, and give the issuer",
                nearest(&name, &names)
            );
            self.report("provider", format!("is {}, which is not known", Quoted(&name)), &fix);
        }
        provider
    }

    pub(super) fn tables(&mut self, setting: &str) -> Vec<Tree> {
        match self.take(setting) {
            None => Vec::new(),
            Some(Tree::List(tables)) => tables,
            Some(other) => {
                self.expected(setting, &other, "a list of tables: write [[issuer]] before each");
                Vec::new()
            }
        }
    }

    /// A part that is JSON: as a text, or as a table of the file's own language.
    pub(super) fn json(&mut self, setting: &str) -> Option<String> {
        match self.take(setting)? {
            Tree::Text(json) => Some(json),
            table @ Tree::Table(_) => serde_json::to_string(&table).ok(),
            other => {
                self.expected(setting, &other, "a JWK Set, as a table or as a text of JSON");
                None
            }
        }
    }

    pub(super) fn pem(&mut self, place: &str, path: &str) -> Option<String> {
        let fix = "name a PEM file that this process may read";
        let pem = self.read_file(place, path, fix)?;
        let not_text = |_| self.report(place, "is not text".to_owned(), fix);
        String::from_utf8(pem).map_err(not_text).ok()
    }

    /// Reads a file. Its name is not told: whoever pastes a secret where the name of its file belongs shall not find it in a
    /// log.
    fn read_file(&mut self, place: &str, path: &str, fix: &str) -> Option<Vec<u8>> {
        let read = std::fs::read(self.directory.join(path));
        read.map_err(|error| self.report(place, format!("cannot be read: {error}"), fix)).ok()
    }

    /// Whatever has not been read is a mistake: a misspelt setting would otherwise be a silent default.
    pub(super) fn complain_about_the_rest(&mut self, known: &[&str]) {
        for (name, _) in std::mem::take(&mut self.members) {
            let provider_members = PROVIDERS.iter().flat_map(|provider| provider.members);
            if provider_members.chain(&["issuer"]).any(|member| *member == name) && !known.contains(&&*name) {
                let fix = "leave it out, or name the provider that it belongs to";
                self.problems.report(format!("{}{name}", self.place), "has no meaning here", fix);
            } else {
                let shown = name.chars().take(64).collect::<String>().escape_debug().to_string();
                let fix = format!("did you mean {}?", nearest(&name, known));
                self.problems.report(format!("{}{shown}", self.place), "is not a setting", fix);
            }
        }
    }
}

impl Settings for Table<'_> {
    fn report(&mut self, setting: &str, problem: String, fix: &str) {
        self.problems.report(format!("{}{}", self.place, member(setting)), problem, fix);
    }

    fn text(&mut self, setting: &str) -> Option<String> {
        match self.take(setting)? {
            Tree::Text(text) => self.checked(setting, text),
            other => {
                self.expected(setting, &other, "a text");
                None
            }
        }
    }

    fn list(&mut self, setting: &str) -> Vec<String> {
        let items = match self.take(setting) {
            None => return Vec::new(),
            Some(Tree::List(items)) => items,
            Some(one @ Tree::Text(_)) => vec![one],
            Some(other) => {
                self.expected(setting, &other, "a list of texts");
                return Vec::new();
            }
        };
        if items.is_empty() {
            self.report(setting, "is an empty list".to_owned(), "list at least one, or leave it out");
        }
        let mut texts = Vec::new();
        for item in items {
            match item {
                Tree::Text(text) => texts.extend(self.checked(setting, text)),
                other => self.report(setting, format!("holds {}", other.kind()), "give a list of texts"),
            }
        }
        texts
    }

    fn flag(&mut self, setting: &str) -> Option<bool> {
        match self.take(setting)? {
            Tree::Bool(flag) => Some(flag),
            other => {
                self.expected(setting, &other, "true or false");
                None
            }
        }
    }

    fn whole(&mut self, setting: &str, fix: &str) -> Option<u64> {
        let problem = match self.take(setting)? {
            Tree::Whole(number) => match u64::try_from(number) {
                Ok(number) => return Some(number),
                Err(_) => format!("is {number}"),
            },
            other => format!("is {}", other.kind()),
        };
        self.report(setting, problem, fix);
        None
    }

    fn file(&mut self, setting: &str, fix: &str) -> Option<Vec<u8>> {
        let path = self.text(setting)?;
        self.read_file(setting, &path, fix)
    }

    /// Keys that stand in the file may be shared secrets.
    fn supported_algorithms(&self) -> Algorithms {
        Algorithm::ALL.into()
    }
}

/// The known name that takes the fewest changes.
fn nearest<'k>(name: &str, known: &[&'k str]) -> &'k str {
    known.iter().copied().min_by_key(|known| distance(name, known)).unwrap_or_default()
}

/// How many characters have to be added, left out or replaced (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_takes_the_fewest_changes() {
        let known = ["audience", "algorithms", "issuer", "leeway"];

        for (name, expected) in
            [("audiences", "audience"), ("aud", "audience"), ("algs", "algorithms"), ("leaway", "leeway")]
        {
            assert_eq!(nearest(name, &known), expected);
        }
        assert_eq!([distance("", "abc"), distance("abc", ""), distance("kitten", "sitting")], [3, 3, 3]);
    }
}
