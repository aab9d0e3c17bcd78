//! Public keys and secrets as numbers, checked before any backend sees them.
//!
//! What a crypto library lets through when it parses a key is not what we accept: aws-lc-rs takes RSA moduli of 1024 bits,
//! public exponents of 1, Ed25519 keys off the curve, and those of small order under which anybody can forge. So the checks
//! are ours.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::{Algorithm, KeyError, KeyErrorKind};

/// A checked key, in no library's terms: what a [`CryptoBackend`](crate::CryptoBackend) prepares for verification.
///
/// It is made by reading a JWK or a PEM; each of its numbers has been checked there.
///
/// # Security
///
/// `Debug` shows the kind of key and none of its bytes.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyMaterial {
    /// An RSA key of 2048 to 8192 bits: modulus and exponent, big-endian, without leading zeros.
    #[non_exhaustive]
    Rsa {
        /// The modulus.
        n: Box<[u8]>,
        /// The public exponent.
        e: Box<[u8]>,
    },
    /// A point on one of the NIST curves, both coordinates at full length. Whether it lies on the curve is for the
    /// backend to refuse.
    #[non_exhaustive]
    Ec {
        /// The curve.
        curve: Curve,
        /// The horizontal coordinate.
        x: Box<[u8]>,
        /// The vertical coordinate.
        y: Box<[u8]>,
    },
    /// An Ed25519 key: a point of the curve that is not of small order.
    #[non_exhaustive]
    Ed25519 {
        /// The encoded point.
        x: [u8; 32],
    },
    /// A secret that is shared with the issuer.
    #[non_exhaustive]
    Secret(Box<[u8]>),
}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// The length of a coordinate in bytes.
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    #[cfg(feature = "sign")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }
}

impl KeyMaterial {
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        if !(2048..=8192).contains(&bit_len(n)) {
            return Err(KeyError::new(KeyErrorKind::Weak, "the RSA modulus is not of 2048 to 8192 bits"));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !is_odd(n) || !is_odd(e) || e == [1] || bit_len(e) > 33 {
            return Err(KeyError::new(
                KeyErrorKind::Weak,
                "the RSA modulus is even, or the exponent is even, 1 or beyond 33 bits",
            ));
        }
        Ok(Self::Rsa { n: n.into(), e: e.into() })
    }

