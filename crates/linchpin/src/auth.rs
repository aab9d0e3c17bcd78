//! From settings to a layer.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::{
    Clock, ConfigError, Extensions, Gate, Reason, Refusal, ResourceMetadata, SystemClock, Timestamp,
    VerifyToken,
};
use linchpin_jwt::{Algorithms, KeySet, KeySource, Profile, Refresh, RolesClaim, Verifier};
#[cfg(feature = "remote")]
use linchpin_oauth::{RemoteKeys, RemoteKeysBuilder};

/// Verification as a service needs it: made once at start, from settings to [`layer`](Self::layer) or
/// [`middleware`](Self::middleware).
///
/// Clones are cheap and share the keys; the task that fetches them ends with the last clone.
///
/// # Examples
///
/// With a key of the issuer at hand, nothing is fetched:
///
/// ```
/// use linchpin::{Auth, jwt::Algorithm};
///
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// let auth = Auth::issuer("https://id.example").audience("grades").pem(pem).build()?;
/// assert!(auth.is_ready());
/// # Ok::<(), linchpin::ConfigError>(())
/// ```
///
/// Without one, they are found by discovery and kept fresh:
///
#[cfg_attr(feature = "remote", doc = "```no_run")]
#[cfg_attr(not(feature = "remote"), doc = "```ignore")]
/// use linchpin::{Auth, jwt::RolesClaim};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linchpin::ConfigError> {
/// let auth = Auth::issuer("https://id.example/realms/school")
///     .audience("grades")
///     .roles(RolesClaim::keycloak_realm())
///     .build()?;
/// # drop(auth);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Auth {
    verifier: Verifier,
    gate: Gate,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "remote")]
    remote_keys: Option<RemoteKeys>,
}

impl Auth {
    /// Starts with the issuer: the `iss` of its tokens, and the base of discovery unless keys are given.
    pub fn issuer(issuer: impl Into<String>) -> AuthBuilder {
        AuthBuilder {
            issuer: issuer.into(),
            audiences: Vec::new(),
            client_ids: Vec::new(),
            any_audience: false,
            profile: Profile::default(),
            algorithms: None,
            leeway: None,
            max_age: None,
            max_lifetime: None,
            roles: RolesClaim::default(),
            max_token_bytes: None,
            clock: Arc::new(SystemClock),
            keys: Keys::Unset,
            keys_are_given_twice: false,
            #[cfg(feature = "remote")]
            remote: Remote::default(),
            configure_gate: Vec::new(),
        }
    }

    /// Reads the environment; [`SETTINGS`](crate::SETTINGS) lists the variables.
    ///
    /// `AUTH_ISSUER` and `AUTH_AUDIENCE` (or `AUTH_CLIENT_IDS`) are required. An empty variable counts as unset. Keys are
    /// fetched in the background of the tokio runtime that this is called on; a provider that is down is no error.
    ///
    /// # Errors
    ///
    /// Every wrong or missing variable at once, each with what is wrong and what would be right.
    #[cfg(feature = "remote")]
    pub fn from_env() -> Result<Self, ConfigError> {
        crate::env::auth(std::env::vars_os())
    }

