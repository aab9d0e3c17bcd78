//! Verification of a token from its bytes to its caller.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use linchpin_core::{
    Caller, CallerBuilder, Clock, ConfigError, Outcome, Pending, Reason, Refusal, SystemClock, Timestamp,
    VerifyToken,
};

use crate::{
    Invalidation, KeySource, Profile, Refresh, RolesClaim, TokenCache, TooManyInvalidations,
    cache::{Accepted, Cache, Entry, Validity},
    claims::{Claims, Tenant, Version, is_registered},
    invalidation::Invalidations,
    jws::Jws,
    key_set::{KeySet, Verified},
    party::{Party, TENANT, is_tenant_id},
};

/// Verifies the JSON Web Tokens of one issuer.
///
/// A token is accepted if it is a strict JWS under one of the issuer's keys and an allowed algorithm, and if its claims say
/// that it is from this issuer, for this audience, of the profile's kind, and valid now. What is configured is required: a
/// token in which the claim is absent, or of another type, is refused. Clones are cheap and share everything.
///
/// What it has accepted it remembers ([`TokenCache`]), so that each token is verified once; [`invalidate`](Self::invalidate)
/// takes it back.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use linchpin_core::{Clock, Outcome, SystemClock, VerifyToken};
/// use linchpin_jwt::{Algorithm, KeySet, Verifier};
///
/// # let key = linchpin_jwt::SigningKey::generate(Algorithm::ES256)?;
/// # let issuers_pem = key.public_pem().unwrap_or_default();
/// # let expiry = SystemClock.now().as_unix_seconds() + 60;
/// # let claims = serde_json::json!({"iss": "https://id.example", "aud": "grades", "sub": "ann", "exp": expiry});
/// # let token = key.sign_jwt(&claims);
/// let keys = KeySet::builder([Algorithm::ES256]).pem(&issuers_pem).build()?;
/// let verifier = Verifier::builder("https://id.example", Arc::new(keys)).audience("grades").build()?;
///
/// let Outcome::Ready(Ok(caller)) = verifier.verify(&token, SystemClock.now()) else { panic!("refused") };
/// assert_eq!(caller.subject(), Some("ann"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    cache: Arc<Cache>,
    invalidations: Invalidations,
}

struct Rules {
    issuer: String,
    tenant: Option<String>,
    audiences: Vec<String>,
    client_ids: Vec<String>,
    any_audience: bool,
    profile: Profile,
    leeway: Duration,
    max_age: Option<Duration>,
    max_lifetime: Option<Duration>,
    roles: RolesClaim,
    max_token_bytes: usize,
}

impl Verifier {
    /// Starts a verifier for the tokens whose `iss` is `issuer`, byte for byte.
    ///
    /// An audience is mandatory: [`audience`](VerifierBuilder::audience) or [`client_ids`](VerifierBuilder::client_ids).
    pub fn builder(issuer: impl Into<String>, keys: impl KeySource) -> VerifierBuilder {
        VerifierBuilder {
            keys: Box::new(keys),
            clock: Arc::new(SystemClock),
            cache: TokenCache::default(),
            rules: Rules {
                issuer: issuer.into(),
                tenant: None,
                audiences: Vec::new(),
                client_ids: Vec::new(),
                any_audience: false,
                profile: Profile::default(),
                leeway: Duration::from_secs(30),
                max_age: None,
                max_lifetime: None,
                roles: RolesClaim::default(),
                max_token_bytes: 16 * 1024,
            },
        }
    }

