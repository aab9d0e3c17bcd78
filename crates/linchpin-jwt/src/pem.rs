//! Public keys in PEM.

use pkcs1::RsaPublicKeyRef;
use spki::{
    ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{Decode, Document},
};

use crate::{KeyError, KeyErrorKind, KeyMaterial, material::Curve};

/// Reads a `PUBLIC KEY` (RFC 5280 §4.1.2.7) or an `RSA PUBLIC KEY` (RFC 8017 A.1.1).
pub(crate) fn read(pem: &str) -> Result<KeyMaterial, KeyError> {
    const NOT_PEM: KeyError = KeyError::new(KeyErrorKind::Malformed, "the text is not one PEM block");

    let (label, document) = Document::from_pem(pem.trim()).map_err(|_| NOT_PEM)?;
    match label {
        "PUBLIC KEY" => read_spki(document.as_bytes()),
        "RSA PUBLIC KEY" => read_rsa(document.as_bytes()),
        "CERTIFICATE" => Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the PEM is a certificate; its key is what `openssl x509 -pubkey -noout` prints",
        )),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the PEM is a private key, which a verifier must not have; its public half is what `openssl pkey -pubout` prints",
        )),
        _ => Err(KeyError::new(KeyErrorKind::Unsupported, "the PEM is not a PUBLIC KEY")),
    }
}

/// Reads the DER of a SubjectPublicKeyInfo.
pub(crate) fn read_spki(der: &[u8]) -> Result<KeyMaterial, KeyError> {
    const UNSUPPORTED: KeyError =
        KeyError::new(KeyErrorKind::Unsupported, "the key is not RSA, P-256, P-384, P-521 or Ed25519");

    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| MALFORMED)?;
    let key = info.subject_public_key.as_bytes().ok_or(MALFORMED)?;
    match info.algorithm.oid {
        RSA_ENCRYPTION => read_rsa(key),
        ED25519 => KeyMaterial::ed25519(key),
        EC_PUBLIC_KEY => {
            let curve = match info.algorithm.parameters.map(|any| any.decode_as::<ObjectIdentifier>()) {
                Some(Ok(SECP256R1)) => Curve::P256,
                Some(Ok(SECP384R1)) => Curve::P384,
                Some(Ok(SECP521R1)) => Curve::P521,
                _ => return Err(UNSUPPORTED),
            };
            // The uncompressed form is the only one that we take.
            let point = key.strip_prefix(&[0x04]).ok_or(MALFORMED)?;
            let (x, y) = point.split_at_checked(curve.coordinate_len()).ok_or(MALFORMED)?;
            KeyMaterial::ec(curve, x, y)
        }
        _ => Err(UNSUPPORTED),
    }
}

fn read_rsa(der: &[u8]) -> Result<KeyMaterial, KeyError> {
    let key = RsaPublicKeyRef::from_der(der).map_err(|_| MALFORMED)?;
    KeyMaterial::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

const MALFORMED: KeyError =
    KeyError::new(KeyErrorKind::Malformed, "the PEM does not hold a well-formed public key");

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
