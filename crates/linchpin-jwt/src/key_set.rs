//! Sets of keys, ready to verify.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use linchpin_core::{ConfigError, Reason, Refusal};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Algorithm, Algorithms, CryptoBackend, KeyError, KeyErrorKind, KeyMaterial, VerifySignature, jwk::Jwk,
    jws::Jws, party::Party, pem,
};

/// The keys of one issuer, each parsed once and bound to the algorithms that it may verify.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::{Algorithm, KeySet};
///
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// let keys = KeySet::builder([Algorithm::EdDSA]).pem(pem).build()?;
///
/// // RFC 8037 A.4
/// let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCj\
///     P0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
/// assert_eq!(keys.verify_jws(token)?, b"Example of Ed25519 signing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeySet {
    /// Another one for each set of this process.
    id: u64,
    keys: Vec<Arc<Key>>,
    algorithms: Algorithms,
    skipped: Vec<SkippedKey>,
}

/// One key, under the algorithms that it may verify.
pub(crate) struct Key {
    key_id: Option<Box<str>>,
    /// The issuer, or the template of issuers, for whose tokens alone the key is.
    issuer: Option<Box<str>>,
    /// What the key is made of, to know it again.
    material: KeyMaterial,
    verifiers: Vec<(Algorithm, Arc<dyn VerifySignature>)>,
}

/// A key of a set that is not used, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// The place of the key in the set, from zero.
    pub index: usize,
    /// Why it is not used.
    pub error: KeyError,
}

/// The result of looking for the key of a token.
pub(crate) enum Verified {
    /// This one of the fitting keys verifies the signature.
    By(Arc<Key>),
    /// The key that the token names does not verify it.
    No(Reason),
    /// There is no such key here; a newer set may have it. If none has, this is the reason.
    KeyMissing(Reason),
}

impl KeySet {
    /// Starts a set of keys that are configured by hand; `algorithms` is the allow-list.
    #[cfg(feature = "aws-lc-rs")]
    pub fn builder(algorithms: impl Into<Algorithms>) -> KeySetBuilder {
        Self::builder_with_backend(algorithms, crate::AwsLcRs)
    }

