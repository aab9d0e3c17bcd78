//! The reader of the file that `AUTH_CONFIG` names: one issuer or several, with all of their settings.
//!
//! Members are named like the variables, in lower case and without `AUTH_`. Every problem is reported, under the file's name
//! and the place in it.

use std::path::Path;

use linchpin_core::ConfigError;
use linchpin_jwt::{Algorithm, Algorithms, Profile};

use crate::{
    Auth, AuthBuilder, SETTINGS,
    config_tree::Tree,
    reader::{Quoted, Settings, configure},
};

/// Reads the file and builds what it says.
pub(crate) fn auth(path: &Path) -> Result<Auth, ConfigError> {
    let tree = Tree::read(path)?;
    let file = path.display().to_string();
    let directory = path.parent().unwrap_or(Path::new(""));

    let mut top = Table::new(format!("{file}: "), directory, tree);
    let realm = top.text("realm");
    let issuers = top.tables("issuer");
    top.complain_about_the_rest(&["realm", "issuer"]);
    let mut problems = top.problems;

    let mut builders = Vec::new();
    for (index, tree) in issuers.into_iter().enumerate() {
        let mut table = Table::new(format!("{file}: issuer[{index}]."), directory, tree);
        builders.push(issuer(&mut table));
        problems.absorb(table.problems);
    }
    if builders.is_empty() {
        problems.check()?;
        return Err(ConfigError::single(
            format!("{file}: issuer"),
            "is missing",
            "declare at least one, under [[issuer]]",
        ));
    }

    let several = Auth::several(builders);
    let several = match realm {
        Some(realm) => several.realm(realm),
        None => several,
    };
    match several.build() {
        Ok(auth) => problems.check().map(|()| auth),
        Err(error) => {
            for found in error.problems() {
                let place = match found.setting.split_once("].") {
                    Some((issuer, setting)) => format!("{file}: {issuer}].{}", member_of(setting)),
                    None => format!("{file}: {}", found.setting),
                };
                // A value that could not be read was left out, and the builder may have missed it: once is enough.
                if !problems.problems().iter().any(|told| is_about(&told.setting, &place)) {
                    problems.report(place, &found.problem, &found.fix);
                }
            }
            Err(problems)
        }
    }
}

/// Whether a problem in one place explains one in the other.
fn is_about(told: &str, found: &str) -> bool {
    let explains = |member: &str, explained: &str| {
        told.strip_suffix(member).is_some_and(|issuer| found.strip_suffix(explained) == Some(issuer))
    };
    told == found
        || explains("].client_ids", "].audience")
        // Whatever of the name is wrong, there is no issuer then.
        || PROVIDERS.iter().flat_map(|provider| provider.members).any(|member| {
            explains(&format!("].{member}"), "].issuer")
        })
        || explains("].provider", "].issuer")
}

/// The name in the file of what a builder reports.
fn member_of(setting: &str) -> String {
    match setting {
        "pem" => "pem_files".to_owned(),
        "jwk_set" => "jwks".to_owned(),
        "secret" => "secret_file".to_owned(),
        _ => SETTINGS
            .iter()
            .find(|known| known.builder == setting)
            .map_or_else(|| setting.to_owned(), |known| member(known.name)),
    }
}

/// The name in the file of a variable's setting.
fn member(variable: &str) -> String {
    variable.strip_prefix("AUTH_").unwrap_or(variable).to_ascii_lowercase()
}

/// A provider that is known by name, and the members that make its issuer.
struct Provider {
    name: &'static str,
    members: &'static [&'static str],
}

const PROVIDERS: &[Provider] = &[
    Provider { name: "keycloak", members: &["base", "realm"] },
    Provider { name: "auth0", members: &["domain"] },
    Provider { name: "entra_id", members: &["tenants"] },
    Provider { name: "okta", members: &["domain", "server"] },
    Provider { name: "cognito", members: &["region", "user_pool"] },
    Provider { name: "google", members: &[] },
    Provider { name: "open_edx", members: &["issuer"] },
];

/// The members of every issuer beside those that variables have too.
const KEYS: [&str; 3] = ["pem_files", "jwks", "secret_file"];

