//! An observer from the environment.

use std::{ffi::OsString, sync::Arc, time::Duration};

use linchpin_core::ConfigError;

use crate::{AddressHeader, CodeOwners, HealthChecks, Observer, ProxyTrust, baggage::is_token};

/// One variable that this crate reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What counts if it is not set.
    pub default: &'static str,
}

/// Every variable that [`Logs::from_env`](crate::Logs::from_env) and [`Observer::from_env`] read.
///
/// `docs/settings.md` shows this table.
pub const SETTINGS: &[Setting] = &[
    setting(
        "RUST_LOG",
        "info",
        "What is logged: a level, or levels by target separated by commas, such as `info,hyper=debug`",
    ),
    setting("LOG_FORMAT", "auto", "`json`, `text`, or `auto`: text on a terminal and JSON elsewhere"),
    setting(
        "LOG_HEALTH_CHECKS",
        "failures",
        "Which health checks have an access line: `all`, `failures`, or a number for one in so many; failures always have",
    ),
    setting(
        "LOG_HEALTH_PATHS",
        "/healthz,/readyz,/livez",
        "The paths that are health checks, separated by commas",
    ),
    setting(
        "TRUSTED_PROXIES",
        "nobody",
        "The proxies that are believed about the client's address: CIDR ranges separated by commas (`private` is all private ones), or how many there are",
    ),
    setting(
        "CLIENT_ADDRESS_HEADER",
        "x-forwarded-for or forwarded",
        "The only header that is believed: `x-forwarded-for`, `forwarded`, or one that holds the client's address alone",
    ),
    setting(
        "REQUEST_ID_TRUST",
        "always",
        "Whose well formed `x-request-id` is kept: `always`, `proxies` (the trusted ones) or `never`",
    ),
    setting(
        "CODE_OWNERS_FILE",
        "none",
        "A file whose lines are a route or module prefix and its owner, or `*` and an owner",
    ),
    setting(
        "REQUEST_TIMEOUT",
        "none",
        "How many seconds a request may take; a client that sends `x-request-timeout-ms` or `grpc-timeout` can shorten that",
    ),
    setting(
        "REQUEST_TIMEOUT_HEADER",
        "x-request-timeout-ms",
        "The header in which a client says how many milliseconds it waits",
    ),
];

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, default }
}

impl Observer {
    /// Observes the requests of a service as the environment says; unset and empty variables leave the defaults.
    ///
    /// [`SETTINGS`] lists the variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by the variables' names.
    pub fn from_env(service: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        Self::from_vars(service, std::env::vars_os())
    }

    /// Likewise, from variables that are given; all others are ignored.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by the variables' names.
    pub fn from_vars(
        service: impl Into<Arc<str>>,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut vars = Vars { vars: vars.into_iter().collect(), problems: ConfigError::collect() };
        let mut observer = Self::new(service);

        let mut proxies: ProxyTrust = vars.parse("TRUSTED_PROXIES").unwrap_or_default();
        if let Some(header) = vars.parse::<AddressHeader>("CLIENT_ADDRESS_HEADER") {
            if !proxies.trusts_anyone() && !vars.is_wrong("TRUSTED_PROXIES") {
                vars.problems.report(
                    "CLIENT_ADDRESS_HEADER",
                    "is set, and no proxy is trusted to write the header",
                    "set TRUSTED_PROXIES to the proxies' addresses, for example 10.0.0.0/8",
                );
            }
            proxies = proxies.header(header);
        }
        if let Some(trust) = vars.parse("REQUEST_ID_TRUST") {
            if trust == crate::RequestIdTrust::Proxies
                && !proxies.trusts_anyone()
                && !vars.is_wrong("TRUSTED_PROXIES")
            {
                vars.problems.report(
                    "REQUEST_ID_TRUST",
                    "is \"proxies\", and no proxy is trusted",
                    "set TRUSTED_PROXIES to the proxies' addresses, or give never",
                );
            }
            observer = observer.request_id_trust(trust);
        }
        if let Some(health_checks) = vars.parse::<HealthChecks>("LOG_HEALTH_CHECKS") {
            observer = observer.health_checks(health_checks);
        }
        if let Some(paths) = vars.text("LOG_HEALTH_PATHS") {
            let paths: Vec<String> = paths.split(',').map(|path| path.trim().to_owned()).collect();
            if paths.iter().any(|path| !path.starts_with('/')) {
                vars.problems.report(
                    "LOG_HEALTH_PATHS",
                    "has an item that is no path",
                    "give paths separated by commas, for example /healthz,/readyz",
                );
            }
            observer = observer.health_paths(paths);
        }
        if let Some(owners) = vars.code_owners() {
            observer = observer.code_owners(owners);
        }
        if let Some(limit) = vars.seconds("REQUEST_TIMEOUT") {
            observer = observer.request_timeout(limit);
        }
        if let Some(name) = vars.text("REQUEST_TIMEOUT_HEADER") {
            if !is_token(name.as_bytes()) {
                vars.problems.report(
                    "REQUEST_TIMEOUT_HEADER",
                    "is not the name of a header",
                    "give a header's name, for example x-request-timeout-ms",
                );
            }
            observer = observer.timeout_header(name);
        }
        vars.problems.check().map(|()| observer.proxies(proxies))
    }
}

struct Vars {
    vars: Vec<(OsString, OsString)>,
    problems: ConfigError,
}

impl Vars {
    fn text(&mut self, name: &'static str) -> Option<String> {
        let (_, value) = self.vars.iter().find(|(known, value)| known == name && !value.is_empty())?;
        match value.to_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.problems.report(name, "is not UTF-8", "set it to text");
                None
            }
        }
    }

    fn parse<T: std::str::FromStr<Err = ConfigError>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        self.problems.take(text.parse::<T>().map_err(|error| error.rename(|_| Some(name.to_owned()))))
    }

    fn seconds(&mut self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
        if seconds.is_none() {
            let problem = format!("is {:?}", crate::network::shortened(&text));
            self.problems.report(name, problem, "give whole seconds above zero, for example 30");
        }
        seconds.map(Duration::from_secs)
    }

    fn code_owners(&mut self) -> Option<CodeOwners> {
        const NAME: &str = "CODE_OWNERS_FILE";
        let path = self.text(NAME)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => self.problems.take(
                text.parse::<CodeOwners>()
                    .map_err(|error| error.rename(|setting| Some(format!("{NAME}: {setting}")))),
            ),
            Err(error) => {
                let problem =
                    format!("is {:?}, which cannot be read: {error}", crate::network::shortened(&path));
                self.problems.report(NAME, problem, "name a file that this process may read");
                None
            }
        }
    }

    fn is_wrong(&self, name: &str) -> bool {
        self.problems.problems().iter().any(|problem| problem.setting == name)
    }
}
