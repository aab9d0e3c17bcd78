//! From the settings of one issuer to its verifiers and its keys.

use std::{sync::Arc, time::Duration};

use linchpin_core::{Clock, ConfigError, Reason, Refusal, Timestamp};
use linchpin_jwt::{Algorithms, KeySet, KeySource, Profile, Refresh, RolesClaim, TokenCache, Verifier};
#[cfg(feature = "remote")]
use linchpin_oauth::{RemoteKeys, RemoteKeysBuilder};

/// Everything that belongs to one issuer.
pub(crate) struct Issuer {
    /// Its name, or with tenants the template of their names.
    pub(crate) name: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) client_ids: Vec<String>,
    pub(crate) tenants: Vec<String>,
    pub(crate) is_for_tenants: bool,
    pub(crate) any_audience: bool,
    pub(crate) profile: Profile,
    pub(crate) algorithms: Option<Algorithms>,
    pub(crate) leeway: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) roles: RolesClaim,
    pub(crate) max_token_bytes: Option<usize>,
    pub(crate) token_cache: TokenCache,
    pub(crate) keys: Keys,
    pub(crate) keys_are_given_twice: bool,
    #[cfg(feature = "remote")]
    pub(crate) remote: Remote,
}

/// Where the keys come from, as far as it has been said.
pub(crate) enum Keys {
    Unset,
    Static(Vec<StaticKey>),
    Source(Arc<dyn KeySource>),
}

pub(crate) enum StaticKey {
    Pem(String),
    JwkSet(String),
    Secret(Vec<u8>),
}

/// The settings of keys that are fetched.
#[cfg(feature = "remote")]
#[derive(Default)]
pub(crate) struct Remote {
    pub(crate) jwks_url: Option<String>,
    pub(crate) max_keys: Option<usize>,
    pub(crate) has_ca_pem: bool,
    /// What is left to the builder of the key source, which knows the defaults and the bounds.
    pub(crate) configure: Vec<Box<dyn FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder + Send>>,
    pub(crate) start_with: Option<Start>,
}

/// Starts to fetch in another way than by default.
#[cfg(feature = "remote")]
type Start = Box<dyn FnOnce(RemoteKeysBuilder) -> Result<RemoteKeys, ConfigError> + Send>;

/// A finished issuer: a verifier, or one for each tenant, and the keys that these share.
pub(crate) struct Built {
    pub(crate) verifiers: Vec<Verifier>,
    pub(crate) source: Source,
}

/// The keys of one issuer, under its name.
pub(crate) struct Source {
    pub(crate) issuer: String,
    pub(crate) keys: Held,
}

#[derive(Clone)]
pub(crate) enum Held {
    Static(Arc<KeySet>),
    Custom(Arc<dyn KeySource>),
    #[cfg(feature = "remote")]
    Remote(RemoteKeys),
    /// Stands in while settings are checked of which those of the keys are wrong; it never gets into an `Auth`.
    Wrong,
}

#[cfg(feature = "remote")]
impl Source {
    pub(crate) fn remote(&self) -> Option<&RemoteKeys> {
        if let Held::Remote(keys) = &self.keys { Some(keys) } else { None }
    }
}