    /// Starts a set of keys that another backend prepares.
    pub fn builder_with_backend(
        algorithms: impl Into<Algorithms>,
        backend: impl CryptoBackend,
    ) -> KeySetBuilder {
        let rules = KeyRules::with_backend(algorithms, backend).allow_secrets();
        KeySetBuilder { rules, keys: Vec::new(), skipped: Vec::new(), problems: ConfigError::collect() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key; never so for a set that a builder or [`KeyRules`] made.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The allow-list under which the keys were read.
    pub fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// The keys that were in the source and are not used.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Verifies the signature of a compact JWS (RFC 7515 §5.2) and returns its payload, whatever that is.
    ///
    /// No claim is looked at, and the size of the token is not bounded; [`Verifier`](crate::Verifier) does both.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused: it is not a strict JWS, no key fits, or the signature does not verify.
    ///
    /// # Security
    ///
    /// A valid signature says who made the token, not for whom, for how long or for what.
    pub fn verify_jws(&self, token: &str) -> Result<Vec<u8>, Refusal> {
        let jws = Jws::parse(token)?;
        if !self.algorithms.contains(jws.algorithm) {
            return Err(Reason::AlgorithmNotAllowed.into());
        }
        // Nobody says whose token this is, so a key that is for one issuer's alone is for none.
        match self.verify(&jws, &Party { issuer: "", tenant: None }) {
            Verified::By(_) => Ok(jws.payload),
            Verified::No(reason) | Verified::KeyMissing(reason) => Err(reason.into()),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether this key, by what it is made of and what it is for, is in the set.
    pub(crate) fn contains(&self, key: &Arc<Key>) -> bool {
        self.keys.contains(key)
    }

    fn new(keys: Vec<Key>, algorithms: Algorithms, skipped: Vec<SkippedKey>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self { id, keys: keys.into_iter().map(Arc::new).collect(), algorithms, skipped }
    }

    /// Verifies with the key that the token names, or with the few that fit where it names none.
    pub(crate) fn verify(&self, jws: &Jws<'_>, party: &Party<'_>) -> Verified {
        let named = |key: &Key| key.key_id.is_some() && key.key_id.as_deref() == jws.header.kid.as_deref();
        let is_for_party = |key: &Key| key.issuer.as_ref().is_none_or(|issuer| party.may_use_key_of(issuer));
        if self.keys.iter().any(|key| named(key)) {
            // It is here, so newer keys would not help whoever is not meant to use it.
            if !self.keys.iter().any(|key| named(key) && is_for_party(key)) {
                return Verified::No(Reason::UnknownKey);
            }
            return self.try_each(
                jws,
                |key| named(key) && is_for_party(key),
                Verified::No(Reason::BadSignature),
                Verified::No(Reason::AlgorithmNotAllowed),
            );
        }
        // A key without a name fits any token; a token without a name fits any key.
        let nameless = |key: &Key| (key.key_id.is_none() || jws.header.kid.is_none()) && is_for_party(key);
        let missing = |reason| Verified::KeyMissing(reason);
        self.try_each(jws, nameless, missing(Reason::BadSignature), missing(Reason::UnknownKey))
    }

    fn try_each(
        &self,
        jws: &Jws<'_>,
        fits: impl Fn(&Key) -> bool,
        if_none_verifies: Verified,
        if_none_fits: Verified,
    ) -> Verified {
        let candidates = || {
            let fitting = self.keys.iter().filter(|key| fits(key));
            fitting.filter_map(|key| Some((key, key.for_algorithm(jws.algorithm)?)))
        };
        match candidates().count() {
            0 => if_none_fits,
            1..=MAX_TRIED => {
                let verifies = |(_, key): &(&Arc<Key>, &dyn VerifySignature)| {
                    key.verify(jws.signing_input.as_bytes(), &jws.signature)
                };
                match candidates().find(verifies) {
                    Some((key, _)) => Verified::By(key.clone()),
                    None => if_none_verifies,
                }
            }
            _ => Verified::No(Reason::AmbiguousKey),
        }
    }
}

/// Keys are equal if they verify the same tokens: the same material under the same name, with the same algorithms.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let algorithms = |key: &Self| -> Algorithms { key.verifiers.iter().map(|(own, _)| *own).collect() };
        self.key_id == other.key_id
            && self.issuer == other.issuer
            && algorithms(self) == algorithms(other)
            && self.material == other.material
    }
}

impl Key {
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<&dyn VerifySignature> {
        self.verifiers.iter().find(|(own, _)| *own == algorithm).map(|(_, verifier)| &**verifier)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.keys.len())
            .field("skipped", &self.skipped.len())
            .finish_non_exhaustive()
    }
}

/// How keys are read: which algorithms are allowed, and who does the cryptography.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::{Algorithm, KeyRules};
///
/// let published = br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"AKP","alg":"ML-DSA-44","kid":"b","pub":"AAAA"}
/// ]}"#;
/// let keys = KeyRules::new([Algorithm::EdDSA]).read_jwk_set(published)?;
///
/// assert_eq!((keys.len(), keys.skipped().len()), (1, 1), "a key of the future does not disturb");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRules {
    algorithms: Algorithms,
    backend: Arc<dyn CryptoBackend>,
    secrets: bool,
    bound_to_issuers: bool,
    max_keys: usize,
}

impl KeyRules {
    /// Rules with this allow-list, over aws-lc-rs.
    #[cfg(feature = "aws-lc-rs")]
    pub fn new(algorithms: impl Into<Algorithms>) -> Self {
        Self::with_backend(algorithms, crate::AwsLcRs)
    }

    /// Rules with this allow-list, over another backend.
    pub fn with_backend(algorithms: impl Into<Algorithms>, backend: impl CryptoBackend) -> Self {
        Self {
            algorithms: algorithms.into(),
            backend: Arc::new(backend),
            secrets: false,
            bound_to_issuers: false,
            max_keys: 100,
        }
    }

    /// Takes shared secrets (`kty` of `oct`) too.
    ///
    /// # Security
    ///
    /// Only for keys that were configured by hand: what an issuer publishes is no secret.
    #[must_use]
    pub fn allow_secrets(mut self) -> Self {
        self.secrets = true;
        self
    }

