//! Variables of the environment, read one by one.

use std::{collections::BTreeMap, ffi::OsString};

use linchpin_core::ConfigError;

use crate::reader::{Quoted, Settings};

/// Variables that have not been read yet, and what was wrong with those that have.
pub(crate) struct Vars {
    pub(crate) unread: BTreeMap<String, OsString>,
    pub(crate) problems: ConfigError,
}

impl Vars {
    pub(crate) fn starting_with(prefix: &str, vars: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let unread = vars.filter_map(ours).filter(|(name, _)| name.starts_with(prefix)).collect();
        Self { unread, problems: ConfigError::collect() }
    }

    pub(crate) fn problems_of(&self, name: &str) -> usize {
        self.problems.problems().iter().filter(|problem| problem.setting == name).count()
    }

    /// What is named like ours and is not read: a spelling mistake would otherwise be a silent default.
    pub(crate) fn complain_about_the_rest(&mut self) {
        for name in std::mem::take(&mut self.unread).into_keys() {
            tracing::warn!(
                variable = name,
                "a variable that starts with AUTH_ has no meaning here; is it misspelt?"
            );
        }
    }
}

impl Settings for Vars {
    fn report(&mut self, variable: &str, problem: String, fix: &str) {
        self.problems.report(variable, problem, fix);
    }

    /// The value of a variable; an empty one counts as unset, as deployment templates leave them.
    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.unread.remove(name).filter(|value| !value.is_empty())?;
        match value.into_string() {
            Ok(text) if text.trim() == text => Some(text),
            Ok(_) => {
                self.problems.report(
                    name,
                    "begins or ends with white space",
                    "remove it, often a stray line end",
                );
                None
            }
            Err(_) => {
                self.problems.report(name, "is not UTF-8", "set it to text");
                None
            }
        }
    }

    fn list(&mut self, name: &str) -> Vec<String> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
        if items.iter().any(String::is_empty) {
            self.problems.report(
                name,
                format!("is {}, with an empty item", Quoted(&text)),
                "remove the extra comma",
            );
            return Vec::new();
        }
        items
    }

    fn whole(&mut self, name: &str, fix: &str) -> Option<u64> {
        self.parse(name, fix)
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.parse(name, "give true or false")
    }

    fn file(&mut self, name: &str, fix: &str) -> Option<Vec<u8>> {
        let path = self.text(name)?;
        let read = std::fs::read(&path);
        read.map_err(|error| {
            let problem = format!("is {}, which cannot be read: {error}", Quoted(&path));
            self.report(name, problem, fix);
        })
        .ok()
    }
}
