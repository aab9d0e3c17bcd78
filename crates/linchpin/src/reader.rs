//! What the environment and a file have in common: the settings of one issuer, read one by one into its builder.

use std::{fmt, str::FromStr, time::Duration};

use linchpin_jwt::{Algorithm, Algorithms, TokenCache};

use crate::AuthBuilder;

/// Where settings stand. Each is named by its variable; what is wrong with a value is reported, and the value left out.
pub(crate) trait Settings {
    /// Reports a problem with a setting.
    fn report(&mut self, variable: &str, problem: String, fix: &str);

    /// The value of a setting that is a text.
    fn text(&mut self, variable: &str) -> Option<String>;

    /// The values of a setting that is a list of texts.
    fn list(&mut self, variable: &str) -> Vec<String>;

    /// The value of a setting that is a whole number, zero included; `fix` says what would be right.
    fn whole(&mut self, variable: &str, fix: &str) -> Option<u64>;

    /// The value of a setting that is on or off.
    fn flag(&mut self, variable: &str) -> Option<bool>;

    /// The content of the file that a setting names.
    fn file(&mut self, variable: &str, fix: &str) -> Option<Vec<u8>>;

    fn number(&mut self, variable: &str) -> Option<usize> {
        let fix = "give a whole number above zero";
        match self.whole(variable, fix)? {
            0 => {
                self.report(variable, "is zero".to_owned(), fix);
                None
            }
            number => Some(usize::try_from(number).unwrap_or(usize::MAX)),
        }
    }

    fn seconds(&mut self, variable: &str) -> Option<Duration> {
        self.whole(variable, "give whole seconds, for example 30").map(Duration::from_secs)
    }

    fn parse<T: FromStr>(&mut self, variable: &str, fix: &str) -> Option<T> {
        let text = self.text(variable)?;
        text.parse().map_err(|_| self.report(variable, format!("is {}", Quoted(&text)), fix)).ok()
    }

    fn algorithms(&mut self, variable: &str) -> Option<Algorithms> {
        let items = self.list(variable);
        let algorithms: Result<Algorithms, String> =
            items.iter().map(|item| item.parse::<Algorithm>().map_err(|_| item.clone())).collect();
        match algorithms {
            Ok(algorithms) => Some(algorithms).filter(|algorithms| !algorithms.is_empty()),
            Err(unknown) => {
                let problem = format!("names {}, which is not supported", Quoted(&unknown));
                let fix = format!("choose among {}", self.supported_algorithms());
                self.report(variable, problem, &fix);
                None
            }
        }
    }

    /// Those that can be named here: shared secrets cannot be everywhere.
    fn supported_algorithms(&self) -> Algorithms {
        Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()).collect()
    }
}

/// Reads what belongs to one issuer, but for its name, into `auth`.
pub(crate) fn configure(settings: &mut impl Settings, mut auth: AuthBuilder) -> AuthBuilder {
    for audience in settings.list("AUTH_AUDIENCE") {
        auth = auth.audience(audience);
    }
    auth = auth.client_ids(settings.list("AUTH_CLIENT_IDS"));
    let tenants = settings.list("AUTH_TENANTS");
    if !tenants.is_empty() {
        auth = auth.tenants(tenants);
    }
    if let Some(url) = settings.text("AUTH_JWKS_URL") {
        auth = auth.jwks_url(url);
    }
    if let Some(profile) = settings.parse("AUTH_PROFILE", "give generic, rfc9068 or open_edx") {
        auth = auth.profile(profile);
    }
    if let Some(algorithms) = settings.algorithms("AUTH_ALGORITHMS") {
        auth = auth.algorithms(algorithms);
    }
    if let Some(leeway) = settings.seconds("AUTH_LEEWAY") {
        auth = auth.leeway(leeway);
    }
    if let Some(max_age) = settings.seconds("AUTH_MAX_AGE") {
        auth = auth.max_age(max_age);
    }
    if let Some(max_lifetime) = settings.seconds("AUTH_MAX_LIFETIME") {
        auth = auth.max_lifetime(max_lifetime);
    }
    if let Some(roles) =
        settings.parse("AUTH_ROLES_CLAIM", "give a name such as roles, or /realm_access/roles")
    {
        auth = auth.roles(roles);
    }
    if let Some(max) = settings.number("AUTH_MAX_TOKEN_BYTES") {
        auth = auth.max_token_bytes(max);
    }
    let (entries, bytes) = (
        settings.whole("AUTH_TOKEN_CACHE", "give how many tokens are remembered, or 0 for none"),
        settings.number("AUTH_TOKEN_CACHE_BYTES"),
    );
    if entries.is_some() || bytes.is_some() {
        let cache = TokenCache::default();
        let cache =
            entries.map_or(cache, |entries| cache.entries(usize::try_from(entries).unwrap_or(usize::MAX)));
        auth = auth.token_cache(bytes.map_or(cache, |bytes| cache.bytes(bytes)));
    }
    if let Some(refresh) = settings.seconds("AUTH_JWKS_REFRESH") {
        auth = auth.jwks_refresh(refresh);
    }
    if let Some(max_stale) = settings.seconds("AUTH_JWKS_MAX_STALE") {
        auth = auth.jwks_max_stale(max_stale);
    }
    if let Some(deadline) = settings.seconds("AUTH_JWKS_FETCH_DEADLINE") {
        auth = auth.jwks_fetch_deadline(deadline);
    }
    if let Some(max_bytes) = settings.number("AUTH_JWKS_MAX_BYTES") {
        auth = auth.jwks_max_bytes(max_bytes);
    }
    if let Some(max_keys) = settings.number("AUTH_JWKS_MAX_KEYS") {
        auth = auth.jwks_max_keys(max_keys);
    }
    if let Some(interval) = settings.seconds("AUTH_JWKS_UNKNOWN_KEY_INTERVAL") {
        auth = auth.jwks_unknown_key_interval(interval);
    }
    for host in settings.list("AUTH_ALLOW_HTTP_HOSTS") {
        auth = auth.allow_http_host(host);
    }
    if let Some(pem) = settings.file("AUTH_CA_FILE", "name a PEM file that this process may read") {
        auth = auth.ca_pem(pem);
    }
    auth
}

/// A value in an error, escaped, and shortened if it is long.
pub(crate) struct Quoted<'v>(pub(crate) &'v str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(64).collect();
        let more = if shown.len() < self.0.len() { "…" } else { "" };
        write!(f, "\"{}{more}\"", shown.escape_debug())
    }
}
