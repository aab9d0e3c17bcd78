//! The settings of one issuer and of the layer, made in code.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::{Clock, ConfigError, Extensions, Gate, Refusal, ResourceMetadata, SystemClock};
use linchpin_jwt::{Algorithms, Issuers, KeySource, Profile, RolesClaim, TokenCache};
#[cfg(feature = "remote")]
use linchpin_oauth::{Fetch, RemoteKeysBuilder};

use crate::{
    Auth,
    issuer::{Built, Issuer, Keys, StaticKey},
};

/// Puts an [`Auth`] together, or one issuer of [several](Auth::several).
#[must_use]
pub struct AuthBuilder {
    pub(crate) issuer: Issuer,
    pub(crate) entrance: Entrance,
}

impl AuthBuilder {
    pub(crate) fn new(issuer: String) -> Self {
        Self { issuer: Issuer::new(issuer), entrance: Entrance::default() }
    }

    /// Adds an audience: the token's `aud` has to name one of those that were added.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.issuer.audiences.push(audience.into());
        self
    }

    /// Demands that the token's `client_id` is one of these, for providers that send no `aud` (Amazon Cognito).
    pub fn client_ids(mut self, client_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.issuer.client_ids.extend(client_ids.into_iter().map(Into::into));
        self
    }

    /// Takes the issuer for that of these tenants and no others, each of which stands for `{tenantid}` in it.
    ///
    /// It is the form of Microsoft Entra; [`entra_id_tenants`](Auth::entra_id_tenants) has the rest of it. A tenant is its id,
    /// a GUID in lower case, as it stands in `tid`. The tenants share all settings and keys, and a key that is published for one
    /// issuer alone verifies no other's tokens; of a [key source](Self::key_source) of your own, that is for the source to see to
    /// ([`KeyRules::bind_to_issuers`](linchpin_jwt::KeyRules::bind_to_issuers)).
    pub fn tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.issuer.tenants.extend(tenants.into_iter().map(Into::into));
        self.issuer.is_for_tenants = true;
        self
    }

    /// Accepts tokens that were meant for anyone.
    ///
    /// # Security
    ///
    /// See [`VerifierBuilder::dangerously_accept_any_audience`](linchpin_jwt::VerifierBuilder::dangerously_accept_any_audience).
    pub fn dangerously_accept_any_audience(mut self) -> Self {
        self.issuer.any_audience = true;
        self
    }

    /// Sets the kind of token; [`Profile::Generic`] unless set.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.issuer.profile = profile;
        self
    }

    /// Sets the allow-list; the profile's unless set.
    pub fn algorithms(mut self, algorithms: impl Into<Algorithms>) -> Self {
        self.issuer.algorithms = Some(algorithms.into());
        self
    }

    /// Sets how far the issuer's clock may be off; 30 seconds unless set.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.issuer.leeway = Some(leeway);
        self
    }

    /// Refuses tokens that were issued longer ago than this, whatever their expiry says; off unless set.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.issuer.max_age = Some(max_age);
        self
    }

    /// Refuses tokens whose `exp` lies further from their `iat` than this; off unless set.
    pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.issuer.max_lifetime = Some(max_lifetime);
        self
    }

    /// Sets where the caller's roles stand among the claims; the claim `roles` unless set.
    pub fn roles(mut self, roles: RolesClaim) -> Self {
        self.issuer.roles = roles;
        self
    }

    /// Sets the size beyond which a token is refused undecoded; 16 KiB unless set.
    pub fn max_token_bytes(mut self, max: usize) -> Self {
        self.issuer.max_token_bytes = Some(max);
        self
    }

    /// Sets how many verified tokens are remembered; [`TokenCache::OFF`] for none.
    ///
    /// Several issuers share one cache, as large as the largest that is set for one of them.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.issuer.token_cache = cache;
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
        self.issuer.keys_are_given_twice |= !matches!(self.issuer.keys, Keys::Unset);
        self.issuer.keys = Keys::Source(Arc::new(source));
        self
    }

    /// Decides by another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.entrance.clock = Some(Arc::new(clock));
        self
    }

    /// Names the protection space in challenges.
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        self.entrance.set("realm", move |gate| gate.realm(realm));
        self
    }

    /// Runs `hook` on every refusal: to count it, or to add to the body. See [`Gate::on_refusal`].
    pub fn on_refusal(mut self, hook: impl Fn(&Refusal, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.entrance.set("on_refusal", move |gate| gate.on_refusal(hook));
        self
    }

    /// Says in challenges where the resource describes itself (RFC 9728). See [`Gate::resource_metadata`].
    pub fn resource_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        let metadata = metadata.clone();
        self.entrance.set("resource_metadata", move |gate| gate.resource_metadata(&metadata));
        self
    }

    /// Tells callers which roles they lack; off unless set. See [`Gate::name_roles`].
    pub fn name_roles(mut self) -> Self {
        self.entrance.set("name_roles", Gate::name_roles);
        self
    }

    /// The finished `Auth`. Unless keys were given, they are fetched in the background of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// All wrong and missing settings at once. A provider that is down is no error: requests are answered 503 until it is
    /// there.
    pub fn build(self) -> Result<Auth, ConfigError> {
        let clock = self.entrance.clock();
        self.entrance.build(vec![self.issuer.build(clock)?])
    }

    fn static_key(mut self, key: StaticKey) -> Self {
        match &mut self.issuer.keys {
            Keys::Static(keys) => keys.push(key),
            Keys::Unset => self.issuer.keys = Keys::Static(vec![key]),
            Keys::Source(_) => self.issuer.keys_are_given_twice = true,
        }
        self
    }
}