    /// Honours the member `issuer` that Microsoft Entra adds to the keys which all tenants share.
    ///
    /// Such a key verifies the tokens of that issuer only; where it holds `{tenantid}`, those of every
    /// [tenant](crate::VerifierBuilder::tenant). For other providers the member has no meaning, and is ignored unless asked for.
    ///
    /// # Security
    ///
    /// Without it, a key that Entra keeps to personal accounts could sign tokens in the name of an organisation.
    #[must_use]
    pub fn bind_to_issuers(mut self) -> Self {
        self.bound_to_issuers = true;
        self
    }

    /// Refuses sets with more keys than this; 100 unless set.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// The allow-list.
    pub fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// Reads a JWK Set (RFC 7517 §5), skipping the keys that cannot be used, are ambiguous, or stand there a second time.
    ///
    /// # Errors
    ///
    /// If the text is not a JSON object with one list `keys`, has more keys than allowed, or has none that can be used.
    pub fn read_jwk_set(&self, json: &[u8]) -> Result<KeySet, KeySetError> {
        // The keys stay text until they are known not to be too many.
        #[derive(Deserialize)]
        struct Document<'j> {
            #[serde(borrow)]
            keys: Vec<&'j RawValue>,
        }

        // A derived reader takes a list for an object whose members have no names.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(KeySetError::Malformed);
        }
        // It refuses a second `keys`, so no two readers see two different sets in one.
        let document: Document<'_> = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        if document.keys.len() > self.max_keys {
            return Err(KeySetError::TooManyKeys { max: self.max_keys });
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, jwk) in document.keys.iter().enumerate() {
            match self.prepare_jwk(jwk.get()) {
                Ok(key) if keys.contains(&key) => skipped.push(SkippedKey { index, error: DUPLICATE }),
                Ok(key) => keys.push(key),
                Err(error) => skipped.push(SkippedKey { index, error }),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped });
        }
        Ok(KeySet::new(keys, self.algorithms, skipped))
    }

    fn prepare_jwk(&self, json: &str) -> Result<Key, KeyError> {
        let Jwk { key_id, material, algorithms, issuer } =
            Jwk::parse(json, self.algorithms, self.bound_to_issuers)?;
        Ok(Key { issuer: issuer.map(Into::into), ..self.prepare(key_id, material, algorithms)? })
    }

    fn prepare(
        &self,
        key_id: Option<String>,
        material: KeyMaterial,
        algorithms: Algorithms,
    ) -> Result<Key, KeyError> {
        if matches!(material, KeyMaterial::Secret(_)) && !self.secrets {
            return Err(KeyError::new(KeyErrorKind::Symmetric, "the key is a secret among published keys"));
        }
        let mut verifiers = Vec::new();
        for algorithm in algorithms.iter().filter(|algorithm| material.supports(*algorithm)) {
            match self.backend.prepare(&material, algorithm) {
                Ok(verifier) => verifiers.push((algorithm, verifier)),
                Err(error) if error.kind() == KeyErrorKind::Unsupported => {} // the others may still do
                Err(error) => return Err(error),
            }
        }
        if verifiers.is_empty() {
            return Err(KeyError::new(KeyErrorKind::NotAllowed, "no allowed algorithm fits the key"));
        }
        Ok(Key { key_id: key_id.map(Into::into), issuer: None, material, verifiers })
    }
}

