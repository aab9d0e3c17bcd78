//! The door to cryptography.

use std::{fmt, sync::Arc};

use crate::{Algorithm, KeyError, KeyMaterial};

/// Turns checked keys into verifiers.
///
/// A backend is a value, so two of them can live in one program and no process-global default is needed.
/// [`AwsLcRs`](crate::AwsLcRs) is the one that comes with the feature `aws-lc-rs`.
pub trait CryptoBackend: fmt::Debug + Send + Sync + 'static {
    /// Prepares `key` for verifying signatures of `algorithm`, once for many verifications.
    ///
    /// # Errors
    ///
    /// [`KeyError::rejected_by_backend`] if the key is not valid, for instance a point off its curve, and
    /// [`KeyError::unsupported_by_backend`] for an algorithm that this backend does not know.
    fn prepare(&self, key: &KeyMaterial, algorithm: Algorithm) -> Result<Arc<dyn VerifySignature>, KeyError>;
}

/// A key that is ready to verify signatures of one algorithm.
pub trait VerifySignature: Send + Sync {
    /// Whether `signature` is a valid signature of `input`.
    ///
    /// An ECDSA signature is the fixed-length form of RFC 7518 §3.4; no other form is valid.
    fn verify(&self, input: &[u8], signature: &[u8]) -> bool;
}

#[cfg(feature = "aws-lc-rs")]
pub use self::aws_lc::AwsLcRs;

#[cfg(feature = "aws-lc-rs")]
mod aws_lc {
    use std::sync::Arc;

    use aws_lc_rs::{
        hmac,
        signature::{
            self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
        },
    };

    use super::{CryptoBackend, VerifySignature};
    use crate::{Algorithm, KeyError, KeyMaterial};

    /// The backend over [aws-lc-rs](https://docs.rs/aws-lc-rs), for every algorithm there is.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct AwsLcRs;

    impl CryptoBackend for AwsLcRs {
        fn prepare(
            &self,
            key: &KeyMaterial,
            algorithm: Algorithm,
        ) -> Result<Arc<dyn VerifySignature>, KeyError> {
            let rejected = |_| KeyError::rejected_by_backend();
            let parsed = match key {
                KeyMaterial::Rsa { n, e } => {
                    let parameters =
                        rsa_parameters(algorithm).ok_or_else(KeyError::unsupported_by_backend)?;
                    RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(rejected)?
                }
                KeyMaterial::Ec { x, y, .. } => {
                    let curve = ecdsa_algorithm(algorithm).ok_or_else(KeyError::unsupported_by_backend)?;
                    // The uncompressed form (SEC 1 §2.3.3): the parser would take a compressed one as well.
                    let point = [&[0x04], &**x, &**y].concat();
                    ParsedPublicKey::new(curve, point).map_err(rejected)?
                }
                KeyMaterial::Ed25519 { x } => {
                    ParsedPublicKey::new(&signature::ED25519, x).map_err(rejected)?
                }
                KeyMaterial::Secret(secret) => {
                    let hash = hmac_algorithm(algorithm).ok_or_else(KeyError::unsupported_by_backend)?;
                    return Ok(Arc::new(SharedSecret(hmac::Key::new(hash, secret))));
                }
            };
            Ok(Arc::new(PublicKey(parsed)))
        }
    }

    struct PublicKey(ParsedPublicKey);

    impl VerifySignature for PublicKey {
        fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
            self.0.verify_sig(input, signature).is_ok()
        }
    }

    struct SharedSecret(hmac::Key);

    impl VerifySignature for SharedSecret {
        fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
            hmac::verify(&self.0, input, signature).is_ok()
        }
    }

    fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
        Some(match algorithm {
            Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return None,
        })
    }

    fn ecdsa_algorithm(algorithm: Algorithm) -> Option<&'static EcdsaVerificationAlgorithm> {
        Some(match algorithm {
            Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED,
            _ => return None,
        })
    }

    fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
        Some(match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return None,
        })
    }
}