    /// Refuses these tokens from now on, whether they were seen before or not.
    ///
    /// It counts for all clones and all threads, beginning with the next token that is looked at.
    ///
    /// # Errors
    ///
    /// If a hundred thousand token ids and subjects are kept already, none of which has [lapsed](Invalidation::until).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use linchpin_core::{Clock, Outcome, Reason, SystemClock, VerifyToken};
    /// # use linchpin_jwt::{Algorithm, Invalidation, KeySet, SigningKey, Verifier};
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let keys = KeySet::builder([Algorithm::ES256]).jwk(&key.public_jwk().to_string()).build()?;
    /// # let verifier = Verifier::builder("https://id.example", Arc::new(keys)).audience("grades").build()?;
    /// # let now = SystemClock.now();
    /// # let token = key.sign_jwt(&serde_json::json!({"iss": "https://id.example", "aud": "grades", "jti": "3f6e",
    /// #     "exp": now.as_unix_seconds() + 60}));
    /// assert!(matches!(verifier.verify(&token, now), Outcome::Ready(Ok(_))));
    ///
    /// verifier.invalidate(&Invalidation::token_id("3f6e"))?;
    ///
    /// let Outcome::Ready(Err(refusal)) = verifier.verify(&token, now) else { panic!("accepted") };
    /// assert_eq!(refusal.reason(), Reason::Revoked);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn invalidate(&self, invalidation: &Invalidation) -> Result<(), TooManyInvalidations> {
        if !invalidation.concerns(self.issuer()) {
            return Ok(());
        }
        let latest_expired = self.inner.clock.now().saturating_sub(self.inner.rules.leeway);
        self.inner.invalidations.add(invalidation, latest_expired)
    }
}

impl VerifyToken for Verifier {
    fn verify(&self, token: &str, now: Timestamp) -> Outcome {
        if let Some(caller) = self.inner.cache.find(token, |entry| self.still_accepts(entry, now)) {
            return Outcome::Ready(Ok(caller));
        }
        // What can be refused without keys is: a malformed token does not wait for anyone.
        match self.inner.parse(token) {
            Ok(jws) => self.verify_parsed(token, jws, now, (&self.inner.cache, 0)),
            Err(reason) => Outcome::Ready(Err(reason.into())),
        }
    }

    fn schemes(&self) -> &[&'static str] {
        self.inner.rules.profile.schemes()
    }

    fn is_ready(&self, now: Timestamp) -> bool {
        self.inner.keys.keys(now).is_ok()
    }
}

/// What [`Issuers`](crate::Issuers) asks of each of its verifiers.
impl Verifier {
    pub(crate) fn issuer(&self) -> &str {
        &self.inner.rules.issuer
    }

    pub(crate) fn max_token_bytes(&self) -> usize {
        self.inner.rules.max_token_bytes
    }

    pub(crate) fn token_cache(&self) -> TokenCache {
        self.inner.cache.limits()
    }

    /// Whether a token that was accepted before is to be accepted now.
    pub(crate) fn still_accepts(&self, entry: &Entry, now: Timestamp) -> bool {
        entry.validity.includes(now)
            && self.inner.is_not_invalidated(entry)
            && self.inner.keys.check(now, &|keys| entry.is_under(keys))
    }

    /// Verifies a token that has been taken apart already, and remembers it there if it is accepted.
    pub(crate) fn verify_jws(
        &self,
        token: &str,
        jws: Jws<'_>,
        now: Timestamp,
        cache: (&Arc<Cache>, usize),
    ) -> Outcome {
        match self.inner.check_size(token).and_then(|()| self.inner.check_envelope(&jws)) {
            Ok(()) => self.verify_parsed(token, jws, now, cache),
            Err(reason) => Outcome::Ready(Err(reason.into())),
        }
    }

    fn verify_parsed(
        &self,
        token: &str,
        jws: Jws<'_>,
        now: Timestamp,
        (cache, place): (&Arc<Cache>, usize),
    ) -> Outcome {
        let inner = &self.inner;
        let without_newer_keys: Refusal = match inner.keys.keys(now) {
            Ok(keys) => match inner.verify_with(token, jws, &keys, now) {
                Ok(accepted) => {
                    return Outcome::Ready(Ok(inner.remember(cache, place, accepted)));
                }
                Err(Failure::Refused(reason)) => {
                    if reason == Reason::BadSignature {
                        inner.keys.signature_failed(now);
                    }
                    return Outcome::Ready(Err(reason.into()));
                }
                Err(Failure::KeyMissing(reason)) => reason.into(),
            },
            Err(unavailable) => unavailable,
        };
        match inner.keys.refresh(now) {
            Refresh::Pending(newest) => {
                let (inner, cache, token) = (self.inner.clone(), cache.clone(), token.to_owned());
                Outcome::Pending(Pending::new(async move {
                    let keys = newest.await?;
                    match inner.verify_with(&token, inner.parse(&token)?, &keys, inner.clock.now()) {
                        Ok(accepted) => Ok(inner.remember(&cache, place, accepted)),
                        Err(Failure::Refused(reason) | Failure::KeyMissing(reason)) => Err(reason.into()),
                    }
                }))
            }
            // The source knows that there is no such key; whether one was tried, it does not know.
            Refresh::Refused(refusal) if refusal.reason() == Reason::UnknownKey => {
                Outcome::Ready(Err(without_newer_keys))
            }
            Refresh::Refused(refusal) => Outcome::Ready(Err(refusal)),
        }
    }
}