fn issuer(table: &mut Table<'_>) -> AuthBuilder {
    let provider = table.provider();
    let name = provider.map_or("", |provider| provider.name);
    let auth = match name {
        "keycloak" => Auth::keycloak(table.required("base"), table.required("realm")),
        "auth0" => Auth::auth0(table.required("domain")),
        "entra_id" => {
            if !table.has("tenants") {
                table.report(
                    "tenants",
                    "are missing".to_owned(),
                    "list the ids of the tenants whose users may call",
                );
            }
            Auth::entra_id_tenants(Vec::<String>::new())
        }
        "okta" => Auth::okta(table.required("domain"), table.required("server")),
        "cognito" => Auth::cognito(table.required("region"), table.required("user_pool")),
        "google" => Auth::google(),
        "open_edx" => {
            if !KEYS.iter().any(|member| table.has(member)) {
                let fix = "give the LMS's JWT_PUBLIC_SIGNING_JWK_SET, or pem_files: it publishes no metadata";
                table.report("jwks", "are missing".to_owned(), fix);
            }
            Auth::issuer(table.required("issuer")).profile(Profile::OpenEdx)
        }
        // A provider that is not known has been told; what else it may need, nobody knows.
        _ if table.provider_is_unknown => Auth::issuer(table.text("issuer").unwrap_or_default()),
        _ => Auth::issuer(table.required("issuer")),
    };
    let mut auth = configure(table, auth);
    for (index, path) in table.list("pem_files").iter().enumerate() {
        if let Some(pem) = table.pem(&format!("pem_files[{index}]"), path) {
            auth = auth.pem(pem);
        }
    }
    if let Some(jwks) = table.json("jwks") {
        auth = auth.jwk_set(jwks);
    }
    let fix = "name a file with the secret that this process may read";
    if let Some(mut secret) = table.file("secret_file", fix) {
        let line_ends = secret.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        secret.truncate(secret.len() - line_ends);
        auth = auth.secret(secret);
    }

    let mut known: Vec<String> = SETTINGS.iter().map(|setting| member(setting.name)).collect();
    known.retain(|member| !matches!(&**member, "realm" | "config" | "issuer"));
    known.extend(KEYS.map(str::to_owned));
    known.push("provider".to_owned());
    match provider {
        Some(provider) => known.extend(provider.members.iter().map(|&member| member.to_owned())),
        None => known.push("issuer".to_owned()),
    }
    let known: Vec<&str> = known.iter().map(|member| &**member).collect();
    if table.provider_is_unknown {
        // What makes the issuer of the provider that was meant is not an unknown member.
        table.members.retain(|(name, _)| !PROVIDERS.iter().any(|other| other.members.contains(&&**name)));
    }
    table.complain_about_the_rest(&known);
    auth
}

/// A table of the file whose members have not all been read, and what was wrong with those that have.
struct Table<'p> {
    /// What stands before a member's name in an error.
    place: String,
    /// Where files stand that are named without a directory.
    directory: &'p Path,
    members: Vec<(String, Tree)>,
    provider_is_unknown: bool,
    problems: ConfigError,
}

impl<'p> Table<'p> {
    fn new(place: String, directory: &'p Path, tree: Tree) -> Self {
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

    fn has(&self, member: &str) -> bool {
        self.members.iter().any(|(name, _)| name == member)
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
    fn required(&mut self, setting: &str) -> String {
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

    fn provider(&mut self) -> Option<&'static Provider> {
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

    fn tables(&mut self, setting: &str) -> Vec<Tree> {
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
    fn json(&mut self, setting: &str) -> Option<String> {
        match self.take(setting)? {
            Tree::Text(json) => Some(json),
            table @ Tree::Table(_) => serde_json::to_string(&table).ok(),
            other => {
                self.expected(setting, &other, "a JWK Set, as a table or as a text of JSON");
                None
            }
        }
    }

    fn pem(&mut self, place: &str, path: &str) -> Option<String> {
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
    fn complain_about_the_rest(&mut self, known: &[&str]) {
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
