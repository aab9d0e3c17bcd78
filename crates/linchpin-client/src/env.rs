//! The settings of a client from the environment.

use std::{ffi::OsString, str::FromStr, time::Duration};

use linchpin_core::ConfigError;

use crate::{Bulkhead, Client, ClientBuilder, Retries};

/// One variable of a client, without the client's name in front of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// What follows the client's name, such as `_URL` in `BILLING_URL`.
    pub suffix: &'static str,
    /// The method of [`ClientBuilder`] for it.
    pub method: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What counts if it is not set.
    pub default: &'static str,
}

/// Every variable that [`Client::from_env`] reads, each behind the client's name.
///
/// `docs/settings.md` shows this table.
pub const SETTINGS: &[Setting] = &[
    setting("_URL", "base_url", "required", "The base URL of the upstream service"),
    setting("_CONNECT_TIMEOUT", "connect_timeout", "2", "How many seconds it may take to connect"),
    setting(
        "_READ_TIMEOUT",
        "read_timeout",
        "10",
        "How many seconds the head of an answer may take, and then each piece of it",
    ),
    setting("_TIMEOUT", "total_timeout", "30", "How many seconds a call may take in all, retries included"),
    setting("_RETRIES", "retries", "2", "How often one call is made again, 10 at most"),
    setting("_MAX_IN_FLIGHT", "bulkhead", "256", "How many calls may be in flight, and as many may wait"),
    setting(
        "_MAX_BODY_BYTES",
        "max_body_bytes",
        "1048576",
        "The most bytes of an answer that are read into memory",
    ),
    setting(
        "_BAGGAGE",
        "propagate_baggage",
        "none",
        "The names of the baggage that is passed on, separated by commas",
    ),
    setting(
        "_CA_FILE",
        "ca_file",
        "none",
        "A PEM file with further roots for the upstream's TLS certificate",
    ),
    setting(
        "_ALLOW_PLAIN_HTTP",
        "allow_plain_http",
        "false",
        "Whether another host than this one may be called over plain http: `true` or `false`",
    ),
];

const fn setting(
    suffix: &'static str,
    method: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { suffix, method, meaning, default }
}

impl Client {
    /// The settings of a client as the environment says; unset and empty variables leave the defaults.
    ///
    /// The variables begin with the client's name in upper case, in which anything but letters and digits is an underscore:
    /// `BILLING_URL` for the client `billing`. [`SETTINGS`] lists what follows. What is said to the builder afterwards counts
    /// before the environment.
    ///
    /// # Examples
    ///
    /// ```
    /// use linchpin_client::Client;
    ///
    /// let vars = [("BILLING_URL".into(), "https://billing.internal".into()), ("BILLING_TIMEOUT".into(), "2.5".into())];
    /// let billing = Client::from_vars("billing", vars)?.service("grades", "1.2.3").build()?;
    /// # Ok::<(), linchpin_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Everything that cannot be read, by the variables' names. What is read and wrong is told by
    /// [`build`](ClientBuilder::build), by these names too.
    pub fn from_env(name: impl Into<String>) -> Result<ClientBuilder, ConfigError> {
        Self::from_vars(name, std::env::vars_os())
    }

    /// Likewise, from variables that are given; all others are ignored.
    ///
    /// # Errors
    ///
    /// Everything that cannot be read, by the variables' names.
    pub fn from_vars(
        name: impl Into<String>,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<ClientBuilder, ConfigError> {
        let name = name.into();
        let prefix = prefix(&name);
        let mut vars =
            Vars { prefix: &prefix, vars: vars.into_iter().collect(), problems: ConfigError::collect() };

        let url = vars.text("_URL");
        if url.is_none() && !vars.is_wrong("_URL") {
            vars.report(
                "_URL",
                "is not set",
                "set it to the base URL of the service, for example https://billing.internal",
            );
        }
        let mut builder = Client::builder(name.clone(), url.unwrap_or_default());
        if let Some(timeout) = vars.seconds("_CONNECT_TIMEOUT") {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(timeout) = vars.seconds("_READ_TIMEOUT") {
            builder = builder.read_timeout(timeout);
        }
        if let Some(timeout) = vars.seconds("_TIMEOUT") {
            builder = builder.total_timeout(timeout);
        }
        if let Some(most) = vars.number("_RETRIES", 0, MOST_RETRIES) {
            builder = builder.retries(Retries::default().most(most));
        }
        if let Some(most) = vars.number("_MAX_IN_FLIGHT", 1, MOST_IN_FLIGHT) {
            builder = builder.bulkhead(Bulkhead::new(most));
        }
        if let Some(bytes) = vars.number("_MAX_BODY_BYTES", 1, usize::MAX) {
            builder = builder.max_body_bytes(bytes);
        }
        if let Some(names) = vars.text("_BAGGAGE") {
            builder =
                builder.propagate_baggage(names.split(',').map(str::trim).filter(|name| !name.is_empty()));
        }
        if let Some(path) = vars.text("_CA_FILE") {
            builder = builder.ca_file(path);
        }
        if vars.flag("_ALLOW_PLAIN_HTTP") == Some(true) {
            builder = builder.allow_plain_http();
        }
        vars.problems.check().map(|()| builder.named_by_variables())
    }
}

/// The variable for a builder's setting, for a client that the environment describes.
pub(crate) fn variable(client: &str, setting: &str) -> Option<String> {
    let known = SETTINGS.iter().find(|known| known.method == setting)?;
    Some(format!("{}{}", prefix(client), known.suffix))
}

fn prefix(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

struct Vars<'p> {
    prefix: &'p str,
    vars: Vec<(OsString, OsString)>,
    problems: ConfigError,
}

impl Vars<'_> {
    fn text(&mut self, suffix: &str) -> Option<String> {
        let name = format!("{}{suffix}", self.prefix);
        let (_, value) = self.vars.iter().find(|(known, value)| *known == *name && !value.is_empty())?;
        match value.to_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.report(suffix, "is not UTF-8", "set it to text");
                None
            }
        }
    }

    /// Seconds above zero, and a day at most; fractions are allowed.
    fn seconds(&mut self, suffix: &str) -> Option<Duration> {
        let text = self.text(suffix)?;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = text.parse().ok().filter(|seconds| is_plain && (0.001..=86_400.0).contains(seconds));
        if seconds.is_none() {
            self.report(
                suffix,
                "is no number of seconds, from 0.001 to 86400",
                "give seconds, for example 2.5",
            );
        }
        seconds.map(Duration::from_secs_f64)
    }

    fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        suffix: &str,
        least: T,
        most: T,
    ) -> Option<T> {
        let text = self.text(suffix)?;
        let number = text.parse().ok().filter(|number| least <= *number && *number <= most);
        if number.is_none() {
            let problem = format!("is no whole number from {least} to {most}");
            self.report(suffix, &problem, "give a whole number in this range");
        }
        number
    }

    fn flag(&mut self, suffix: &str) -> Option<bool> {
        let text = self.text(suffix)?;
        let flag = text.parse().ok();
        if flag.is_none() {
            self.report(suffix, "is neither true nor false", "give true or false");
        }
        flag
    }

    fn report(&mut self, suffix: &str, problem: &str, fix: &str) {
        self.problems.report(format!("{}{suffix}", self.prefix), problem, fix);
    }

    fn is_wrong(&self, suffix: &str) -> bool {
        let name = format!("{}{suffix}", self.prefix);
        self.problems.problems().iter().any(|problem| problem.setting == name)
    }
}

const MOST_RETRIES: u32 = 10;
const MOST_IN_FLIGHT: usize = 1_000_000;
