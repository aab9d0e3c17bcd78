//! The issuer itself: who it is and which keys it has.

use std::{fmt, io, sync::Arc};

use linchpin_core::{Caller, Clock, Outcome, Reason, Refusal, SystemClock, Timestamp, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, Verifier, VerifierBuilder};
use serde_json::Value;

use crate::{
    ServedIssuer, TokenBuilder,
    keyring::{Keyring, LiveKeys},
    tls::Tls,
};

/// An issuer within the test: it signs tokens with real keys and needs no network.
///
/// Keys are generated when they are first needed, one for each algorithm that a token is signed in. Clones share them.
///
/// | | unless set by the [builder](Self::builder) |
/// |---|---|
/// | issuer | `https://issuer.test` |
/// | audience | `tests` |
/// | algorithm | `ES256`, since an RSA key takes a while to generate |
/// | clock | the operating system's |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_core::{FakeClock, Reason};
/// use linchpin_test::TestIssuer;
///
/// let clock = FakeClock::default();
/// let issuer = TestIssuer::builder().audience("grades").clock(clock.clone()).build();
///
/// let token = issuer.token("ann").sign();
/// assert!(issuer.verify(&token).is_ok());
///
/// clock.advance(Duration::from_secs(2 * 3600));
/// assert_eq!(issuer.verify(&token).unwrap_err().reason(), Reason::Expired);
/// ```
///
/// # Security
///
/// `Debug` shows names and no keys.
#[derive(Clone)]
pub struct TestIssuer {
    issuer: String,
    audience: String,
    clock: Arc<dyn Clock>,
    keys: Arc<Keyring>,
}

impl TestIssuer {
    /// An issuer with the defaults of the table above.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts an issuer that differs from the defaults.
    pub fn builder() -> TestIssuerBuilder {
        TestIssuerBuilder {
            issuer: "https://issuer.test".to_owned(),
            audience: "tests".to_owned(),
            algorithm: Algorithm::ES256,
            clock: Arc::new(SystemClock),
        }
    }

    /// A new issuer with the defaults that is [served](Self::serve) on a loopback port.
    ///
    /// # Errors
    ///
    /// If no loopback port can be had.
    pub async fn start() -> io::Result<ServedIssuer> {
        Self::new().serve().await
    }

    /// Publishes discovery and keys on a free loopback port, whose URL is the issuer from then on.
    ///
    /// Keys are shared with the clones of this issuer, the new name is not.
    ///
    /// # Errors
    ///
    /// If no loopback port can be had.
    pub async fn serve(self) -> io::Result<ServedIssuer> {
        ServedIssuer::start(self, None).await
    }

    /// Like [`serve`](Self::serve), over TLS and with a [certificate](ServedIssuer::certificate_pem) that nobody has signed.
    ///
    /// # Errors
    ///
    /// If no loopback port or no certificate can be had.
    pub async fn serve_tls(self) -> io::Result<ServedIssuer> {
        ServedIssuer::start(self, Some(Tls::generate()?)).await
    }

    pub(crate) fn renamed(self, issuer: String) -> Self {
        Self { issuer, ..self }
    }

    /// Starts a token for this subject, valid for an hour unless changed.
    pub fn token(&self, subject: &str) -> TokenBuilder<'_> {
        TokenBuilder::new(self, subject)
    }

    /// Its name, the `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// For whom its tokens are, their `aud`.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The time by its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys that it publishes, as the JSON of a JWK Set (RFC 7517 §5).
    ///
    /// Among them is a key for each algorithm in which a token was signed so far; the shared secrets of the HMAC
    /// algorithms are never.
    pub fn jwk_set(&self) -> String {
        self.keys.published().to_string()
    }

    /// All keys that it has at the moment, shared secrets included, for any algorithm.
    ///
    /// It is a picture of this moment: keys that come later are not in it, keys that are withdrawn stay.
    pub fn key_set(&self) -> Arc<KeySet> {
        self.keys.ready()
    }

    /// A verifier for its tokens: its issuer, audience and clock, any algorithm, and its keys as they are at each moment.
    ///
    /// # Panics
    ///
    /// If the issuer or the audience was set to an empty text.
    pub fn verifier(&self) -> Verifier {
        self.verifier_builder().build().expect("a test issuer has a name and an audience")
    }

    /// The same verifier, unfinished, to give it a profile or a leeway.
    ///
    /// # Examples
    ///
    /// ```
    /// # use linchpin_test::TestIssuer;
    /// use linchpin_jwt::Profile;
    ///
    /// let verifier = TestIssuer::new().verifier_builder().profile(Profile::OpenEdx).build()?;
    /// # Ok::<(), linchpin_core::ConfigError>(())
    /// ```
    pub fn verifier_builder(&self) -> VerifierBuilder {
        Verifier::builder(&self.issuer, LiveKeys(self.keys.clone()))
            .audience(&self.audience)
            .clock(self.clock.clone())
    }

    /// Verifies a token with the issuer's [own verifier](Self::verifier), now.
    ///
    /// # Errors
    ///
    /// The refusal of the verifier.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, Refusal> {
        match self.verifier().verify(token, self.now()) {
            Outcome::Ready(result) => result,
            // Never so: the live keys have nothing to wait for.
            Outcome::Pending(_) => Err(Reason::KeysUnavailable.into()),
        }
    }

    /// The public half of the current key in PEM.
    ///
    /// # Panics
    ///
    /// If the issuer's algorithm is one of HMAC, whose keys have no public half.
    pub fn public_pem(&self) -> String {
        public_pem(&self.keys, self.keys.algorithm())
    }

    /// Replaces the current keys by new ones, and keeps the old ones published.
    pub fn rotate(&self) {
        self.keys.rotate();
    }

    /// Replaces the current keys by new ones under the same key ids, as providers should not and some do.
    pub fn swap_keys(&self) {
        self.keys.swap();
    }

    /// Takes back the keys that [`rotate`](Self::rotate) replaced: tokens signed with them are refused from now on.
    pub fn withdraw_old_keys(&self) {
        self.keys.withdraw_old();
    }

    /// Publishes one more JWK, as it is: a key of another program, or one that nobody should use.
    ///
    /// It stands in [`jwk_set`](Self::jwk_set) and in what a [`ServedIssuer`] answers, at the end; the issuer neither signs
    /// nor verifies with it.
    ///
    /// # Examples
    ///
    /// ```
    /// let issuer = linchpin_test::TestIssuer::new();
    /// issuer.publish(serde_json::json!({"kty": "oct", "kid": "leaked", "k": "AAAA"}));
    /// assert!(issuer.jwk_set().contains("leaked"));
    /// ```
    pub fn publish(&self, jwk: impl Into<Value>) {
        self.keys.publish(jwk.into());
    }

    pub(crate) fn keys(&self) -> &Keyring {
        &self.keys
    }
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Puts a [`TestIssuer`] together.
#[must_use]
pub struct TestIssuerBuilder {
    issuer: String,
    audience: String,
    algorithm: Algorithm,
    clock: Arc<dyn Clock>,
}

