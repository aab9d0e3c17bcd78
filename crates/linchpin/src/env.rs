//! The reader of `AUTH_*`: every problem is reported, under the variable's name.

use std::{collections::BTreeMap, ffi::OsString};

use linchpin_core::ConfigError;

use crate::{
    Auth, AuthBuilder, SETTINGS, Setting,
    reader::{Quoted, Settings, configure},
};

/// Reads the variables and builds what they say.
pub(crate) fn auth(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Auth, ConfigError> {
    let mut vars = Vars::of(vars);
    if let Some(path) = vars.text(CONFIG) {
        return from_file(&path, vars);
    }
    if vars.problems_of(CONFIG) > 0 {
        return Err(vars.problems);
    }
    let builder = builder(&mut vars);
    vars.complain_about_the_rest();

    let mut problems = vars.problems;
    match builder.build() {
        Ok(auth) => problems.check().map(|()| auth),
        Err(error) => {
            // A variable that could not be read was left out, and the builder may have missed it: once is enough.
            let by_variable = |setting: &str| {
                SETTINGS.iter().find(|known| known.builder == setting).map(|known| known.name.to_owned())
            };
            for found in error.rename(by_variable).problems() {
                if !problems.problems().iter().any(|told| is_about(&told.setting, &found.setting)) {
                    problems.report(&found.setting, &found.problem, &found.fix);
                }
            }
            Err(problems)
        }
    }
}

/// Reads the file in place of all other variables: two places that say different things about one issuer are a mistake.
fn from_file(path: &str, mut vars: Vars) -> Result<Auth, ConfigError> {
    for Setting { name, .. } in SETTINGS {
        if vars.unread.remove(*name).is_some_and(|value| !value.is_empty()) {
            let fix = "unset it and say it in the file, or unset AUTH_CONFIG";
            vars.problems.report(*name, "is set, and AUTH_CONFIG as well", fix);
        }
    }
    vars.complain_about_the_rest();
    let mut problems = vars.problems;
    let auth = problems.take(read_file(path));
    problems.check()?;
    auth.ok_or_else(ConfigError::collect)
}

#[cfg(feature = "config-file")]
fn read_file(path: &str) -> Result<Auth, ConfigError> {
    crate::config_file::auth(path.as_ref())
}

#[cfg(not(feature = "config-file"))]
fn read_file(_: &str) -> Result<Auth, ConfigError> {
    let problem = "is set, and this service was built without files";
    Err(ConfigError::single(CONFIG, problem, "enable the feature `config-file` of linchpin, or unset it"))
}

/// Whether a problem with one variable explains one with the other: clients stand in for an audience.
fn is_about(told: &str, found: &str) -> bool {
    told == found || (told == "AUTH_CLIENT_IDS" && found == "AUTH_AUDIENCE")
}

fn builder(vars: &mut Vars) -> AuthBuilder {
    let issuer = vars.issuer();
    let has = |vars: &Vars, name: &str| vars.unread.get(name).is_some_and(|value| !value.is_empty());
    if !has(vars, "AUTH_AUDIENCE") && !has(vars, "AUTH_CLIENT_IDS") {
        let fix = "set it to the `aud` that the issuer puts into tokens for this service, \
                   or set AUTH_CLIENT_IDS if it puts none";
        vars.problems.report("AUTH_AUDIENCE", "is not set", fix);
    }
    let mut auth = configure(vars, Auth::issuer(issuer));
    if let Some(realm) = vars.text("AUTH_REALM") {
        auth = auth.realm(realm);
    }
    if vars.flag("AUTH_NAME_ROLES") == Some(true) {
        auth = auth.name_roles();
    }
    auth
}

/// The variables of ours that have not been read yet, and what was wrong with those that have.
struct Vars {
    unread: BTreeMap<String, OsString>,
    problems: ConfigError,
}

impl Vars {
    fn of(vars: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let unread = vars.filter_map(ours).filter(|(name, _)| name.starts_with("AUTH_")).collect();
        Self { unread, problems: ConfigError::collect() }
    }

    fn issuer(&mut self) -> String {
        let name = "AUTH_ISSUER";
        let issuer = self.text(name);
        if issuer.is_none() && self.problems_of(name) == 0 {
            self.problems.report(
                name,
                "is not set",
                "set it to the issuer's URL, for example https://id.example",
            );
        }
        issuer.unwrap_or_default()
    }

    fn problems_of(&self, name: &str) -> usize {
        self.problems.problems().iter().filter(|problem| problem.setting == name).count()
    }

    /// What is named like ours and is not read: a spelling mistake would otherwise be a silent default.
    fn complain_about_the_rest(&mut self) {
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

const CONFIG: &str = "AUTH_CONFIG";
