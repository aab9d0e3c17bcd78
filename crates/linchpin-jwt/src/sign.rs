//! Signing, for tests, development identity providers and client assertions.

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    hmac, rand,
    rsa::KeySize,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};
use serde::Serialize;
use serde_json::{Value, json};
use spki::der::SecretDocument;

use crate::{Algorithm, KeyError, KeyErrorKind, KeyMaterial, base64url, pem};

/// A key that signs tokens of one algorithm.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::{Algorithm, KeySet, SigningKey};
/// use serde_json::json;
///
/// let key = SigningKey::generate(Algorithm::ES256)?;
/// let token = key.sign_jwt(&json!({"iss": "https://id.example", "sub": "ann"}));
///
/// let keys = KeySet::builder([Algorithm::ES256]).jwk(&key.public_jwk().to_string()).build()?;
/// assert_eq!(keys.verify_jws(&token)?, br#"{"iss":"https://id.example","sub":"ann"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// `Debug` shows the algorithm and the key id only.
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    secret: Secret,
    public: KeyMaterial,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Shared(Box<hmac::Key>), // boxed: its state is thirty times the size of the others
}

impl SigningKey {
    /// A new random key for `algorithm`, with its thumbprint (RFC 7638) as key id.
    ///
    /// RSA keys have 2048 bits, secrets the length of the hash.
    ///
    /// # Errors
    ///
    /// If the system's randomness fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        const FAILED: KeyError = KeyError::new(KeyErrorKind::Unsupported, "no key could be generated");

