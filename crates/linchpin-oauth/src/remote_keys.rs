//! Keys that are fetched from the issuer and kept fresh.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::{Clock, ConfigError, Refusal, SystemClock, Timestamp};
use linchpin_jwt::{Algorithms, KeyRules, KeySet, KeySource, Refresh};
use tokio::task::AbortHandle;

use crate::{
    Fetch, KeysHealth,
    location::Transport,
    runtime,
    task::{Location, Plan, Shared},
    tell::Teller,
};

/// The published keys of an issuer, fetched in the background and kept while the issuer is down.
///
/// Readers never wait for a refresh. Only a token whose key is missing does, together with all others in the same
/// situation, for one fetch and within its deadline; how often that may happen is bounded. Clones share the same keys, and
/// the background task ends with the last of them.
#[derive(Clone)]
pub struct RemoteKeys {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RemoteKeys {
    /// Keys at the `jwks_uri` that the issuer's metadata names (OpenID Connect Discovery 1.0).
    ///
    /// The metadata counts only if its `issuer` is this one, byte for byte.
    pub fn discovery(issuer: impl Into<String>, rules: KeyRules) -> RemoteKeysBuilder {
        let issuer = issuer.into();
        RemoteKeysBuilder::new(Location::Discovery { base: issuer.clone(), issuer }, rules)
    }

    /// Keys by metadata that stands below another URL than the issuer's: the shared one of Microsoft Entra's tenants.
    ///
    /// Its `issuer` has to be this one, byte for byte, all the same.
    pub fn discovery_at(
        base: impl Into<String>,
        issuer: impl Into<String>,
        rules: KeyRules,
    ) -> RemoteKeysBuilder {
        RemoteKeysBuilder::new(Location::Discovery { base: base.into(), issuer: issuer.into() }, rules)
    }

    /// Keys at a URL that is known.
    ///
    /// It may be another one than the issuer publishes, such as an internal address of the same provider.
    pub fn jwks_url(url: impl Into<String>, rules: KeyRules) -> RemoteKeysBuilder {
        RemoteKeysBuilder::new(Location::JwksUrl(url.into()), rules)
    }

    /// Waits until the first keys are there, however long that takes.
    pub async fn ready(&self) {
        self.owner.shared.first_success().await;
    }

    /// How the keys are, as of `now`.
    pub fn health(&self, now: Timestamp) -> KeysHealth {
        self.owner.shared.health(now)
    }
}

impl KeySource for RemoteKeys {
    fn algorithms(&self) -> Algorithms {
        self.owner.shared.plan.rules.algorithms()
    }

    fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        self.owner.shared.keys(now)
    }

    fn check(&self, now: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        self.owner.shared.with_keys(now, |keys| condition(keys)).unwrap_or(false)
    }

    fn refresh(&self, now: Timestamp) -> Refresh {
        self.owner.shared.refresh(now)
    }

    fn signature_failed(&self, now: Timestamp) {
        self.owner.shared.suspect(now);
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("location", &self.owner.shared.plan.location)
            .finish_non_exhaustive()
    }
}

/// Puts [`RemoteKeys`] together.
#[must_use]
pub struct RemoteKeysBuilder {
    location: Location,
    issuer_name: Option<String>,
    rules: KeyRules,
    clock: Arc<dyn Clock>,
    http_hosts: Vec<String>,
    #[cfg(feature = "http-client")]
    ca_pem: Option<Vec<u8>>,
    refresh: Duration,
    max_stale: Duration,
    deadline: Duration,
    max_bytes: usize,
    unknown_key_interval: Duration,
}

impl RemoteKeysBuilder {
    fn new(location: Location, rules: KeyRules) -> Self {
        Self {
            location,
            issuer_name: None,
            rules,
            clock: Arc::new(SystemClock),
            http_hosts: Vec::new(),
            #[cfg(feature = "http-client")]
            ca_pem: None,
            refresh: Duration::from_secs(300),
            max_stale: Duration::from_secs(4 * 60 * 60),
            deadline: Duration::from_secs(5),
            max_bytes: 1024 * 1024,
            unknown_key_interval: Duration::from_secs(10),
        }
    }

    /// Names the issuer in the log; unless set, it is the issuer of the metadata, or the URL if that is all that is known.
    pub fn issuer_name(mut self, name: impl Into<String>) -> Self {
        self.issuer_name = Some(name.into());
        self
    }

    /// Sets how often the keys are fetched; 300 seconds unless set, between 10 seconds and 30 days.
    ///
    /// `Cache-Control` of the answer can only make it more often, and never more often than every 10 seconds.
    pub fn refresh(mut self, refresh: Duration) -> Self {
        self.refresh = refresh;
        self
    }

    /// Sets how old the keys may become while they cannot be fetched; 4 hours unless set, between the refresh and 30 days.
    ///
    /// Beyond it every request is answered 503.
    ///
    /// # Security
    ///
    /// It bounds for how long a withdrawn key is honoured if someone keeps the service from the provider.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Sets how long a fetch may take as a whole, discovery included; 5 seconds unless set.
    pub fn fetch_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how large a document may be; 1 MiB unless set.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the pause between fetches for unknown keys, after two at once; 10 seconds unless set.
    ///
    /// At least a second, and no longer than the refresh.
    pub fn unknown_key_interval(mut self, interval: Duration) -> Self {
        self.unknown_key_interval = interval;
        self
    }

