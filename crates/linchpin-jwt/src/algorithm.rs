//! Signature algorithms, and sets of them.

use std::{error::Error, fmt, str::FromStr};

/// A signature algorithm of JSON Web Algorithms (RFC 7518 §3.1, RFC 8037).
///
/// `none` is not among them, so that no configuration can allow it.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::Algorithm;
///
/// assert_eq!("RS256".parse(), Ok(Algorithm::RS256));
/// assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDSA), "RFC 9864's name for the same");
/// assert!("none".parse::<Algorithm>().is_err());
/// assert!("rs256".parse::<Algorithm>().is_err(), "names are compared byte for byte");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// ECDSA over P-384 with SHA-384.
    ES384,
    /// ECDSA over P-521 with SHA-512.
    ES512,
    /// EdDSA over Ed25519; named `Ed25519` by RFC 9864.
    EdDSA,
    /// HMAC with SHA-256; for keys that are configured explicitly, never for published ones.
    HS256,
    /// HMAC with SHA-384; for keys that are configured explicitly, never for published ones.
    HS384,
    /// HMAC with SHA-512; for keys that are configured explicitly, never for published ones.
    HS512,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 13] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The name that stands in the `alg` of a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// Whether signer and verifier share one secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if name == "Ed25519" {
            return Ok(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not that of a supported signature algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a supported signature algorithm")
    }
}

impl Error for UnknownAlgorithm {}

/// A set of algorithms: the allow-list of a verifier.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::{Algorithm, Algorithms};
///
/// let allowed: Algorithms = [Algorithm::RS256, Algorithm::ES256].into_iter().collect();
/// assert!(allowed.contains(Algorithm::ES256));
/// assert!(!allowed.contains(Algorithm::HS256));
/// assert_eq!(allowed.to_string(), "RS256,ES256");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Algorithms {
    bits: u16,
}

impl Algorithms {
    /// Whether the algorithm is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.bits & (1 << algorithm as u16) != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The algorithms of the set, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self { bits: algorithms.into_iter().fold(0, |bits, algorithm| bits | 1 << algorithm as u16) }
    }
}

impl<const N: usize> From<[Algorithm; N]> for Algorithms {
    fn from(algorithms: [Algorithm; N]) -> Self {
        algorithms.into_iter().collect()
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, algorithm) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{algorithm}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_a_bit_and_a_name_of_its_own() {
        for algorithm in Algorithm::ALL {
            let only: Algorithms = [algorithm].into();
            assert_eq!(only.iter().collect::<Vec<_>>(), [algorithm]);
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
        assert_eq!(Algorithms::from(Algorithm::ALL).iter().count(), Algorithm::ALL.len());
    }

    #[test]
    fn no_spelling_of_none_is_an_algorithm() {
        for name in ["none", "None", "NONE", "nOnE", "", "HS256 ", "ES256K", "Ed448", "RSA1_5", "dir"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
    }
}
