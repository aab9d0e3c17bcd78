//! Several issuers behind one verifier.

use std::{collections::HashMap, fmt, sync::Arc};

use linchpin_core::{ConfigError, Outcome, Reason, Timestamp, VerifyToken};

use crate::{
    Invalidation, TokenCache, TooManyInvalidations, Verifier,
    cache::Cache,
    claims::{Peeked, peek_issuer},
    jws::Jws,
};

/// Several issuers, each with a complete [`Verifier`] of its own: keys, algorithms, audience, profile and limits.
///
/// A token is led to one of them by its `iss`, byte for byte, before anything of it is verified, and is never tried with
/// another one's keys. From there on it hears exactly what that verifier alone would say. Clones are cheap and share
/// everything.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use linchpin_core::{Clock, Outcome, SystemClock, VerifyToken};
/// use linchpin_jwt::{Algorithm, Issuers, KeySet, SigningKey, Verifier};
///
/// let (school, lms) = (SigningKey::generate(Algorithm::ES256)?, SigningKey::generate(Algorithm::EdDSA)?);
/// let keys = |key: &SigningKey| KeySet::builder([key.algorithm()]).jwk(&key.public_jwk().to_string()).build();
/// let issuers = Issuers::new([
///     Verifier::builder("https://id.example", Arc::new(keys(&school)?)).audience("grades").build()?,
///     Verifier::builder("https://lms.example/oauth2", Arc::new(keys(&lms)?)).audience("openedx").build()?,
/// ])?;
///
/// let expiry = SystemClock.now().as_unix_seconds() + 60;
/// let claims = serde_json::json!({"iss": "https://lms.example/oauth2", "aud": "openedx", "exp": expiry});
/// assert!(matches!(issuers.verify(&lms.sign_jwt(&claims), SystemClock.now()), Outcome::Ready(Ok(_))));
/// assert!(matches!(issuers.verify(&school.sign_jwt(&claims), SystemClock.now()), Outcome::Ready(Err(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What a token hears
///
/// One that is malformed, or whose `iss` is missing, not a string or unknown, is refused at once, whatever its signature
/// is. With one issuer alone, nothing is looked at before the signature, as in [`Verifier`] itself.
///
/// # Security
///
/// `iss` is read before the signature is verified, and decides only whose rules count; under these it is read again, with
/// all other claims, after the signature. A second `iss` in a token, or one that is spelled with escapes, gains nothing.
#[derive(Clone)]
pub struct Issuers {
    inner: Arc<Inner>,
}

struct Inner {
    /// In the order in which they were given.
    verifiers: Vec<Verifier>,
    by_issuer: HashMap<Box<str>, usize>,
    schemes: Vec<&'static str>,
    max_token_bytes: usize,
    /// Of the tokens of all issuers: where it knows one, `iss` need not be looked for.
    cache: Arc<Cache>,
}

impl Issuers {
    /// These issuers and no others.
    ///
    /// # Errors
    ///
    /// If there is none, or if two have the same name.
    pub fn new(verifiers: impl IntoIterator<Item = Verifier>) -> Result<Self, ConfigError> {
        let verifiers: Vec<Verifier> = verifiers.into_iter().collect();
        let mut problems = ConfigError::collect();
        if verifiers.is_empty() {
            problems.report("issuer", "is missing", "give at least one issuer");
        }
        let (mut by_issuer, mut schemes) = (HashMap::new(), Vec::new());
        for (index, verifier) in verifiers.iter().enumerate() {
            if by_issuer.insert(verifier.issuer().into(), index).is_some() {
                let problem = format!("{:?} is given twice", verifier.issuer());
                problems.report("issuer", problem, "give each issuer once, with all of its audiences");
            }
            for scheme in verifier.schemes() {
                if !schemes.contains(scheme) {
                    schemes.push(*scheme);
                }
            }
        }
        problems.check()?;
        let max_token_bytes = verifiers.iter().map(Verifier::max_token_bytes).max().unwrap_or_default();
        let cache = verifiers.iter().map(Verifier::token_cache).reduce(TokenCache::or_larger);
        let cache = Arc::new(Cache::new(cache.unwrap_or(TokenCache::OFF)));
        Ok(Self { inner: Arc::new(Inner { verifiers, by_issuer, schemes, max_token_bytes, cache }) })
    }

    /// The issuers' names, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.verifiers.iter().map(Verifier::issuer)
    }

    /// Refuses these tokens from now on, of each issuer that is meant; see [`Verifier::invalidate`].
    ///
    /// # Errors
    ///
    /// If an issuer has too many invalidations to keep another one; the others have it nevertheless.
    pub fn invalidate(&self, invalidation: &Invalidation) -> Result<(), TooManyInvalidations> {
        let told = self.inner.verifiers.iter().map(|verifier| verifier.invalidate(invalidation));
        told.fold(Ok(()), Result::and)
    }

    /// Finds the verifier of a token and lets it decide.
    fn route(&self, token: &str, now: Timestamp, accepts: impl Fn(&Verifier) -> bool) -> Outcome {
        let cache = &self.inner.cache;
        let remembered = cache.find(token, |entry| {
            let verifier = self.inner.verifiers.get(entry.verifier);
            verifier.is_some_and(|verifier| accepts(verifier) && verifier.still_accepts(entry, now))
        });
        if let Some(caller) = remembered {
            return Outcome::Ready(Ok(caller));
        }
        let routed = || {
            if token.len() > self.inner.max_token_bytes {
                return Err(Reason::TokenTooLarge);
            }
            let jws = Jws::parse(token)?;
            let (place, verifier) = self.verifier_of(&jws.payload)?;
            if accepts(verifier) { Ok((place, verifier, jws)) } else { Err(Reason::UnsupportedScheme) }
        };
        match routed() {
            Ok((place, verifier, jws)) => verifier.verify_jws(token, jws, now, (cache, place)),
            Err(reason) => Outcome::Ready(Err(reason.into())),
        }
    }

    fn verifier_of(&self, payload: &[u8]) -> Result<(usize, &Verifier), Reason> {
        let issuer = match peek_issuer(payload) {
            Peeked::Issuer(issuer) => issuer,
            Peeked::Nothing(reason) => return Err(reason),
        };
        let place = *self.inner.by_issuer.get(&*issuer).ok_or(Reason::WrongIssuer)?;
        Ok((place, self.inner.verifiers.get(place).ok_or(Reason::WrongIssuer)?))
    }
}

impl VerifyToken for Issuers {
    fn verify(&self, token: &str, now: Timestamp) -> Outcome {
        match &*self.inner.verifiers {
            [only] => only.verify(token, now),
            _ => self.route(token, now, |_| true),
        }
    }

    /// A scheme counts for the issuers whose profile has it, and for no other.
    fn verify_under(&self, scheme: &str, token: &str, now: Timestamp) -> Outcome {
        match &*self.inner.verifiers {
            [only] => only.verify_under(scheme, token, now),
            _ => self.route(token, now, |verifier| {
                verifier.schemes().iter().any(|own| own.eq_ignore_ascii_case(scheme))
            }),
        }
    }

    /// The schemes of all issuers; challenges have the first one of the first issuer.
    fn schemes(&self) -> &[&'static str] {
        &self.inner.schemes
    }

    /// Whether at least one issuer's tokens could be accepted now.
    ///
    /// Were it all of them, the outage of one would take the service away from the callers of the others.
    fn is_ready(&self, now: Timestamp) -> bool {
        self.inner.verifiers.iter().any(|verifier| verifier.is_ready(now))
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
