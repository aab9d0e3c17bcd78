//! The reader of `AUTH_*`: every problem is reported, under the variable's name.

use std::{collections::BTreeMap, ffi::OsString, fmt, str::FromStr, time::Duration};

use linchpin_core::ConfigError;
use linchpin_jwt::{Algorithm, Algorithms};

use crate::{Auth, AuthBuilder, SETTINGS};

/// Reads the variables and builds what they say.
pub(crate) fn auth(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Auth, ConfigError> {
    let mut vars = Vars::of(vars);
    let builder = configure(&mut vars);
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

/// Whether a problem with one variable explains one with the other: clients stand in for an audience.
fn is_about(told: &str, found: &str) -> bool {
    told == found || (told == "AUTH_CLIENT_IDS" && found == "AUTH_AUDIENCE")
}

fn configure(vars: &mut Vars) -> AuthBuilder {
    let mut auth = Auth::issuer(vars.issuer());
    let (audiences, client_ids) = (vars.list("AUTH_AUDIENCE"), vars.list("AUTH_CLIENT_IDS"));
    let told = vars.problems_of("AUTH_AUDIENCE") + vars.problems_of("AUTH_CLIENT_IDS") > 0;
    if audiences.is_empty() && client_ids.is_empty() && !told {
        let fix = "set it to the `aud` that the issuer puts into tokens for this service, \
                   or set AUTH_CLIENT_IDS if it puts none";
        vars.problems.report("AUTH_AUDIENCE", "is not set", fix);
    }
    for audience in audiences {
        auth = auth.audience(audience);
    }
    auth = auth.client_ids(client_ids);
    if let Some(url) = vars.text("AUTH_JWKS_URL") {
        auth = auth.jwks_url(url);
    }
    if let Some(profile) = vars.parse("AUTH_PROFILE", "give generic, rfc9068 or open_edx") {
        auth = auth.profile(profile);
    }
    if let Some(algorithms) = vars.algorithms() {
        auth = auth.algorithms(algorithms);
    }
    if let Some(leeway) = vars.seconds("AUTH_LEEWAY") {
        auth = auth.leeway(leeway);
    }
    if let Some(max_age) = vars.seconds("AUTH_MAX_AGE") {
        auth = auth.max_age(max_age);
    }
    if let Some(max_lifetime) = vars.seconds("AUTH_MAX_LIFETIME") {
        auth = auth.max_lifetime(max_lifetime);
    }
    if let Some(roles) = vars.parse("AUTH_ROLES_CLAIM", "give a name such as roles, or /realm_access/roles") {
        auth = auth.roles(roles);
    }
    if let Some(max) = vars.number("AUTH_MAX_TOKEN_BYTES") {
        auth = auth.max_token_bytes(max);
    }
    if let Some(realm) = vars.text("AUTH_REALM") {
        auth = auth.realm(realm);
    }
    if let Some(refresh) = vars.seconds("AUTH_JWKS_REFRESH") {
        auth = auth.jwks_refresh(refresh);
    }
    if let Some(max_stale) = vars.seconds("AUTH_JWKS_MAX_STALE") {
        auth = auth.jwks_max_stale(max_stale);
    }
    if let Some(deadline) = vars.seconds("AUTH_JWKS_FETCH_DEADLINE") {
        auth = auth.jwks_fetch_deadline(deadline);
    }
    if let Some(max_bytes) = vars.number("AUTH_JWKS_MAX_BYTES") {
        auth = auth.jwks_max_bytes(max_bytes);
    }
    if let Some(max_keys) = vars.number("AUTH_JWKS_MAX_KEYS") {
        auth = auth.jwks_max_keys(max_keys);
    }
    if let Some(interval) = vars.seconds("AUTH_JWKS_UNKNOWN_KEY_INTERVAL") {
        auth = auth.jwks_unknown_key_interval(interval);
    }
    for host in vars.list("AUTH_ALLOW_HTTP_HOSTS") {
        auth = auth.allow_http_host(host);
    }
    if let Some(pem) = vars.file("AUTH_CA_FILE") {
        auth = auth.ca_pem(pem);
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

    fn parse<T: FromStr>(&mut self, name: &str, fix: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|_| self.problems.report(name, format!("is {}", Quoted(&text)), fix)).ok()
    }

    fn number(&mut self, name: &str) -> Option<usize> {
        let number = self.parse(name, "give a whole number above zero")?;
        if number == 0 {
            self.problems.report(name, "is zero", "give a whole number above zero");
            return None;
        }
        Some(number)
    }

    fn seconds(&mut self, name: &str) -> Option<Duration> {
        self.parse(name, "give whole seconds, for example 30").map(Duration::from_secs)
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

    fn algorithms(&mut self) -> Option<Algorithms> {
        let name = "AUTH_ALGORITHMS";
        let items = self.list(name);
        let algorithms: Result<Algorithms, String> =
            items.iter().map(|item| item.parse::<Algorithm>().map_err(|_| item.clone())).collect();
        match algorithms {
            Ok(algorithms) => Some(algorithms).filter(|algorithms| !algorithms.is_empty()),
            Err(unknown) => {
                let problem = format!("names {}, which is not supported", Quoted(&unknown));
                self.problems.report(name, problem, format!("choose among {}", published_algorithms()));
                None
            }
        }
    }

    fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = self.text(name)?;
        let read = std::fs::read(&path);
        read.map_err(|error| {
            let problem = format!("is {}, which cannot be read: {error}", Quoted(&path));
            self.problems.report(name, problem, "name a PEM file that this process may read");
        })
        .ok()
    }

    fn problems_of(&self, name: &str) -> usize {
        self.problems.problems().iter().filter(|problem| problem.setting == name).count()
    }

    /// What is named like ours and is not read: a spelling mistake would otherwise be a silent default.
    fn complain_about_the_rest(&mut self) {
        for (name, value) in std::mem::take(&mut self.unread) {
            if name == "AUTH_CONFIG" && !value.is_empty() {
                let fix = "unset it, and set several issuers or static keys in code (Auth::issuer)";
                self.problems.report(name, "is set, and configuration files are not supported yet", fix);
            } else {
                tracing::warn!(
                    variable = name,
                    "a variable that starts with AUTH_ has no meaning here; is it misspelt?"
                );
            }
        }
    }
}

fn published_algorithms() -> Algorithms {
    Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()).collect()
}

/// A value in an error, escaped, and shortened if it is long.
struct Quoted<'v>(&'v str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(64).collect();
        let more = if shown.len() < self.0.len() { "…" } else { "" };
        write!(f, "\"{}{more}\"", shown.escape_debug())
    }
}
