//! Why a key is not usable.

use std::{error::Error, fmt};

/// The reason why a key cannot be used.
///
/// It tells about the key's kind and shape, and holds none of its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyError {
    kind: KeyErrorKind,
    message: &'static str,
}

/// The category of a [`KeyError`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The key is not a JSON object, not a PEM, lacks a member, or a member is not what it should be.
    Malformed,
    /// The key is of a type, curve or algorithm that is not supported.
    Unsupported,
    /// The key is too small, or easy to forge with.
    Weak,
    /// The key is for something else: encryption, or operations other than verifying.
    NotForVerification,
    /// The key fits none of the allowed algorithms.
    NotAllowed,
    /// The key is a shared secret where only public keys may stand.
    Symmetric,
    /// The key stands in the set already, under the same name and for the same algorithms.
    Duplicate,
}

impl KeyError {
    pub(crate) const fn new(kind: KeyErrorKind, message: &'static str) -> Self {
        Self { kind, message }
    }

    /// A backend's refusal of a key that it cannot use.
    pub const fn rejected_by_backend() -> Self {
        Self::new(KeyErrorKind::Malformed, "the numbers of the key do not make a valid key")
    }

    /// A backend's word that it does not know the algorithm; the key may still be used with others.
    pub const fn unsupported_by_backend() -> Self {
        Self::new(KeyErrorKind::Unsupported, "the cryptographic backend does not support the algorithm")
    }

    /// The category.
    pub const fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl Error for KeyError {}
