//! How a client shows the token endpoint who it is (RFC 6749 §2.3).

use std::fmt;
#[cfg(feature = "private-key-jwt")]
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use form_urlencoded::{Serializer, byte_serialize};
use linchpin_core::{ConfigError, Timestamp};
#[cfg(feature = "private-key-jwt")]
use linchpin_jwt::SigningKey;

/// The id of this service at its authorization server, and how it proves that it is the one.
///
/// # Examples
///
/// ```
/// use linchpin_oauth::ClientAuth;
///
/// let client = ClientAuth::secret_basic("grades", "s3cret");
/// assert!(!format!("{client:?}").contains("s3cret"));
/// ```
///
/// # Security
///
/// `Debug` shows the id and the method only.
#[derive(Clone)]
#[must_use]
pub struct ClientAuth {
    id: String,
    method: Method,
    #[cfg(feature = "private-key-jwt")]
    assertion_audience: Option<String>,
}

#[derive(Clone)]
enum Method {
    SecretBasic(Secret),
    SecretPost(Secret),
    #[cfg(feature = "private-key-jwt")]
    PrivateKeyJwt(Arc<SigningKey>),
    Tls(Secret),
}

/// A text that is not shown.
#[derive(Clone)]
struct Secret(String);

/// What a request carries to authenticate the client, beside what it puts into the form.
pub(crate) struct Proof {
    pub(crate) authorization: Option<String>,
    /// What must not be repeated in a log.
    pub(crate) secrets: Vec<String>,
}

impl ClientAuth {
    /// Id and secret in the header, as HTTP Basic (`client_secret_basic`, RFC 6749 §2.3.1); every server has to take it.
    pub fn secret_basic(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(id, Method::SecretBasic(Secret(secret.into())))
    }

    /// Id and secret in the form (`client_secret_post`, RFC 6749 §2.3.1), for servers that take nothing else.
    pub fn secret_post(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::new(id, Method::SecretPost(Secret(secret.into())))
    }

    /// An assertion that is signed for each request (`private_key_jwt`, RFC 7523 §2.2), so that no secret is sent.
    ///
    /// It is valid for a minute, and its `jti` is never used twice.
    #[cfg(feature = "private-key-jwt")]
    pub fn private_key_jwt(id: impl Into<String>, key: SigningKey) -> Self {
        Self::new(id, Method::PrivateKeyJwt(Arc::new(key)))
    }

    /// A certificate that is shown in the TLS handshake (`tls_client_auth` and `self_signed_tls_client_auth`, RFC 8705 §2).
    ///
    /// The PEM holds the certificate, those between it and its root, and its private key. It counts for
    /// [`TokenEndpointBuilder::build`](crate::TokenEndpointBuilder::build); a client of your own has to show it itself.
    pub fn tls(id: impl Into<String>, pem: impl Into<String>) -> Self {
        Self::new(id, Method::Tls(Secret(pem.into())))
    }

    /// Sets the `aud` of the assertion; unless set, it is the issuer where that is known, else the URL of the token endpoint.
    #[cfg(feature = "private-key-jwt")]
    pub fn assertion_audience(mut self, audience: impl Into<String>) -> Self {
        self.assertion_audience = Some(audience.into());
        self
    }

    fn new(id: impl Into<String>, method: Method) -> Self {
        Self {
            id: id.into(),
            method,
            #[cfg(feature = "private-key-jwt")]
            assertion_audience: None,
        }
    }

    /// The id of the client.
    pub fn client_id(&self) -> &str {
        &self.id
    }

    /// The certificate and its key in PEM, if that is the method.
    pub(crate) fn certificate(&self) -> Option<&str> {
        match &self.method {
            Method::Tls(pem) => Some(&pem.0),
            _ => None,
        }
    }

    pub(crate) fn check(&self, problems: &mut ConfigError) {
        if self.id.is_empty() {
            problems.report("client_id", "is empty", "give the id under which the client is registered");
        }
        match &self.method {
            Method::SecretBasic(secret) | Method::SecretPost(secret) if secret.0.is_empty() => {
                problems.report("client_secret", "is empty", "give the secret of the client");
            }
            #[cfg(feature = "private-key-jwt")]
            Method::PrivateKeyJwt(key) if key.algorithm().is_symmetric() => {
                problems.report(
                    "client_key",
                    "is a shared secret",
                    "give a private key, for example of ES256",
                );
            }
            _ => {}
        }
    }