impl TestIssuerBuilder {
    /// Sets its name; `https://issuer.test` unless set.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Sets for whom its tokens are; `tests` unless set.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Sets the algorithm in which it signs; ES256 unless set.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets its clock, such as a `FakeClock`; the operating system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The finished issuer.
    pub fn build(self) -> TestIssuer {
        let Self { issuer, audience, algorithm, clock } = self;
        TestIssuer { issuer, audience, clock, keys: Arc::new(Keyring::new(algorithm)) }
    }
}

impl fmt::Debug for TestIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuerBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

pub(crate) fn public_pem(keys: &Keyring, algorithm: Algorithm) -> String {
    keys.current(algorithm).public_pem().expect("the key of an HMAC algorithm has no public half")
}

#[cfg(test)]
mod tests {
    use linchpin_jwt::KeyRules;

    use super::*;

    fn reason(result: Result<Arc<Caller>, Refusal>) -> Option<Reason> {
        result.err().map(|refusal| refusal.reason())
    }

    #[test]
    fn the_token_of_every_algorithm_is_accepted() {
        let issuer = TestIssuer::new();

        for algorithm in Algorithm::ALL {
            let token = issuer.token("ann").algorithm(algorithm).sign();
            assert_eq!(issuer.verify(&token).unwrap().subject(), Some("ann"), "{algorithm}");
        }
    }

    #[test]
    fn shared_secrets_are_not_published() {
        let issuer = TestIssuer::builder().algorithm(Algorithm::HS512).build();
        issuer.token("ann").algorithm(Algorithm::HS256).sign();
        issuer.token("ann").algorithm(Algorithm::ES256).sign();

        let published: Value = serde_json::from_str(&issuer.jwk_set()).unwrap();

        let published = published["keys"].as_array().unwrap();
        assert_eq!(published.iter().map(|key| &key["kty"]).collect::<Vec<_>>(), ["EC"]);
        assert_eq!(issuer.key_set().len(), 3);
        assert_eq!(issuer.verify(&issuer.token("ann").sign()).unwrap().subject(), Some("ann"));
    }

    #[test]
    fn what_is_published_verifies_without_the_issuer() {
        let issuer = TestIssuer::builder().issuer("https://other.test").audience("grades").build();
        let token = issuer.token("ann").sign();

        let published = KeyRules::new([Algorithm::ES256]).read_jwk_set(issuer.jwk_set().as_bytes()).unwrap();
        let from_pem = KeySet::builder([Algorithm::ES256]).pem(&issuer.public_pem()).build().unwrap();

        for keys in [published, from_pem] {
            let verifier =
                Verifier::builder("https://other.test", Arc::new(keys)).audience("grades").build().unwrap();
            assert!(matches!(verifier.verify(&token, issuer.now()), Outcome::Ready(Ok(_))));
        }
    }

    #[test]
    fn an_old_key_counts_until_it_is_withdrawn() {
        let issuer = TestIssuer::new();
        let (snapshot, verifier_made_before) = (issuer.key_set(), issuer.verifier());
        let old = issuer.token("ann").sign();

        issuer.rotate();
        let new = issuer.token("ann").sign();
        assert_eq!(reason(issuer.verify(&old)), None);
        assert_eq!(reason(issuer.verify(&new)), None);
        assert!(matches!(verifier_made_before.verify(&new, issuer.now()), Outcome::Ready(Ok(_))));

        issuer.withdraw_old_keys();
        assert_eq!(reason(issuer.verify(&old)), Some(Reason::UnknownKey));
        assert_eq!(reason(issuer.verify(&new)), None);
        assert!(snapshot.verify_jws(&old).is_ok(), "a snapshot stays what it was");
    }

    #[test]
    fn debug_shows_no_key() {
        let issuer = TestIssuer::builder().algorithm(Algorithm::HS256).build();

        let shown = format!("{issuer:?} {:?}", issuer.token("ann-the-subject"));

        assert!(shown.contains("https://issuer.test"), "{shown}");
        assert!(!shown.contains("keys") && !shown.contains("ann-the-subject"), "{shown}");
    }
}
