//! Tokens, right in every respect except the one that a test is about.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use linchpin_core::Timestamp;
use linchpin_jwt::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};

use crate::{TestIssuer, issuer::public_pem};

/// Makes one token of a [`TestIssuer`].
///
/// Unless changed it is valid under every profile: the header has `alg`, `typ` of `at+jwt` and the key's `kid`, the claims
/// are `iss`, `aud`, `sub`, `client_id` (`test-client`), `iat` (now), `exp` (in an hour) and a `jti` of its own. There is no
/// scope, no role and no `nbf`.
///
/// # Examples
///
/// ```
/// use linchpin_core::Reason;
/// use linchpin_test::TestIssuer;
/// use serde_json::json;
///
/// let issuer = TestIssuer::new();
/// let refused = |token: String| issuer.verify(&token).unwrap_err().reason();
///
/// assert_eq!(refused(issuer.token("ann").expired().sign()), Reason::Expired);
/// assert_eq!(refused(issuer.token("ann").without("aud").sign()), Reason::MissingAudience);
/// assert_eq!(refused(issuer.token("ann").claim("sub", 7).sign()), Reason::MalformedSubject);
/// assert_eq!(refused(issuer.token("ann").header("crit", json!(["exp"])).sign()), Reason::CriticalHeader);
/// assert_eq!(refused(issuer.token("ann").unsigned().sign()), Reason::AlgorithmNotAllowed);
/// ```
#[must_use = "a token is made by `sign`"]
pub struct TokenBuilder<'a> {
    issuer: &'a TestIssuer,
    now: Timestamp,
    algorithm: Algorithm,
    signer: Signer<'a>,
    claims: Map<String, Value>,
    /// Members set (or with `None` removed) in this order, after those that the algorithm and the key give.
    header: Vec<(String, Option<Value>)>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
    tamper: Option<Tamper<'a>>,
    breaks_signature: bool,
    pads: bool,
}

type Tamper<'a> = Box<dyn FnOnce(&mut Map<String, Value>) + 'a>;

/// Who signs.
enum Signer<'a> {
    Issuer,
    Stranger(&'a SigningKey),
    PublicKeyAsSecret,
    Nobody,
}

impl<'a> TokenBuilder<'a> {
    pub(crate) fn new(issuer: &'a TestIssuer, subject: &str) -> Self {
        let now = issuer.now();
        let builder = Self {
            issuer,
            now,
            algorithm: issuer.keys().algorithm(),
            signer: Signer::Issuer,
            claims: Map::new(),
            header: Vec::new(),
            raw_header: None,
            raw_payload: None,
            tamper: None,
            breaks_signature: false,
            pads: false,
        };
        builder
            .claim("iss", issuer.issuer())
            .claim("aud", issuer.audience())
            .claim("sub", subject)
            .claim("client_id", "test-client")
            .claim("iat", now.as_unix_seconds())
            .claim("jti", next_token_id())
            .expires_in(HOUR)
    }