    /// Allows plain http to this host, as inside a container network; loopback is always allowed.
    ///
    /// It is the host alone, such as `keycloak`, and counts for every port of it.
    ///
    /// # Security
    ///
    /// Whoever can change what this host answers can sign tokens.
    pub fn allow_http_host(mut self, host: impl Into<String>) -> Self {
        self.http_hosts.push(host.into());
        self
    }

    /// Decides by another clock how old keys are.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Trusts these certificates (PEM) beside the system's; it counts for [`build`](Self::build) only.
    #[cfg(feature = "http-client")]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Starts fetching over HTTP, in the background of the tokio runtime that this is called on.
    ///
    /// # Errors
    ///
    /// All wrong settings at once; also if there is no tokio runtime. A provider that is down is no error.
    #[cfg(feature = "http-client")]
    pub fn build(self) -> Result<RemoteKeys, ConfigError> {
        match crate::HttpFetch::new(self.ca_pem.as_deref()) {
            Ok(fetcher) => self.build_with(fetcher),
            Err(mut error) => {
                error.absorb(self.check().err().unwrap_or_default());
                Err(error)
            }
        }
    }

    /// Starts fetching with a client of your own.
    ///
    /// # Errors
    ///
    /// All wrong settings at once; also if there is no tokio runtime.
    pub fn build_with(self, fetcher: impl Fetch) -> Result<RemoteKeys, ConfigError> {
        let transport = self.check()?;
        let runtime = runtime::with_timers("keys")?;
        let issuer = self.issuer_name.unwrap_or_else(|| self.location.issuer());
        let shared = Arc::new(Shared::new(Plan {
            teller: Teller::new(&issuer, &self.location.shown()),
            location: self.location,
            rules: self.rules,
            transport,
            fetcher: Box::new(fetcher),
            clock: self.clock,
            refresh: self.refresh,
            max_stale: self.max_stale,
            deadline: self.deadline,
            max_bytes: self.max_bytes,
            unknown_key_interval: self.unknown_key_interval,
        }));
        let task = runtime.spawn(shared.clone().run()).abort_handle();
        Ok(RemoteKeys { owner: Arc::new(Owner { shared, task }) })
    }

    fn check(&self) -> Result<Transport, ConfigError> {
        let mut problems = ConfigError::collect();
        let transport = Transport::allowing_http_to(&self.http_hosts, &mut problems);
        let (setting, checked) = match &self.location {
            Location::Discovery { base, .. } => ("issuer", transport.check_issuer(base)),
            Location::JwksUrl(url) => ("jwks_url", transport.check(url)),
        };
        if let Err(bad) = checked {
            problems.report(setting, bad.to_string(), bad.fix());
        }
        if self.rules.algorithms().is_empty() {
            problems.report("algorithms", "are empty", "allow at least one, for example RS256");
        }
        if let Some(symmetric) = self.rules.algorithms().iter().find(|algorithm| algorithm.is_symmetric()) {
            let problem = format!("allow {symmetric}, whose key is a secret that no issuer publishes");
            problems.report("algorithms", problem, "allow those of published keys only, for example RS256");
        }
        if self.refresh < Duration::from_secs(10) {
            problems.report(
                "refresh",
                "is below 10 seconds",
                "give at least 10, since new keys are found without waiting for it",
            );
        }
        if self.max_stale < self.refresh {
            problems.report(
                "max_stale",
                "is shorter than the refresh",
                "give several times the refresh, for example 14400",
            );
        }
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(60) {
            problems.report(
                "fetch_deadline",
                "is zero or above a minute",
                "give a few seconds, for example 5",
            );
        }
        if self.max_bytes == 0 {
            problems.report("max_bytes", "is zero", "give what a key set may have, for example 1048576");
        }
        if self.unknown_key_interval < Duration::from_secs(1) {
            problems.report("unknown_key_interval", "is below a second", "give some seconds, for example 10");
        }
        if self.unknown_key_interval > self.refresh {
            problems.report(
                "unknown_key_interval",
                "is longer than the refresh",
                "give less than the refresh, for example 10",
            );
        }
        for (setting, value) in [
            ("refresh", self.refresh),
            ("max_stale", self.max_stale),
            ("unknown_key_interval", self.unknown_key_interval),
        ] {
            if value > MAX_SETTING {
                problems.report(setting, "is above 30 days", "give seconds, 2592000 at most");
            }
        }
        problems.check()?;
        Ok(transport)
    }
}

impl fmt::Debug for RemoteKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeysBuilder").field("location", &self.location).finish_non_exhaustive()
    }
}

/// Beyond it, a number is a mistake (milliseconds for seconds), and keys would be used that nobody has looked after.
const MAX_SETTING: Duration = Duration::from_secs(30 * 24 * 60 * 60);
