//! An observer from the environment.

use std::{ffi::OsString, sync::Arc};

use linchpin_core::ConfigError;

use crate::{AddressHeader, CodeOwners, HealthChecks, Observer, ProxyTrust};

impl Observer {
    /// Observes the requests of a service as the environment says; unset and empty variables leave the defaults.
    ///
    /// It reads `TRUSTED_PROXIES`, `CLIENT_ADDRESS_HEADER`, `REQUEST_ID_TRUST`, `LOG_HEALTH_CHECKS`, `LOG_HEALTH_PATHS` and
    /// `CODE_OWNERS_FILE`.
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