/// Why a token is not accepted under some keys.
enum Failure {
    /// Whatever the keys are, or under the key that it names.
    Refused(Reason),
    /// Its key is not there, and newer keys may have it; this is the reason if they do not.
    KeyMissing(Reason),
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl Inner {
    fn verify_with(
        &self,
        token: &str,
        jws: Jws<'_>,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Accepted, Failure> {
        match keys.verify(&jws, &self.rules.party()) {
            Verified::By(key) => {
                // Counted before it is looked at: what comes in between is looked at with the next request.
                let invalidations = self.invalidations.count();
                let claims_bytes = jws.payload.len();
                let (caller, validity) = self.rules.accept(jws.payload, now)?;
                let token: Arc<str> = token.into();
                let caller = caller.token(token.clone()).build();
                self.invalidations.check(&caller)?;
                let (caller, seen_in) = (Arc::new(caller), keys.id());
                Ok(Accepted { token, caller, claims_bytes, key, seen_in, invalidations, validity })
            }
            Verified::No(reason) => Err(Failure::Refused(reason)),
            Verified::KeyMissing(reason) => Err(Failure::KeyMissing(reason)),
        }
    }

    fn remember(&self, cache: &Cache, place: usize, accepted: Accepted) -> Arc<Caller> {
        let caller = accepted.caller.clone();
        // One of several issuers may have turned it off for itself.
        if !self.cache.limits().is_off() {
            cache.remember(place, accepted);
        }
        caller
    }

    fn is_not_invalidated(&self, entry: &Entry) -> bool {
        let count = self.invalidations.count();
        if entry.invalidations.load(Ordering::Relaxed) == count {
            return true;
        }
        let is_fine = self.invalidations.check(entry.caller()).is_ok();
        if is_fine {
            entry.invalidations.store(count, Ordering::Relaxed);
        }
        is_fine
    }

    /// Everything that can be said about a token before its key is looked for.
    fn parse<'t>(&self, token: &'t str) -> Result<Jws<'t>, Reason> {
        self.check_size(token)?;
        let jws = Jws::parse(token)?;
        self.check_envelope(&jws)?;
        Ok(jws)
    }

    fn check_size(&self, token: &str) -> Result<(), Reason> {
        if token.len() > self.rules.max_token_bytes { Err(Reason::TokenTooLarge) } else { Ok(()) }
    }

    fn check_envelope(&self, jws: &Jws<'_>) -> Result<(), Reason> {
        if !self.keys.algorithms().contains(jws.algorithm) {
            return Err(Reason::AlgorithmNotAllowed);
        }
        if !self.rules.profile.accepts_type(jws.header.typ.as_deref()) {
            return Err(Reason::WrongTokenType);
        }
        Ok(())
    }
}