impl Issuer {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            audiences: Vec::new(),
            client_ids: Vec::new(),
            tenants: Vec::new(),
            is_for_tenants: false,
            any_audience: false,
            profile: Profile::default(),
            algorithms: None,
            leeway: None,
            max_age: None,
            max_lifetime: None,
            roles: RolesClaim::default(),
            max_token_bytes: None,
            token_cache: TokenCache::default(),
            keys: Keys::Unset,
            keys_are_given_twice: false,
            #[cfg(feature = "remote")]
            remote: Remote::default(),
        }
    }

    pub(crate) fn build(mut self, clock: Arc<dyn Clock>) -> Result<Built, ConfigError> {
        let mut problems = ConfigError::collect();
        self.check_keys_are_from_one_place(&mut problems);
        let keys = self.build_keys(&mut problems, &clock).unwrap_or(Held::Wrong);

        // The verifier's own settings are checked even if there are no keys for it.
        let tenants: Vec<Option<&str>> = match &*self.tenants {
            [] => vec![None],
            tenants => tenants.iter().map(|tenant| Some(&**tenant)).collect(),
        };
        if self.is_for_tenants && self.tenants.is_empty() && !self.name.contains(TENANT) {
            problems.report("tenants", "are none", "list the ids of the tenants whose users may call");
        }
        let mut verifiers = Vec::new();
        for tenant in tenants {
            match self.build_verifier(tenant, &keys, &clock) {
                Ok(verifier) => verifiers.push(verifier),
                // Most of it is the same for each tenant, and told once.
                Err(error) => {
                    for found in error.problems() {
                        if !problems.problems().contains(found) {
                            problems.report(&found.setting, &found.problem, &found.fix);
                        }
                    }
                }
            }
        }
        problems.check()?;
        Ok(Built { verifiers, source: Source { issuer: self.name, keys } })
    }

    fn check_keys_are_from_one_place(&self, problems: &mut ConfigError) {
        if matches!(self.keys, Keys::Source(_)) && self.algorithms.is_some() {
            let problem = "are set, and the key source brings its own";
            problems.report("algorithms", problem, "set them at the key source alone");
        }
        if self.keys_are_given_twice {
            problems.report("keys", "are given, and a key source as well", "decide for one of the two");
        }
        #[cfg(feature = "remote")]
        if !matches!(self.keys, Keys::Unset) && !self.remote.is_unset() {
            let problem = "or another setting of fetched keys is given, and keys as well";
            problems.report("jwks_url", problem, "leave out the keys, or all settings of fetching them");
        }
        #[cfg(feature = "remote")]
        if self.remote.has_ca_pem && self.remote.start_with.is_some() {
            let problem = "is given, and an HTTP client of your own, which does not hear of it";
            problems.report("ca_pem", problem, "give the certificate to that client");
        }
    }

    fn build_keys(&mut self, problems: &mut ConfigError, clock: &Arc<dyn Clock>) -> Option<Held> {
        let algorithms = self.algorithms.unwrap_or_else(|| self.profile.default_algorithms());
        match std::mem::replace(&mut self.keys, Keys::Unset) {
            Keys::Source(source) => Some(Held::Custom(source)),
            Keys::Static(keys) => {
                let set = KeySet::builder(algorithms);
                let set = if self.is_for_tenants { set.bind_to_issuers() } else { set };
                let set = keys.into_iter().fold(set, |set, key| match key {
                    StaticKey::Pem(pem) => set.pem(&pem),
                    StaticKey::JwkSet(json) => set.jwk_set(&json),
                    StaticKey::Secret(secret) => set.secret(&secret),
                });
                problems.take(set.build()).map(|set| Held::Static(Arc::new(set)))
            }
            #[cfg(feature = "remote")]
            Keys::Unset => {
                // An issuer that is missing is told once, by the verifier.
                if self.name.is_empty() && self.remote.jwks_url.is_none() {
                    return None;
                }
                let rules = linchpin_jwt::KeyRules::new(algorithms);
                let rules = if self.is_for_tenants { rules.bind_to_issuers() } else { rules };
                let remote = std::mem::take(&mut self.remote);
                let (base, issuer) = self.metadata();
                problems.take(remote.build(base, issuer, rules, clock.clone())).map(Held::Remote)
            }
            #[cfg(not(feature = "remote"))]
            Keys::Unset => {
                let _ = clock;
                problems.report(
                    "keys",
                    "are missing",
                    "give a PEM, a JWK Set or a secret, or enable the feature `remote`",
                );
                None
            }
        }
    }

    /// Below which URL the metadata stands, and which issuer it has to name.
    #[cfg(feature = "remote")]
    fn metadata(&self) -> (String, String) {
        match &*self.tenants {
            [] => (self.name.clone(), self.name.clone()),
            [only] => (self.name.replace(TENANT, only), self.name.replace(TENANT, only)),
            // That of no tenant in particular names the keys of all, and the template for its issuer.
            _ => (self.name.replace(TENANT, "common"), self.name.clone()),
        }
    }

    fn build_verifier(
        &self,
        tenant: Option<&str>,
        keys: &Held,
        clock: &Arc<dyn Clock>,
    ) -> Result<Verifier, ConfigError> {
        let mut verifier = Verifier::builder(&self.name, keys.clone())
            .client_ids(&self.client_ids)
            .profile(self.profile)
            .roles(self.roles.clone())
            .token_cache(self.token_cache)
            .clock(clock.clone());
        for audience in &self.audiences {
            verifier = verifier.audience(audience);
        }
        if let Some(tenant) = tenant {
            verifier = verifier.tenant(tenant);
        }
        if self.any_audience {
            verifier = verifier.dangerously_accept_any_audience();
        }
        if let Some(leeway) = self.leeway {
            verifier = verifier.leeway(leeway);
        }
        if let Some(max_age) = self.max_age {
            verifier = verifier.max_age(max_age);
        }
        if let Some(max_lifetime) = self.max_lifetime {
            verifier = verifier.max_lifetime(max_lifetime);
        }
        if let Some(max) = self.max_token_bytes {
            verifier = verifier.max_token_bytes(max);
        }
        verifier.build()
    }
}