/// The reason why a JWK Set is of no use.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is not a JSON object with one list `keys`.
    Malformed,
    /// It has more keys than are accepted.
    TooManyKeys {
        /// The most that are accepted.
        max: usize,
    },
    /// None of its keys can be used.
    NoUsableKey {
        /// Each of its keys, with the reason.
        skipped: Vec<SkippedKey>,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the key set is not a JSON object with one list `keys`"),
            Self::TooManyKeys { max } => write!(f, "the key set has more than {max} keys"),
            Self::NoUsableKey { skipped } if skipped.is_empty() => f.write_str("the key set is empty"),
            Self::NoUsableKey { skipped } => {
                f.write_str("the key set has no usable key (")?;
                for (i, SkippedKey { index, error }) in skipped.iter().enumerate() {
                    let separator = if i == 0 { "" } else { "; " };
                    write!(f, "{separator}key {index}: {error}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Error for KeySetError {}

/// Puts a [`KeySet`] together from keys that are configured by hand.
///
/// A key without an id verifies any token, so one PEM is enough whatever `kid` the issuer puts into its tokens.
#[derive(Debug)]
#[must_use]
pub struct KeySetBuilder {
    rules: KeyRules,
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
    problems: ConfigError,
}

impl KeySetBuilder {
    /// Honours the member `issuer` of keys that are added after this; see [`KeyRules::bind_to_issuers`].
    pub fn bind_to_issuers(mut self) -> Self {
        self.rules = self.rules.bind_to_issuers();
        self
    }

    /// Adds a public key in PEM, without a key id: a `PUBLIC KEY`, or an `RSA PUBLIC KEY`.
    pub fn pem(self, pem: &str) -> Self {
        self.add_pem(None, pem)
    }

    /// Adds a public key in PEM for the tokens that carry this `kid`.
    pub fn pem_with_id(self, key_id: impl Into<String>, pem: &str) -> Self {
        self.add_pem(Some(key_id.into()), pem)
    }

    /// Adds one JSON Web Key; a secret (`oct`) counts if the allow-list names an HMAC algorithm.
    pub fn jwk(mut self, json: &str) -> Self {
        let key = self.rules.prepare_jwk(json);
        self.add("jwk", key);
        self
    }

    /// Adds the keys of a JWK Set; those that cannot be used are skipped as long as one can.
    pub fn jwk_set(mut self, json: &str) -> Self {
        match self.rules.read_jwk_set(json.as_bytes()) {
            Ok(set) => {
                set.keys.into_iter().filter_map(Arc::into_inner).for_each(|key| self.add_once(key));
                self.skipped.extend(set.skipped);
            }
            Err(error) => self.problems.report("jwk_set", format!("cannot be used: {error}"), FIX_JWK_SET),
        }
        self
    }

    /// Adds a secret that is shared with the issuer; it has to be as long as the hash of its algorithm.
    pub fn secret(mut self, secret: &[u8]) -> Self {
        let key = KeyMaterial::secret(secret)
            .and_then(|material| self.rules.prepare(None, material, self.rules.algorithms));
        self.add("secret", key);
        self
    }

    /// The finished set.
    ///
    /// # Errors
    ///
    /// If a key that was added cannot be used, or none was added.
    pub fn build(mut self) -> Result<KeySet, ConfigError> {
        if self.rules.algorithms.is_empty() {
            self.problems.report("algorithms", "are empty", "allow at least one, for example RS256");
        } else if self.keys.is_empty() && self.problems.problems().is_empty() {
            self.problems.report("keys", "are missing", "add a PEM, a JWK, a JWK Set or a secret");
        }
        self.problems.check()?;
        Ok(KeySet::new(self.keys, self.rules.algorithms, self.skipped))
    }

    fn add_pem(mut self, key_id: Option<String>, pem: &str) -> Self {
        let key =
            pem::read(pem).and_then(|material| self.rules.prepare(key_id, material, self.rules.algorithms));
        self.add("pem", key);
        self
    }

    /// A key that is given twice, perhaps as PEM and in a set, counts once.
    fn add_once(&mut self, key: Key) {
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    fn add(&mut self, setting: &str, key: Result<Key, KeyError>) {
        match key {
            Ok(key) => self.add_once(key),
            Err(error) => {
                let fix = match error.kind() {
                    KeyErrorKind::NotAllowed => "allow the algorithm that the issuer signs with",
                    _ => {
                        "give a public key of the issuer: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519"
                    }
                };
                self.problems.report(setting, format!("cannot be used: {error}"), fix);
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The most keys that are tried for one token, whether it names none or several have the name.
const MAX_TRIED: usize = 4;

const DUPLICATE: KeyError = KeyError::new(KeyErrorKind::Duplicate, "the key stands in the set already");

const FIX_JWK_SET: &str = "give the JSON that the issuer publishes at its `jwks_uri`";