impl Rules {
    /// Whose tokens these are, for keys that are not for everybody's.
    fn party(&self) -> Party<'_> {
        Party { issuer: &self.issuer, tenant: self.tenant.as_deref() }
    }

    /// Decides about the payload of a token whose signature is valid.
    fn accept(&self, payload: Vec<u8>, now: Timestamp) -> Result<(CallerBuilder, Validity), Reason> {
        let payload = String::from_utf8(payload).map_err(|_| Reason::MalformedClaims)?;
        let mut claims = Claims::read(&payload, self.roles.path(), self.profile == Profile::OpenEdx)?;
        self.check(&claims, now)?;
        let validity = self.validity(&claims);

        let scopes = claims.take_scopes();
        let mut caller = Caller::builder(claims.issuer.unwrap_or_default())
            .audience(claims.audience.unwrap_or_default())
            .scopes(scopes)
            .roles(claims.roles);
        if self.profile == Profile::OpenEdx {
            caller = caller.filters(claims.filters).restricted(claims.is_restricted);
        }
        if let Some(subject) = claims.subject {
            caller = caller.subject(subject);
        }
        if let Some(client_id) = claims.client_id.or(claims.authorized_party).or(claims.okta_client_id) {
            caller = caller.client_id(client_id);
        }
        if let Some(token_id) = claims.token_id {
            caller = caller.token_id(token_id);
        }
        if let Some(at) = claims.expires_at {
            caller = caller.expires_at(at);
        }
        if let Some(at) = claims.not_before {
            caller = caller.not_before(at);
        }
        if let Some(at) = claims.issued_at {
            caller = caller.issued_at(at);
        }
        if let Some(acr) = claims.acr {
            caller = caller.acr(acr);
        }
        if let Some(at) = claims.auth_time {
            caller = caller.auth_time(at);
        }
        Ok((caller.claims_json(payload), validity))
    }

    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), Reason> {
        if claims.issuer.as_ref().ok_or(Reason::MissingIssuer)? != &self.issuer {
            return Err(Reason::WrongIssuer);
        }
        // The issuer names the tenant already; a token that contradicts itself is not believed.
        match (&self.tenant, &claims.tenant) {
            (None, _) | (_, Tenant::Absent) => {}
            (Some(ours), Tenant::Named(tenant)) if tenant == ours => {}
            (Some(_), Tenant::Named(_) | Tenant::Malformed) => return Err(Reason::WrongIssuer),
        }
        self.check_audience(claims)?;
        self.check_kind(claims)?;
        self.check_times(claims, now)
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Reason> {
        // RFC 7519 §4.1.3: a token meant for several audiences is ours if any one of them matches.
        if !self.audiences.is_empty() {
            let audience = claims.audience.as_ref().ok_or(Reason::MissingAudience)?;
            if !audience.iter().any(|audience| self.audiences.iter().any(|ours| **ours == **audience)) {
                return Err(Reason::WrongAudience);
            }
        }
        if !self.client_ids.is_empty() {
            let client_id = claims.client_id.as_ref().ok_or(Reason::MissingClientId)?;
            if !self.client_ids.contains(client_id) {
                return Err(Reason::WrongClientId);
            }
        }
        Ok(())
    }

    fn check_kind(&self, claims: &Claims) -> Result<(), Reason> {
        if claims.is_of_other_kind {
            return Err(Reason::WrongTokenType);
        }
        if claims.is_bound_to_key {
            return Err(Reason::KeyBoundToken);
        }
        match self.profile {
            Profile::Generic => {}
            Profile::Rfc9068 => {
                // RFC 9068 §2.2; `aud` may have been opted out of, `exp` is demanded of every token.
                claims.audience.as_ref().ok_or(Reason::MissingAudience)?;
                claims.subject.as_ref().ok_or(Reason::MissingSubject)?;
                claims.client_id.as_ref().ok_or(Reason::MissingClientId)?;
                claims.issued_at.ok_or(Reason::MissingIssuedAt)?;
                claims.token_id.as_ref().ok_or(Reason::MissingTokenId)?;
            }
            Profile::OpenEdx => {
                if !matches!(claims.version, Version::Absent | Version::Major(1)) {
                    return Err(Reason::UnsupportedVersion);
                }
            }
        }
        Ok(())
    }

    /// The leeway moves each bound away from the token: it is used once, and never in the token's disfavour.
    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Reason> {
        let expires_at = claims.expires_at.ok_or(Reason::MissingExpiry)?;
        if now >= expires_at.saturating_add(self.leeway) {
            return Err(Reason::Expired);
        }
        let latest_start = now.saturating_add(self.leeway);
        if claims.not_before.is_some_and(|at| at > latest_start) {
            return Err(Reason::NotYetValid);
        }
        if claims.issued_at.is_some_and(|at| at > latest_start) {
            return Err(Reason::IssuedInFuture);
        }
        if let Some(max_age) = self.max_age {
            let issued_at = claims.issued_at.ok_or(Reason::MissingIssuedAt)?;
            if now > issued_at.saturating_add(max_age).saturating_add(self.leeway) {
                return Err(Reason::TokenTooOld);
            }
        }
        if let Some(max_lifetime) = self.max_lifetime {
            // Both times are the issuer's, so its clock does not matter and no leeway is given.
            let issued_at = claims.issued_at.ok_or(Reason::MissingIssuedAt)?;
            if expires_at > issued_at.saturating_add(max_lifetime) {
                return Err(Reason::LifetimeTooLong);
            }
        }
        Ok(())
    }
}