#[cfg(feature = "remote")]
impl Remote {
    fn is_unset(&self) -> bool {
        self.jwks_url.is_none()
            && self.max_keys.is_none()
            && self.configure.is_empty()
            && self.start_with.is_none()
    }

    fn build(
        self,
        base: String,
        issuer: String,
        mut rules: linchpin_jwt::KeyRules,
        clock: Arc<dyn Clock>,
    ) -> Result<RemoteKeys, ConfigError> {
        if let Some(max) = self.max_keys {
            if max == 0 {
                let fix = "give what a set may have, for example 100";
                return Err(ConfigError::single("max_keys", "is zero", fix));
            }
            rules = rules.max_keys(max);
        }
        let builder = match self.jwks_url {
            Some(url) => RemoteKeys::jwks_url(url, rules).issuer_name(issuer),
            None => RemoteKeys::discovery_at(base, issuer, rules),
        };
        let builder =
            self.configure.into_iter().fold(builder.clock(clock), |builder, configure| configure(builder));
        match self.start_with {
            Some(start) => start(builder),
            None => builder.build(),
        }
    }
}

impl KeySource for Held {
    fn algorithms(&self) -> Algorithms {
        match self {
            Self::Static(keys) => KeySource::algorithms(keys),
            Self::Custom(keys) => keys.algorithms(),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.algorithms(),
            Self::Wrong => Algorithms::default(),
        }
    }

    fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        match self {
            Self::Static(keys) => keys.keys(now),
            Self::Custom(keys) => keys.keys(now),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.keys(now),
            Self::Wrong => Err(Reason::KeysUnavailable.into()),
        }
    }

    fn check(&self, now: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        match self {
            Self::Static(keys) => keys.check(now, condition),
            Self::Custom(keys) => keys.check(now, condition),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.check(now, condition),
            Self::Wrong => false,
        }
    }

    fn refresh(&self, now: Timestamp) -> Refresh {
        match self {
            Self::Static(keys) => keys.refresh(now),
            Self::Custom(keys) => keys.refresh(now),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.refresh(now),
            Self::Wrong => Refresh::Refused(Reason::KeysUnavailable.into()),
        }
    }

    fn signature_failed(&self, now: Timestamp) {
        match self {
            Self::Static(keys) => keys.signature_failed(now),
            Self::Custom(keys) => keys.signature_failed(now),
            #[cfg(feature = "remote")]
            Self::Remote(keys) => keys.signature_failed(now),
            Self::Wrong => {}
        }
    }
}

/// What stands in an issuer for the tenant.
const TENANT: &str = "{tenantid}";