    /// Sets `aud` to one audience; the issuer's unless set.
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `aud` to a list of audiences.
    pub fn audiences<'t>(self, audiences: impl IntoIterator<Item = &'t str>) -> Self {
        self.claim("aud", audiences.into_iter().collect::<Vec<_>>())
    }

    /// Sets `scope`: scopes separated by spaces, as RFC 9068 §2.2.3 has them.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Sets `roles`.
    pub fn roles<'t>(self, roles: impl IntoIterator<Item = &'t str>) -> Self {
        self.claim("roles", roles.into_iter().collect::<Vec<_>>())
    }

    /// Sets a claim to any JSON, right or wrong.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Sets `exp` to this long from now; an hour unless set.
    pub fn expires_in(self, duration: Duration) -> Self {
        let at = self.now.saturating_add(duration);
        self.claim("exp", at.as_unix_seconds())
    }

    /// Makes a token that was issued two hours ago and expired an hour ago, beyond any leeway.
    pub fn expired(self) -> Self {
        let (issued_at, expired_at) = (self.now.saturating_sub(2 * HOUR), self.now.saturating_sub(HOUR));
        self.claim("iat", issued_at.as_unix_seconds()).claim("exp", expired_at.as_unix_seconds())
    }

    /// Sets `nbf` to half an hour from now, beyond any leeway and before the expiry.
    pub fn not_yet_valid(self) -> Self {
        let at = self.now.saturating_add(HOUR / 2);
        self.claim("nbf", at.as_unix_seconds())
    }

    /// Sets `iat` to half an hour from now, beyond any leeway and before the expiry.
    pub fn issued_in_future(self) -> Self {
        let at = self.now.saturating_add(HOUR / 2);
        self.claim("iat", at.as_unix_seconds())
    }

    /// Sets a header member to any JSON, right or wrong; also `alg`, which then differs from how the token is signed.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Leaves a header member out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.push((name.to_owned(), None));
        self
    }

    /// Sets the header's `typ`; `at+jwt` unless set.
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets the header's `kid`, or leaves it out; the id of the issuer's key unless set.
    pub fn key_id(self, key_id: Option<&str>) -> Self {
        match key_id {
            Some(key_id) => self.header("kid", key_id),
            None => self.without_header("kid"),
        }
    }

    /// Signs in this algorithm, with the issuer's key for it; the issuer's own algorithm unless set.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Signs with a key that is not the issuer's, and in that key's algorithm.
    ///
    /// The header still names the issuer's key, as a forger would; `.key_id(key.key_id())` names the stranger's.
    pub fn signed_by(mut self, key: &'a SigningKey) -> Self {
        self.signer = Signer::Stranger(key);
        self.algorithm(key.algorithm())
    }

    /// Signs in HS256 with the public key's PEM as the secret, which fools verifiers that let the token choose.
    ///
    /// [`sign`](Self::sign) panics if the issuer's algorithm has no public keys.
    pub fn signed_with_public_key_as_secret(mut self) -> Self {
        self.signer = Signer::PublicKeyAsSecret;
        self
    }

    /// Leaves the signature empty and says so: `alg` is `none`.
    pub fn unsigned(mut self) -> Self {
        self.signer = Signer::Nobody;
        self
    }

    /// Uses this text as the header, whatever it is; the signature covers it.
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Uses this text as the payload, whatever it is; the signature covers it.
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// Flips one bit of the signature.
    pub fn with_broken_signature(mut self) -> Self {
        self.breaks_signature = true;
        self
    }

    /// Changes the claims after they have been signed.
    ///
    /// The change starts from the claims that were set here, not from a raw payload.
    pub fn tampered(mut self, change: impl FnOnce(&mut Map<String, Value>) + 'a) -> Self {
        self.tamper = Some(Box::new(change));
        self
    }

    /// Pads each part with `=`, as base64 does elsewhere; the signature covers the padded parts.
    pub fn padded(mut self) -> Self {
        self.pads = true;
        self
    }

    /// The finished token.
    pub fn sign(mut self) -> String {
        let header = self.encode(self.header_text());
        let payload = self.raw_payload.take().unwrap_or_else(|| json!(self.claims).to_string());
        let input = format!("{header}.{}", self.encode_payload(payload));

        let mut signature = match self.signer {
            Signer::Issuer => self.issuer.keys().current(self.algorithm).sign_bytes(input.as_bytes()),
            Signer::Stranger(key) => key.sign_bytes(input.as_bytes()),
            Signer::PublicKeyAsSecret => {
                let secret = public_pem(self.issuer.keys(), self.algorithm);
                let key = SigningKey::from_secret(Algorithm::HS256, secret.as_bytes());
                key.expect("every PEM is long enough for HS256").sign_bytes(input.as_bytes())
            }
            Signer::Nobody => Vec::new(),
        };
        if self.breaks_signature
            && let Some(first) = signature.first_mut()
        {
            *first ^= 1;
        }
        let sent = match self.tamper.take() {
            Some(change) => {
                change(&mut self.claims);
                format!("{header}.{}", self.encode_payload(json!(self.claims).to_string()))
            }
            None => input,
        };
        format!("{sent}.{}", self.encode(signature))
    }

    fn header_text(&self) -> String {
        if let Some(text) = &self.raw_header {
            return text.clone();
        }
        let algorithm = match self.signer {
            Signer::Issuer | Signer::Stranger(_) => self.algorithm.name(),
            Signer::PublicKeyAsSecret => Algorithm::HS256.name(),
            Signer::Nobody => "none",
        };
        let mut members =
            Map::from_iter([("alg".to_owned(), algorithm.into()), ("typ".to_owned(), "at+jwt".into())]);
        if let Some(key_id) = self.issuer.keys().current(self.algorithm).key_id() {
            members.insert("kid".to_owned(), key_id.into());
        }
        for (name, value) in self.header.iter().cloned() {
            match value {
                Some(value) => members.insert(name, value),
                None => members.remove(&name),
            };
        }
        json!(members).to_string()
    }

    fn encode_payload(&self, mut payload: String) -> String {
        // The space after the JSON means nothing, and makes sure that there is something to pad.
        if self.pads && payload.len().is_multiple_of(3) {
            payload.push(' ');
        }
        self.encode(&payload)
    }

    fn encode(&self, bytes: impl AsRef<[u8]>) -> String {
        if self.pads { URL_SAFE.encode(bytes) } else { URL_SAFE_NO_PAD.encode(bytes) }
    }
}