impl Rules {
    /// When [`check_times`](Self::check_times) accepts these claims; outside of it, that has the reason why it does not.
    fn validity(&self, claims: &Claims) -> Validity {
        let expiry = claims.expires_at.unwrap_or(Timestamp::UNIX_EPOCH).saturating_add(self.leeway);
        let too_old = self.max_age.zip(claims.issued_at).map(|(max_age, issued_at)| {
            issued_at.saturating_add(max_age).saturating_add(self.leeway).saturating_add(INSTANT)
        });
        let starts = claims.not_before.max(claims.issued_at);
        Validity {
            from: starts.map_or(FOREVER_AGO, |at| at.saturating_sub(self.leeway)),
            until: too_old.map_or(expiry, |too_old| too_old.min(expiry)),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.inner.rules.issuer).finish_non_exhaustive()
    }
}

/// Puts a [`Verifier`] together.
#[must_use]
pub struct VerifierBuilder {
    keys: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
    rules: Rules,
}

impl VerifierBuilder {
    /// Adds an audience: the token's `aud` has to name one of those that were added.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// Demands that the token's `client_id` is one of these, for providers that send no `aud` (Amazon Cognito).
    ///
    /// Beside an audience, both are demanded.
    pub fn client_ids(mut self, client_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rules.client_ids.extend(client_ids.into_iter().map(Into::into));
        self
    }