/// Settings of keys that are fetched; an error beside keys that are given.
#[cfg(feature = "remote")]
impl AuthBuilder {
    /// Fetches the keys from this URL instead of discovering it; tokens are still checked against the issuer.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.issuer.remote.jwks_url = Some(url.into());
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
        self.issuer.remote.max_keys = Some(max_keys);
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
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        let pem = pem.into();
        self.issuer.remote.has_ca_pem = true;
        self.remote(move |keys| keys.ca_pem(pem))
    }

    /// Fetches with an HTTP client of your own.
    pub fn fetch_with(mut self, fetcher: impl Fetch) -> Self {
        self.issuer.remote.start_with = Some(Box::new(move |keys| keys.build_with(fetcher)));
        self
    }

    fn remote(
        mut self,
        configure: impl FnOnce(RemoteKeysBuilder) -> RemoteKeysBuilder + Send + 'static,
    ) -> Self {
        self.issuer.remote.configure.push(Box::new(configure));
        self
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("issuer", &self.issuer.name).finish_non_exhaustive()
    }
}

/// Puts an [`Auth`] for several issuers together; made by [`Auth::several`].
///
/// What is set here counts for all of them. The settings of an issuer are made at that issuer, and reported by its place,
/// such as `issuer[1].audience`.
#[must_use]
pub struct Several {
    issuers: Vec<AuthBuilder>,
    entrance: Entrance,
}

impl Several {
    pub(crate) fn new(issuers: impl IntoIterator<Item = AuthBuilder>) -> Self {
        Self { issuers: issuers.into_iter().collect(), entrance: Entrance::default() }
    }

    /// Decides by another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.entrance.clock = Some(Arc::new(clock));
        self
    }

    /// Names the protection space in challenges.
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        self.entrance.set("realm", move |gate| gate.realm(realm));
        self
    }

    /// Runs `hook` on every refusal: to count it, or to add to the body. See [`Gate::on_refusal`].
    pub fn on_refusal(mut self, hook: impl Fn(&Refusal, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.entrance.set("on_refusal", move |gate| gate.on_refusal(hook));
        self
    }

    /// Says in challenges where the resource describes itself (RFC 9728). See [`Gate::resource_metadata`].
    pub fn resource_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        let metadata = metadata.clone();
        self.entrance.set("resource_metadata", move |gate| gate.resource_metadata(&metadata));
        self
    }

    /// Tells callers which roles they lack; off unless set. See [`Gate::name_roles`].
    pub fn name_roles(mut self) -> Self {
        self.entrance.set("name_roles", Gate::name_roles);
        self
    }

    /// The finished `Auth`. Keys that were not given are fetched in the background of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// All wrong and missing settings of all issuers at once; also if there is no issuer, or one twice.
    pub fn build(self) -> Result<Auth, ConfigError> {
        let mut problems = ConfigError::collect();
        let clock = self.entrance.clock();
        let mut built = Vec::new();
        for (index, AuthBuilder { issuer, entrance }) in self.issuers.into_iter().enumerate() {
            let place = |setting: &str| format!("issuer[{index}].{setting}");
            for setting in entrance.is_set() {
                let problem = "is set for one issuer, and counts for all";
                problems.report(place(setting), problem, "set it after Auth::several");
            }
            let issuer = issuer.build(clock.clone());
            built.extend(problems.take(issuer.map_err(|error| error.rename(|setting| Some(place(setting))))));
        }
        problems.check()?;
        self.entrance.build(built)
    }
}

impl fmt::Debug for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Several").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

/// What counts for all issuers of a layer.
#[derive(Default)]
pub(crate) struct Entrance {
    clock: Option<Arc<dyn Clock>>,
    /// The settings of the gate that are set, by name, and what they do.
    set: Vec<&'static str>,
    configure: Vec<Box<dyn FnOnce(Gate) -> Gate + Send>>,
}

impl Entrance {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock))
    }

    fn set(&mut self, setting: &'static str, configure: impl FnOnce(Gate) -> Gate + Send + 'static) {
        self.set.push(setting);
        self.configure.push(Box::new(configure));
    }

    fn is_set(&self) -> impl Iterator<Item = &'static str> {
        self.clock.is_some().then_some("clock").into_iter().chain(self.set.iter().copied())
    }

    fn build(self, built: Vec<Built>) -> Result<Auth, ConfigError> {
        let clock = self.clock();
        let (mut verifiers, mut sources) = (Vec::new(), Vec::new());
        for issuer in built {
            verifiers.extend(issuer.verifiers);
            sources.push(issuer.source);
        }
        let issuers = Issuers::new(verifiers)?;
        let gate = Gate::new(Arc::new(issuers.clone())).clock(clock.clone());
        let gate = self.configure.into_iter().fold(gate, |gate, configure| configure(gate));
        Ok(Auth { issuers, gate, clock, sources: sources.into() })
    }
}