    /// Writes into the form what the method puts there, and returns the rest.
    pub(crate) fn prove(
        &self,
        form: &mut Serializer<'_, String>,
        token_endpoint: &str,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Proof {
        let mut proof = Proof { authorization: None, secrets: Vec::new() };
        match &self.method {
            Method::SecretBasic(Secret(secret)) => {
                // Both are form-encoded first, so that a colon in the id stays part of it.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let credential = STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(secret)));
                proof.secrets.extend([secret.clone(), encoded(secret), credential.clone()]);
                proof.authorization = Some(format!("Basic {credential}"));
            }
            Method::SecretPost(Secret(secret)) => {
                form.append_pair("client_id", &self.id).append_pair("client_secret", secret);
                proof.secrets.push(secret.clone());
            }
            #[cfg(feature = "private-key-jwt")]
            Method::PrivateKeyJwt(key) => {
                let audience = self.assertion_audience.as_deref().or(issuer).unwrap_or(token_endpoint);
                let assertion = assertion(&self.id, audience, key, now);
                form.append_pair("client_id", &self.id)
                    .append_pair(
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    )
                    .append_pair("client_assertion", &assertion);
                proof.secrets.push(assertion);
            }
            Method::Tls(_) => {
                form.append_pair("client_id", &self.id);
            }
        }
        #[cfg(not(feature = "private-key-jwt"))]
        let _ = (token_endpoint, issuer, now);
        proof
    }

    fn method(&self) -> &'static str {
        match self.method {
            Method::SecretBasic(_) => "client_secret_basic",
            Method::SecretPost(_) => "client_secret_post",
            #[cfg(feature = "private-key-jwt")]
            Method::PrivateKeyJwt(_) => "private_key_jwt",
            Method::Tls(_) => "tls_client_auth",
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth")
            .field("id", &self.id)
            .field("method", &self.method())
            .finish_non_exhaustive()
    }
}

/// The assertion of RFC 7523 §3.
#[cfg(feature = "private-key-jwt")]
fn assertion(client: &str, audience: &str, key: &SigningKey, now: Timestamp) -> String {
    let issued_at = now.as_unix_seconds();
    key.sign_jwt(&serde_json::json!({
        "iss": client,
        "sub": client,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + ASSERTION_SECONDS,
        // It has to be unique, not secret (§3, point 7).
        "jti": format!("{:016x}{:016x}", crate::random::bits(), crate::random::bits()),
    }))
}

/// How long an assertion is valid: long enough for clocks that are a little off.
#[cfg(feature = "private-key-jwt")]
const ASSERTION_SECONDS: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "https://id.example/token";

    fn prove(client: &ClientAuth, issuer: Option<&str>) -> (String, Proof) {
        let mut form = Serializer::new(String::new());
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let proof = client.prove(&mut form, ENDPOINT, issuer, now);
        (form.finish(), proof)
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_they_are_a_basic_credential() {
        let (form, proof) = prove(&ClientAuth::secret_basic("a:b c", "d&e:f=é+"), None);

        let credential = STANDARD.encode("a%3Ab+c:d%26e%3Af%3D%C3%A9%2B");
        assert_eq!(proof.authorization, Some(format!("Basic {credential}")));
        assert_eq!(form, "", "nothing of it stands in the form");
    }

    #[test]
    fn id_and_secret_stand_in_the_form_if_that_is_the_method() {
        let (form, proof) = prove(&ClientAuth::secret_post("a b", "d&e"), None);

        assert_eq!((form.as_str(), proof.authorization), ("client_id=a+b&client_secret=d%26e", None));
    }

    #[test]
    fn with_a_certificate_the_id_alone_is_sent() {
        let (form, proof) = prove(&ClientAuth::tls("grades", "the key"), None);

        assert_eq!((form.as_str(), proof.authorization), ("client_id=grades", None));
    }

    #[cfg(feature = "private-key-jwt")]
    #[test]
    fn an_assertion_is_signed_short_lived_and_for_this_server_alone() {
        use linchpin_jwt::{Algorithm, KeySet};

        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let keys = KeySet::builder([Algorithm::ES256]).jwk(&key.public_jwk().to_string()).build().unwrap();
        let client = ClientAuth::private_key_jwt("grades", key);
        let claims = |client: &ClientAuth, issuer| -> serde_json::Value {
            let (form, proof) = prove(client, issuer);
            assert_eq!(proof.authorization, None);
            let form: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            assert_eq!(form[0], ("client_id".to_owned(), "grades".to_owned()));
            assert_eq!(form[1].1, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            assert_eq!(form[2].0, "client_assertion");
            serde_json::from_slice(&keys.verify_jws(&form[2].1).unwrap()).unwrap()
        };

        let first = claims(&client, Some("https://id.example"));
        let second = claims(&client, None);
        let third =
            claims(&client.clone().assertion_audience("https://other.example"), Some("https://id.example"));

        assert_eq!((&first["iss"], &first["sub"]), (&"grades".into(), &"grades".into()));
        assert_eq!((&first["iat"], &first["exp"]), (&1_767_225_600.into(), &1_767_225_660.into()));
        assert_eq!(first["aud"], "https://id.example");
        assert_eq!(second["aud"], ENDPOINT);
        assert_eq!(third["aud"], "https://other.example");
        assert_ne!(first["jti"], second["jti"]);
        assert_eq!(first["jti"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn nothing_secret_is_shown() {
        for client in [
            ClientAuth::secret_basic("grades", "s3cret"),
            ClientAuth::secret_post("grades", "s3cret"),
            ClientAuth::tls("grades", "s3cret"),
        ] {
            let shown = format!("{client:?}");
            assert!(shown.contains("grades") && !shown.contains("s3cret"), "{shown}");
        }
    }
}