impl fmt::Debug for TokenBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// An identifier that no other token of this process has.
fn next_token_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);

    format!("token-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

const HOUR: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use linchpin_core::Reason;
    use linchpin_jwt::Profile;

    use super::*;

    type Spoil = fn(TokenBuilder<'_>) -> TokenBuilder<'_>;

    fn reason(issuer: &TestIssuer, token: TokenBuilder<'_>) -> Option<Reason> {
        issuer.verify(&token.sign()).err().map(|refusal| refusal.reason())
    }

    #[test]
    fn a_token_is_valid_under_every_profile() {
        use linchpin_core::{Outcome, VerifyToken};
        let issuer = TestIssuer::new();
        let token = issuer.token("ann").scope("a b").roles(["admin"]).claim("tenant", "acme").sign();

        for profile in [Profile::Generic, Profile::Rfc9068, Profile::OpenEdx] {
            let verifier = issuer.verifier_builder().profile(profile).build().unwrap();
            let Outcome::Ready(Ok(caller)) = verifier.verify(&token, issuer.now()) else {
                panic!("refused under {profile}");
            };
            assert_eq!((caller.subject(), caller.client_id()), (Some("ann"), Some("test-client")));
            assert!(caller.has_scope("a") && caller.has_scope("b") && caller.has_role("admin"));
            assert_eq!(caller.claims::<Value>().unwrap()["tenant"], "acme");
        }
    }

    #[test]
    fn every_bad_token_is_refused_for_the_reason_that_it_was_made_for() {
        let issuer = TestIssuer::new();
        let cases: &[(&str, Spoil, Reason)] = &[
            ("other issuer", |t| t.claim("iss", "https://other.test"), Reason::WrongIssuer),
            ("no issuer", |t| t.without("iss"), Reason::MissingIssuer),
            ("other audience", |t| t.audience("other"), Reason::WrongAudience),
            ("other audiences", |t| t.audiences(["other", "another"]), Reason::WrongAudience),
            ("no audience", |t| t.without("aud"), Reason::MissingAudience),
            ("audience of a wrong type", |t| t.claim("aud", json!({"a": 1})), Reason::MalformedAudience),
            ("no expiry", |t| t.without("exp"), Reason::MissingExpiry),
            ("expired", |t| t.expired(), Reason::Expired),
            ("no lifetime", |t| t.expires_in(Duration::ZERO).claim("exp", 1), Reason::Expired),
            ("not yet valid", |t| t.not_yet_valid(), Reason::NotYetValid),
            ("issued in the future", |t| t.issued_in_future(), Reason::IssuedInFuture),
            ("subject of a wrong type", |t| t.claim("sub", 7), Reason::MalformedSubject),
            ("an ID token", |t| t.typ("id+jwt"), Reason::WrongTokenType),
            ("a critical header", |t| t.header("crit", json!(["b64"])), Reason::CriticalHeader),
            ("no algorithm", |t| t.without_header("alg"), Reason::MalformedHeader),
            ("unsigned", |t| t.unsigned(), Reason::AlgorithmNotAllowed),
            ("unsigned in disguise", |t| t.unsigned().header("alg", "ES256"), Reason::BadSignature),
            ("unknown key", |t| t.key_id(Some("other")), Reason::UnknownKey),
            ("algorithm swapped", |t| t.header("alg", "RS256"), Reason::AlgorithmNotAllowed),
            ("public key as secret", |t| t.signed_with_public_key_as_secret(), Reason::AlgorithmNotAllowed),
            ("broken signature", |t| t.with_broken_signature(), Reason::BadSignature),
            ("tampered", |t| t.tampered(|claims| claims["sub"] = "ben".into()), Reason::BadSignature),
            ("padded", |t| t.padded(), Reason::MalformedToken),
            ("raw header", |t| t.raw_header(r#"{"alg":"ES256","alg":"ES256"}"#), Reason::MalformedHeader),
            ("raw payload", |t| t.raw_payload(r#"{"iss":"a","iss":"b"}"#), Reason::MalformedClaims),
        ];

        for (name, spoil, expected) in cases {
            assert_eq!(reason(&issuer, spoil(issuer.token("ann"))), Some(*expected), "{name}");
        }
    }

    #[test]
    fn a_token_without_a_key_id_is_still_good() {
        let issuer = TestIssuer::new();

        assert_eq!(reason(&issuer, issuer.token("ann").key_id(None)), None);
        assert_eq!(reason(&issuer, issuer.token("ann").audiences(["other", "tests"])), None);
        assert_eq!(reason(&issuer, issuer.token("ann").typ("JWT")), None);
    }

    #[test]
    fn a_strangers_token_is_refused_under_either_name() {
        let issuer = TestIssuer::new();
        let stranger = SigningKey::generate(Algorithm::ES256).unwrap();

        let forged = issuer.token("ann").signed_by(&stranger);
        assert_eq!(reason(&issuer, forged), Some(Reason::BadSignature));
        let honest = issuer.token("ann").signed_by(&stranger).key_id(stranger.key_id());
        assert_eq!(reason(&issuer, honest), Some(Reason::UnknownKey));
        let nameless = issuer.token("ann").signed_by(&stranger).key_id(None);
        assert_eq!(reason(&issuer, nameless), Some(Reason::BadSignature));
    }

    #[test]
    fn a_public_key_does_not_become_a_secret_beside_a_real_one() {
        let issuer = TestIssuer::new();
        issuer.token("ann").algorithm(Algorithm::HS256).sign();

        let forged = issuer.token("ann").signed_with_public_key_as_secret().key_id(None);

        assert_eq!(reason(&issuer, forged), Some(Reason::BadSignature));
    }

    #[test]
    fn a_padded_token_always_has_padding() {
        let issuer = TestIssuer::builder().algorithm(Algorithm::HS384).build();

        for length in 0..3 {
            let token = issuer.token(&"a".repeat(length)).padded().sign();
            assert!(token.contains('='), "{token}");
        }
    }
}