    /// Puts this tenant into the issuer, where `{tenantid}` stands, as Microsoft Entra has it.
    ///
    /// The result is the `iss` of the tokens, byte for byte, and if they have a claim `tid`, it is the tenant. A verifier is
    /// for one tenant: for several, give [`Issuers`](crate::Issuers) one for each, with the same keys
    /// ([`KeyRules::bind_to_issuers`](crate::KeyRules::bind_to_issuers)).
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.rules.tenant = Some(tenant.into());
        self
    }

    /// Accepts tokens that were meant for anyone.
    ///
    /// # Security
    ///
    /// Any service that is handed a token by one of its callers can then use it here (RFC 8725 §3.9). It is for gateways
    /// that check the audience elsewhere.
    pub fn dangerously_accept_any_audience(mut self) -> Self {
        self.rules.any_audience = true;
        self
    }

    /// Sets the kind of token; [`Profile::Generic`] unless set.
    ///
    /// The allow-list is not touched: it belongs to the keys.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.rules.profile = profile;
        self
    }

    /// Sets how far the issuer's clock may be off, for `exp`, `nbf` and `iat`; 30 seconds unless set, at most 10 minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// Refuses tokens that were issued longer ago than this, whatever their expiry says; off unless set.
    ///
    /// A token without `iat` is refused then. The leeway is given here as well.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.rules.max_age = Some(max_age);
        self
    }

    /// Refuses tokens whose `exp` lies further from their `iat` than this; off unless set.
    ///
    /// A token without `iat` is refused then.
    pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.rules.max_lifetime = Some(max_lifetime);
        self
    }

    /// Sets where the caller's roles stand; the claim `roles` unless set.
    pub fn roles(mut self, roles: RolesClaim) -> Self {
        self.rules.roles = roles;
        self
    }

    /// Sets the size beyond which a token is refused undecoded; 16 KiB unless set.
    pub fn max_token_bytes(mut self, max: usize) -> Self {
        self.rules.max_token_bytes = max;
        self
    }

    /// Sets how many verified tokens are remembered; see [`TokenCache`] for the default, and [`TokenCache::OFF`] for none.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.cache = cache;
        self
    }

    /// Sets the clock for verifications that had to wait; others are told the time by whoever asks.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The finished verifier.
    ///
    /// # Errors
    ///
    /// All that is wrong at once: no issuer, no audience, an empty one, a tenant too many or too few, or a leeway that is no
    /// leeway any more.
    pub fn build(mut self) -> Result<Verifier, ConfigError> {
        let mut problems = ConfigError::collect();
        match (&self.rules.tenant, self.rules.issuer.matches(TENANT).count()) {
            (None, 0) => {}
            (None, _) => {
                let problem = "are missing, and the issuer has a place for one";
                problems.report("tenants", problem, "list the ids of the tenants whose users may call");
            }
            (Some(tenant), _) if !is_tenant_id(tenant) => problems.report(
                "tenants",
                format!("hold {tenant:?}, which is no tenant id"),
                "give the id that stands in `iss` and `tid`, a GUID in lower case",
            ),
            (Some(tenant), 1) => self.rules.issuer = self.rules.issuer.replace(TENANT, tenant),
            (Some(_), 0) => {
                let fix = "write {tenantid} where it stands in the issuer, or leave the tenants out";
                problems.report("tenants", "are given, and the issuer has no place for one", fix);
            }
            (Some(_), _) => {
                problems.report("issuer", "has a place for a tenant twice", "write {tenantid} once");
            }
        }
        let rules = &self.rules;
        if rules.issuer.is_empty() {
            problems.report("issuer", "is empty", "give the `iss` of the tokens, usually the issuer's URL");
        }
        if rules.audiences.is_empty() && rules.client_ids.is_empty() && !rules.any_audience {
            problems.report(
                "audience",
                "is missing",
                "give the `aud` that the issuer puts into tokens for this service (or client_ids, if it sends none)",
            );
        }
        if rules.audiences.iter().any(String::is_empty) {
            problems.report(
                "audience",
                "is empty",
                "give the `aud` that the issuer puts into tokens for this service",
            );
        }
        if rules.client_ids.iter().any(String::is_empty) {
            problems.report("client_ids", "hold an empty one", "give the ids of the clients that may call");
        }
        if rules.any_audience && !rules.audiences.is_empty() {
            let problem = "is given, and any audience is accepted as well";
            problems.report("audience", problem, "decide for one of the two");
        }
        if rules.roles.path().is_empty() || rules.roles.path().first().is_some_and(|name| is_registered(name))
        {
            let problem = "are looked for in a claim that has another meaning";
            problems.report(
                "roles",
                problem,
                "name the claim that holds the list of roles, for example roles",
            );
        }
        if rules.max_token_bytes == 0 {
            problems.report("max_token_bytes", "is zero", "give what a token may have, for example 16384");
        }
        for (setting, limit) in [("max_age", rules.max_age), ("max_lifetime", rules.max_lifetime)] {
            if limit.is_some_and(|limit| limit.is_zero()) {
                problems.report(
                    setting,
                    "is zero",
                    "give what a token may have, or leave it out for no limit",
                );
            }
        }
        if rules.leeway > MAX_LEEWAY {
            problems.report(
                "leeway",
                format!("is {} seconds", rules.leeway.as_secs()),
                "clocks are seconds apart, not minutes: give at most 600",
            );
        }
        self.cache.check(&mut problems);
        problems.check()?;
        let (cache, invalidations) = (Arc::new(Cache::new(self.cache)), Invalidations::default());
        let Self { keys, clock, rules, .. } = self;
        Ok(Verifier { inner: Arc::new(Inner { keys, clock, rules, cache, invalidations }) })
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder").field("issuer", &self.rules.issuer).finish_non_exhaustive()
    }
}

/// The smallest step of a [`Timestamp`]: what is valid at a point in time is valid until one step later.
const INSTANT: Duration = Duration::from_micros(1);

const FOREVER_AGO: Timestamp = Timestamp::from_unix_micros(i64::MIN);

const MAX_LEEWAY: Duration = Duration::from_secs(600);