    /// Reads variables that come from elsewhere, such as a test or a file, by the rules of [`from_env`](Self::from_env).
    ///
    /// # Errors
    ///
    /// Every wrong or missing variable at once.
    #[cfg(feature = "remote")]
    pub fn from_vars<N, V>(vars: impl IntoIterator<Item = (N, V)>) -> Result<Self, ConfigError>
    where
        N: Into<std::ffi::OsString>,
        V: Into<std::ffi::OsString>,
    {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into()));
        crate::env::auth(vars)
    }

    /// The layer for axum and tower; refuses every request without a valid token.
    ///
    /// `auth.layer().optional()` lets the anonymous through, and still refuses a token that fails.
    #[cfg(feature = "tower")]
    pub fn layer(&self) -> linchpin_tower::VerifyLayer {
        self.gate.clone().into()
    }

    /// The middleware for actix; refuses every request without a valid token.
    ///
    /// `auth.middleware().optional()` lets the anonymous through, and still refuses a token that fails.
    #[cfg(feature = "actix")]
    pub fn middleware(&self) -> linchpin_actix::VerifyMiddleware {
        self.gate.clone().into()
    }

    /// The decision itself, for a framework that has no adapter.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The verifier, for tokens that come another way than in a header.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Whether a valid token could be accepted now: the readiness probe of the service.
    ///
    /// It is `false` before the first keys have arrived, and once they are too old after a long outage.
    pub fn is_ready(&self) -> bool {
        self.verifier.is_ready(self.clock.now())
    }

    /// Waits until the first keys are there; at once, if they were given.
    pub async fn ready(&self) {
        #[cfg(feature = "remote")]
        if let Some(keys) = &self.remote_keys {
            keys.ready().await;
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Puts an [`Auth`] together.
#[must_use]
pub struct AuthBuilder {
    issuer: String,
    audiences: Vec<String>,
    client_ids: Vec<String>,
    any_audience: bool,
    profile: Profile,
    algorithms: Option<Algorithms>,
    leeway: Option<Duration>,
    max_age: Option<Duration>,
    max_lifetime: Option<Duration>,
    roles: RolesClaim,
    max_token_bytes: Option<usize>,
    clock: Arc<dyn Clock>,
    keys: Keys,
    keys_are_given_twice: bool,
    #[cfg(feature = "remote")]
    remote: Remote,
    configure_gate: Vec<Box<dyn FnOnce(Gate) -> Gate + Send>>,
}

enum Keys {
    Unset,
    Static(Vec<StaticKey>),
    Source(Box<dyn KeySource>),
}

enum StaticKey {
    Pem(String),
    JwkSet(String),
    Secret(Vec<u8>),
}

#[cfg(feature = "remote")]
#[derive(Default)]
struct Remote {
    jwks_url: Option<String>,
    max_keys: Option<usize>,
    /// What is left to the builder of the key source, which knows the defaults and the bounds.
    configure: Vec<Box<dyn FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder + Send>>,
}

impl AuthBuilder {
    /// Adds an audience: the token's `aud` has to name one of those that were added.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Demands that the token's `client_id` is one of these, for providers that send no `aud` (Amazon Cognito).
    pub fn client_ids(mut self, client_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.client_ids.extend(client_ids.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens that were meant for anyone.
    ///
    /// # Security
    ///
    /// See [`VerifierBuilder::dangerously_accept_any_audience`](linchpin_jwt::VerifierBuilder::dangerously_accept_any_audience).
    pub fn dangerously_accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Sets the kind of token; [`Profile::Generic`] unless set.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the allow-list; the profile's unless set.
    pub fn algorithms(mut self, algorithms: impl Into<Algorithms>) -> Self {
        self.algorithms = Some(algorithms.into());
        self
    }

    /// Sets how far the issuer's clock may be off; 30 seconds unless set.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// Refuses tokens that were issued longer ago than this, whatever their expiry says; off unless set.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Refuses tokens whose `exp` lies further from their `iat` than this; off unless set.
    pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = Some(max_lifetime);
        self
    }

    /// Sets where the caller's roles stand among the claims; the claim `roles` unless set.
    pub fn roles(mut self, roles: RolesClaim) -> Self {
        self.roles = roles;
        self
    }

    /// Sets the size beyond which a token is refused undecoded; 16 KiB unless set.
    pub fn max_token_bytes(mut self, max: usize) -> Self {
        self.max_token_bytes = Some(max);
        self
    }

    /// Adds a public key of the issuer in PEM, so that nothing is fetched.
    pub fn pem(self, pem: impl Into<String>) -> Self {
        self.static_key(StaticKey::Pem(pem.into()))
    }

    /// Adds the keys of a JWK Set, so that nothing is fetched.
    pub fn jwk_set(self, json: impl Into<String>) -> Self {
        self.static_key(StaticKey::JwkSet(json.into()))
    }

    /// Adds a secret that is shared with the issuer; the allow-list has to name its algorithm, such as HS256.
    pub fn secret(self, secret: impl Into<Vec<u8>>) -> Self {
        self.static_key(StaticKey::Secret(secret.into()))
    }

    /// Takes keys from elsewhere, and no others. The allow-list is then the source's own.
    pub fn key_source(mut self, source: impl KeySource) -> Self {
        self.keys_are_given_twice |= !matches!(self.keys, Keys::Unset);
        self.keys = Keys::Source(Box::new(source));
        self
    }

    /// Decides by another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Names the protection space in challenges.
    pub fn realm(self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        self.gate(move |gate| gate.realm(realm))
    }

    /// Runs `hook` on every refusal: to count it, or to add to the body. See [`Gate::on_refusal`].
    pub fn on_refusal(self, hook: impl Fn(&Refusal, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.gate(move |gate| gate.on_refusal(hook))
    }

    /// Says in challenges where the resource describes itself (RFC 9728). See [`Gate::resource_metadata`].
    pub fn resource_metadata(self, metadata: &ResourceMetadata) -> Self {
        let metadata = metadata.clone();
        self.gate(move |gate| gate.resource_metadata(&metadata))
    }

    /// Tells callers which roles they lack; off unless set. See [`Gate::name_roles`].
    pub fn name_roles(self) -> Self {
        self.gate(Gate::name_roles)
    }

    /// The finished `Auth`. Unless keys were given, they are fetched in the background of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// All wrong and missing settings at once. A provider that is down is no error: requests are answered 503 until it is
    /// there.
    pub fn build(self) -> Result<Auth, ConfigError> {
        let mut problems = ConfigError::collect();
        let clock = self.clock.clone();
        let algorithms = self.algorithms.unwrap_or_else(|| self.profile.default_algorithms());
        #[cfg(feature = "remote")]
        let mut remote_keys = None;

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

        let keys: Option<Box<dyn KeySource>> = match self.keys {
            Keys::Source(source) => Some(source),
            Keys::Static(keys) => {
                let set = keys.into_iter().fold(KeySet::builder(algorithms), |set, key| match key {
                    StaticKey::Pem(pem) => set.pem(&pem),
                    StaticKey::JwkSet(json) => set.jwk_set(&json),
                    StaticKey::Secret(secret) => set.secret(&secret),
                });
                problems.take(set.build()).map(|set| Box::new(Arc::new(set)) as _)
            }
            #[cfg(feature = "remote")]
            Keys::Unset => {
                // An issuer that is missing is told once, by the verifier.
                let is_told = self.issuer.is_empty() && self.remote.jwks_url.is_none();
                let built = if is_told {
                    Ok(None)
                } else {
                    self.remote.build(&self.issuer, algorithms, clock.clone()).map(Some)
                };
                remote_keys = problems.take(built).flatten();
                remote_keys.clone().map(|keys| Box::new(keys) as _)
            }
            #[cfg(not(feature = "remote"))]
            Keys::Unset => {
                problems.report(
                    "keys",
                    "are missing",
                    "give a PEM, a JWK Set or a secret, or enable the feature `remote`",
                );
                None
            }
        };

        // The verifier's own settings are checked even if there are no keys for it.
        let keys = keys.unwrap_or_else(|| Box::new(NoKeys));
        let mut verifier = Verifier::builder(self.issuer, keys)
            .client_ids(self.client_ids)
            .profile(self.profile)
            .roles(self.roles)
            .clock(clock.clone());
        for audience in self.audiences {
            verifier = verifier.audience(audience);
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
        let verifier = problems.take(verifier.build());
        match (problems.check(), verifier) {
            (Ok(()), Some(verifier)) => {
                let gate = Gate::new(Arc::new(verifier.clone())).clock(clock);
                let gate = self.configure_gate.into_iter().fold(gate, |gate, configure| configure(gate));
                Ok(Auth {
                    verifier,
                    gate,
                    clock: self.clock,
                    #[cfg(feature = "remote")]
                    remote_keys,
                })
            }
            (checked, _) => Err(checked.err().unwrap_or_default()),
        }
    }

    fn static_key(mut self, key: StaticKey) -> Self {
        match &mut self.keys {
            Keys::Static(keys) => keys.push(key),
            Keys::Unset => self.keys = Keys::Static(vec![key]),
            Keys::Source(_) => self.keys_are_given_twice = true,
        }
        self
    }

    fn gate(mut self, configure: impl FnOnce(Gate) -> Gate + Send + 'static) -> Self {
        self.configure_gate.push(Box::new(configure));
        self
    }
}

/// Settings of keys that are fetched; an error beside keys that are given.
#[cfg(feature = "remote")]
impl AuthBuilder {
    /// Fetches the keys from this URL instead of discovering it; tokens are still checked against the issuer.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.remote.jwks_url = Some(url.into());
        self
    }

    /// Sets how often the keys are fetched; 300 seconds unless set.
    pub fn jwks_refresh(self, refresh: Duration) -> Self {
        self.remote(move |keys| keys.refresh(refresh))
    }

    /// Sets how old the keys may become during an outage; 4 hours unless set.
    pub fn jwks_max_stale(self, max_stale: Duration) -> Self {
        self.remote(move |keys| keys.max_stale(max_stale))
    }

    /// Sets how long a fetch may take as a whole; 5 seconds unless set.
    pub fn jwks_fetch_deadline(self, deadline: Duration) -> Self {
        self.remote(move |keys| keys.fetch_deadline(deadline))
    }

    /// Sets how large a document of the provider may be; 1 MiB unless set.
    pub fn jwks_max_bytes(self, max_bytes: usize) -> Self {
        self.remote(move |keys| keys.max_bytes(max_bytes))
    }

    /// Sets how many keys a set may have; 100 unless set.
    pub fn jwks_max_keys(mut self, max_keys: usize) -> Self {
        self.remote.max_keys = Some(max_keys);
        self
    }

    /// Sets the pause between fetches for unknown keys, after two at once; 10 seconds unless set.
    pub fn jwks_unknown_key_interval(self, interval: Duration) -> Self {
        self.remote(move |keys| keys.unknown_key_interval(interval))
    }

    /// Allows plain http to this host; loopback is always allowed.
    ///
    /// # Security
    ///
    /// Whoever can change what this host answers can sign tokens.
    pub fn allow_http_host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        self.remote(move |keys| keys.allow_http_host(host))
    }

    /// Trusts these certificates (PEM) of the provider beside the system's.
    pub fn ca_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        let pem = pem.into();
        self.remote(move |keys| keys.ca_pem(pem))
    }

    fn remote(
        mut self,
        configure: impl FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder + Send + 'static,
    ) -> Self {
        self.remote.configure.push(Box::new(configure));
        self
    }
}

#[cfg(feature = "remote")]
impl Remote {
    fn is_unset(&self) -> bool {
        self.jwks_url.is_none() && self.max_keys.is_none() && self.configure.is_empty()
    }

    fn build(
        self,
        issuer: &str,
        algorithms: Algorithms,
        clock: Arc<dyn Clock>,
    ) -> Result<RemoteKeys, ConfigError> {
        let mut rules = linchpin_jwt::KeyRules::new(algorithms);
        if let Some(max) = self.max_keys {
            if max == 0 {
                return Err(ConfigError::single(
                    "max_keys",
                    "is zero",
                    "give what a set may have, for example 100",
                ));
            }
            rules = rules.max_keys(max);
        }
        let builder = match self.jwks_url {
            Some(url) => RemoteKeys::jwks_url(url, rules),
            None => RemoteKeys::discovery(issuer, rules),
        };
        self.configure.into_iter().fold(builder.clock(clock), |builder, configure| configure(builder)).build()
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Stands in while settings are checked of which those of the keys are wrong; it never gets into an `Auth`.
struct NoKeys;

impl KeySource for NoKeys {
    fn algorithms(&self) -> Algorithms {
        Algorithms::default()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Err(Reason::KeysUnavailable.into())
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        Refresh::Refused(Reason::KeysUnavailable.into())
    }
}