    pub(crate) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.coordinate_len() || y.len() != curve.coordinate_len() {
            return Err(KeyError::new(KeyErrorKind::Malformed, "a coordinate is not of the curve's length"));
        }
        Ok(Self::Ec { curve, x: x.into(), y: y.into() })
    }

    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let x: [u8; 32] = x
            .try_into()
            .map_err(|_| KeyError::new(KeyErrorKind::Malformed, "an Ed25519 key has 32 bytes"))?;
        let point = CompressedEdwardsY(x).decompress();
        let point = point
            .ok_or(KeyError::new(KeyErrorKind::Malformed, "the Ed25519 key is not a point of the curve"))?;
        if point.is_small_order() {
            return Err(KeyError::new(KeyErrorKind::Weak, "the Ed25519 key is of small order"));
        }
        Ok(Self::Ed25519 { x })
    }

    pub(crate) fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError::new(KeyErrorKind::Weak, "the secret is shorter than 32 bytes"));
        }
        Ok(Self::Secret(secret.into()))
    }

    /// Whether `algorithm` can be used with this key at all.
    ///
    /// A secret has to be as long as the hash (RFC 7518 §3.2), a curve belongs to one algorithm.
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        match (self, algorithm) {
            (Self::Rsa { .. }, RS256 | RS384 | RS512 | PS256 | PS384 | PS512) => true,
            (Self::Ec { curve, .. }, ES256) => *curve == Curve::P256,
            (Self::Ec { curve, .. }, ES384) => *curve == Curve::P384,
            (Self::Ec { curve, .. }, ES512) => *curve == Curve::P521,
            (Self::Ed25519 { .. }, EdDSA) => true,
            (Self::Secret(secret), HS256) => secret.len() >= 32,
            (Self::Secret(secret), HS384) => secret.len() >= 48,
            (Self::Secret(secret), HS512) => secret.len() >= 64,
            _ => false,
        }
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa { .. } => "Rsa(..)",
            Self::Ec { .. } => "Ec(..)",
            Self::Ed25519 { .. } => "Ed25519(..)",
            Self::Secret(_) => "Secret([redacted])",
        })
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn bit_len(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(result: Result<KeyMaterial, KeyError>) -> Option<KeyErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn weak_rsa_keys_are_refused() {
        let modulus = |bits: usize| {
            let mut n = vec![0xff; bits / 8];
            n[0] = 0x80;
            n
        };
        let e = [1, 0, 1];

        assert_eq!(kind(KeyMaterial::rsa(&modulus(2048), &e)), None);
        assert_eq!(kind(KeyMaterial::rsa(&[&[0, 0][..], &modulus(8192)].concat(), &[0, 3])), None);
        for bits in [0, 1024, 2040, 8200, 16384] {
            let n = if bits == 0 { vec![] } else { modulus(bits) };
            assert_eq!(kind(KeyMaterial::rsa(&n, &e)), Some(KeyErrorKind::Weak), "{bits} bits");
        }
        for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[4, 0, 0, 0, 1]] {
            assert_eq!(kind(KeyMaterial::rsa(&modulus(2048), e)), Some(KeyErrorKind::Weak), "e = {e:?}");
        }
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert_eq!(kind(KeyMaterial::rsa(&even, &e)), Some(KeyErrorKind::Weak));
    }

    #[test]
    fn small_order_ed25519_keys_are_refused_with_either_sign() {
        for point in SMALL_ORDER {
            let mut negative = point;
            negative[31] |= 0x80;
            for key in [point, negative] {
                // Some parsers take `-0` for a point, ours need not; but nobody may take it for a key.
                let refused = kind(KeyMaterial::ed25519(&key));
                assert!(matches!(refused, Some(KeyErrorKind::Weak | KeyErrorKind::Malformed)), "{key:?}");
            }
            assert_eq!(kind(KeyMaterial::ed25519(&point)), Some(KeyErrorKind::Weak));
        }
    }

    #[test]
    fn ed25519_keys_are_points_of_the_curve() {
        let with_y = |y: u8| {
            let mut key = [0; 32];
            key[0] = y;
            kind(KeyMaterial::ed25519(&key))
        };

        assert_eq!([2, 7, 8].map(with_y), [Some(KeyErrorKind::Malformed); 3]);
        assert_eq!([3, 4, 5, 6, 9].map(with_y), [None; 5]);
        assert_eq!(kind(KeyMaterial::ed25519(&[9; 31])), Some(KeyErrorKind::Malformed));
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash() {
        let secret = |len| KeyMaterial::secret(&vec![7; len]);

        assert_eq!(kind(secret(31)), Some(KeyErrorKind::Weak));
        assert!(secret(32).unwrap().supports(Algorithm::HS256));
        assert!(!secret(47).unwrap().supports(Algorithm::HS384));
        assert!(!secret(63).unwrap().supports(Algorithm::HS512));
        assert!(secret(64).unwrap().supports(Algorithm::HS512));
    }

    #[test]
    fn a_key_supports_the_algorithms_of_its_kind_and_no_other() {
        use Algorithm::*;
        let ec = |curve: Curve| {
            let coordinate = vec![1; curve.coordinate_len()];
            KeyMaterial::ec(curve, &coordinate, &coordinate).unwrap()
        };
        let mut ed25519 = [0; 32];
        ed25519[0] = 3;

        for (key, expected) in [
            (
                KeyMaterial::rsa(&[0xff; 256], &[1, 0, 1]).unwrap(),
                &[RS256, RS384, RS512, PS256, PS384, PS512][..],
            ),
            (ec(Curve::P256), &[ES256]),
            (ec(Curve::P384), &[ES384]),
            (ec(Curve::P521), &[ES512]),
            (KeyMaterial::ed25519(&ed25519).unwrap(), &[EdDSA]),
            (KeyMaterial::secret(&[7; 64]).unwrap(), &[HS256, HS384, HS512]),
        ] {
            let supported = Algorithm::ALL.into_iter().filter(|algorithm| key.supports(*algorithm));
            assert_eq!(supported.collect::<Vec<_>>(), expected, "{key:?}");
        }
    }

    #[test]
    fn coordinates_have_the_length_of_their_curve() {
        let p256 = |x: usize, y: usize| kind(KeyMaterial::ec(Curve::P256, &vec![1; x], &vec![1; y]));

        assert_eq!(p256(32, 32), None);
        for (x, y) in [(31, 32), (32, 31), (31, 33), (33, 31), (0, 64), (33, 33)] {
            assert_eq!(p256(x, y), Some(KeyErrorKind::Malformed), "{x} and {y} bytes");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", KeyMaterial::secret(&[b's'; 32]).unwrap()), "Secret([redacted])");
    }

    /// The points of order 1, 2, 4 and 8 by the y coordinate of every encoding of them, little-endian without the sign bit:
    /// 0, 1, the two of order 8, p - 1, and the non-canonical p and p + 1.
    const SMALL_ORDER: [[u8; 32]; 7] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        near_p(0xec),
        near_p(0xed),
        near_p(0xee),
    ];

    /// p = 2^255 - 19 in little-endian, with another lowest byte.
    const fn near_p(lowest: u8) -> [u8; 32] {
        let mut number = [0xff; 32];
        number[0] = lowest;
        number[31] = 0x7f;
        number
    }
}