        let secret = match algorithm {
            _ if algorithm.is_symmetric() => {
                let mut bytes = vec![0; hmac_algorithm(algorithm).digest_algorithm().output_len()];
                rand::fill(&mut bytes).map_err(|_| FAILED)?;
                return Self::from_secret(algorithm, &bytes);
            }
            Algorithm::EdDSA => Secret::Ed25519(Ed25519KeyPair::generate().map_err(|_| FAILED)?),
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => {
                Secret::Ec(EcdsaKeyPair::generate(ecdsa_algorithm(algorithm)).map_err(|_| FAILED)?)
            }
            _ => Secret::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| FAILED)?),
        };
        Self::of_pair(algorithm, secret)
    }

    /// A private key for `algorithm` from PEM (PKCS #8, `-----BEGIN PRIVATE KEY-----`), with its thumbprint (RFC 7638) as key
    /// id.
    ///
    /// `openssl genpkey` writes this form. RSA keys have 2048 bits at least.
    ///
    /// # Errors
    ///
    /// If the text is not one such key, or it does not fit the algorithm.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let malformed = |message| KeyError::new(KeyErrorKind::Malformed, message);
        let (label, document) =
            SecretDocument::from_pem(pem.trim()).map_err(|_| malformed("the text is not one PEM block"))?;
        match label {
            "PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" => {
                let message = "the private key is encrypted; `openssl pkey` writes it in the clear";
                return Err(KeyError::new(KeyErrorKind::Unsupported, message));
            }
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                let message = "the PEM is not in PKCS #8, which `openssl pkcs8 -topk8 -nocrypt` makes of it";
                return Err(KeyError::new(KeyErrorKind::Unsupported, message));
            }
            _ => return Err(KeyError::new(KeyErrorKind::Unsupported, "the PEM is not a PRIVATE KEY")),
        }
        let pkcs8 = document.as_bytes();
        let unfit = malformed("the PEM does not hold a well-formed private key that fits the algorithm");
        let secret = match algorithm {
            _ if algorithm.is_symmetric() => {
                let message = "the algorithm takes a shared secret, and the PEM is a private key";
                return Err(KeyError::new(KeyErrorKind::Unsupported, message));
            }
            Algorithm::EdDSA => {
                Secret::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| unfit)?)
            }
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => {
                Secret::Ec(EcdsaKeyPair::from_pkcs8(ecdsa_algorithm(algorithm), pkcs8).map_err(|_| unfit)?)
            }
            _ => Secret::Rsa(RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| unfit)?),
        };
        Self::of_pair(algorithm, secret)
    }

    /// The public half is read like that of anybody else, so that a weak key is refused here, too.
    fn of_pair(algorithm: Algorithm, secret: Secret) -> Result<Self, KeyError> {
        const FAILED: KeyError = KeyError::new(KeyErrorKind::Unsupported, "the key has no public half");

        let public = match &secret {
            Secret::Rsa(pair) => pem::read_spki(pair.public_key().as_der().map_err(|_| FAILED)?.as_ref())?,
            Secret::Ec(pair) => pem::read_spki(pair.public_key().as_der().map_err(|_| FAILED)?.as_ref())?,
            Secret::Ed25519(pair) => KeyMaterial::ed25519(pair.public_key().as_ref())?,
            Secret::Shared(_) => return Err(FAILED),
        };
        Ok(Self { algorithm, key_id: None, secret, public }.with_thumbprint_as_key_id())
    }

    /// A secret shared with the verifier, without key id.
    ///
    /// # Errors
    ///
    /// If `algorithm` is not one of HMAC, or the secret is shorter than its hash.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let public = KeyMaterial::secret(secret)?;
        if !public.supports(algorithm) {
            return Err(KeyError::new(KeyErrorKind::Weak, "the secret does not fit the algorithm"));
        }
        let secret = Secret::Shared(Box::new(hmac::Key::new(hmac_algorithm(algorithm), secret)));
        Ok(Self { algorithm, key_id: None, secret, public })
    }

    /// Names the key; `None` leaves it nameless, as an Open edX LMS does.
    #[must_use]
    pub fn with_key_id(mut self, key_id: Option<&str>) -> Self {
        self.key_id = key_id.map(str::to_owned);
        self
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's name.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public half as a JSON Web Key (RFC 7517) with `use`, `alg` and, if the key has a name, `kid`.
    ///
    /// # Security
    ///
    /// Of a shared secret there is no public half: its JWK is the secret itself.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.thumbprint_members();
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm.name());
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = json!(key_id);
        }
        jwk
    }

    /// The public half as SubjectPublicKeyInfo in PEM; `None` for a shared secret.
    pub fn public_pem(&self) -> Option<String> {
        let der = match &self.secret {
            Secret::Rsa(pair) => pair.public_key().as_der(),
            Secret::Ec(pair) => pair.public_key().as_der(),
            Secret::Ed25519(pair) => pair.public_key().as_der(),
            Secret::Shared(_) => return None,
        };
        let document = spki::Document::try_from(der.ok()?.as_ref()).ok()?;
        document.to_pem("PUBLIC KEY", spki::der::pem::LineEnding::LF).ok()
    }

    /// Signs `claims` under the header `{"alg":…,"typ":"JWT","kid":…}`.
    ///
    /// # Panics
    ///
    /// If the claims do not serialize to JSON, such as a map with keys that are not text.
    pub fn sign_jwt(&self, claims: &impl Serialize) -> String {
        let mut header = json!({"alg": self.algorithm.name(), "typ": "JWT"});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        self.sign_compact(&header.to_string(), &json!(claims).to_string())
    }

    /// Signs `payload` under `header` in the compact form (RFC 7515 §3.1), both exactly as given.
    ///
    /// Nothing of the header is checked or added, so that a test can say anything.
    pub fn sign_compact(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = base64url::encode(self.sign_bytes(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// Signs `input` and returns the bare signature, ECDSA in the fixed-length form.
    pub fn sign_bytes(&self, input: &[u8]) -> Vec<u8> {
        const RANDOM: &str = "a key that could be made can sign as long as the system has randomness";

        let random = rand::SystemRandom::new();
        match &self.secret {
            Secret::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(self.algorithm), &random, input, &mut signature).expect(RANDOM);
                signature
            }
            Secret::Ec(pair) => pair.sign(&random, input).expect(RANDOM).as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
            Secret::Shared(key) => hmac::sign(key, input).as_ref().to_vec(),
        }
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638 §3).
    fn with_thumbprint_as_key_id(mut self) -> Self {
        // serde_json sorts members unless a feature says otherwise; sorted is what the RFC asks for.
        let members: std::collections::BTreeMap<String, Value> =
            self.thumbprint_members().as_object().cloned().unwrap_or_default().into_iter().collect();
        let hash = digest::digest(&digest::SHA256, json!(members).to_string().as_bytes());
        self.key_id = Some(base64url::encode(hash));
        self
    }

    fn thumbprint_members(&self) -> Value {
        match &self.public {
            KeyMaterial::Rsa { n, e } => {
                json!({"e": base64url::encode(e), "kty": "RSA", "n": base64url::encode(n)})
            }
            KeyMaterial::Ec { curve, x, y } => {
                json!({"crv": curve.name(), "kty": "EC", "x": base64url::encode(x), "y": base64url::encode(y)})
            }
            KeyMaterial::Ed25519 { x } => json!({"crv": "Ed25519", "kty": "OKP", "x": base64url::encode(x)}),
            KeyMaterial::Secret(k) => json!({"k": base64url::encode(k), "kty": "oct"}),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

fn ecdsa_algorithm(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}

fn hmac_algorithm(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeySet;

    fn to_pem(der: &[u8], label: &'static str) -> String {
        SecretDocument::try_from(der)
            .unwrap()
            .to_pem(label, spki::der::pem::LineEnding::LF)
            .unwrap()
            .to_string()
    }

    fn pkcs8(algorithm: Algorithm) -> Vec<u8> {
        match SigningKey::generate(algorithm).unwrap().secret {
            Secret::Rsa(pair) => pair.as_der().unwrap().as_ref().to_vec(),
            Secret::Ec(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Secret::Shared(_) => unreachable!("not asked for"),
        }
    }

    #[test]
    fn a_private_key_from_pem_signs_what_its_public_half_verifies() {
        for algorithm in [
            Algorithm::RS256,
            Algorithm::PS512,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::ES512,
            Algorithm::EdDSA,
        ] {
            let pem = format!("\n{}\n", to_pem(&pkcs8(algorithm), "PRIVATE KEY"));

            let key = SigningKey::from_pkcs8_pem(algorithm, &pem).unwrap();
            let again = SigningKey::from_pkcs8_pem(algorithm, &pem).unwrap();

            assert!(key.key_id().is_some() && key.key_id() == again.key_id(), "{algorithm}");
            let keys = KeySet::builder([algorithm]).jwk(&again.public_jwk().to_string()).build().unwrap();
            assert!(keys.verify_jws(&key.sign_jwt(&json!({"sub": "ann"}))).is_ok(), "{algorithm}");
        }
    }

    #[test]
    fn what_is_no_fitting_private_key_is_told() {
        let es256 = pkcs8(Algorithm::ES256);
        let good = to_pem(&es256, "PRIVATE KEY");
        let kind = |algorithm, pem: &str| SigningKey::from_pkcs8_pem(algorithm, pem).unwrap_err().kind();

        for algorithm in [Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA] {
            assert_eq!(kind(algorithm, &good), KeyErrorKind::Malformed, "{algorithm}");
        }
        assert_eq!(kind(Algorithm::HS256, &good), KeyErrorKind::Unsupported);
        for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY"] {
            assert_eq!(kind(Algorithm::ES256, &to_pem(&es256, label)), KeyErrorKind::Unsupported, "{label}");
        }
        for bad in [
            "",
            "secret",
            &format!("{good}{good}"),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert_eq!(kind(Algorithm::ES256, bad), KeyErrorKind::Malformed, "{bad}");
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfcs() {
        let thumbprint = |public| {
            let SigningKey { algorithm, secret, .. } = SigningKey::generate(Algorithm::EdDSA).unwrap();
            let key = SigningKey { algorithm, key_id: None, secret, public }.with_thumbprint_as_key_id();
            key.key_id.unwrap()
        };
        // RFC 7638 §3.1
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = KeyMaterial::rsa(&base64url::decode(n).unwrap(), &[1, 0, 1]).unwrap();
        // RFC 8037 A.3
        let x = base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let ed25519 = KeyMaterial::ed25519(&x).unwrap();

        assert_eq!(thumbprint(rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(thumbprint(ed25519), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
