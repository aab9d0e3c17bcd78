//! The provider's keys, and how they change.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use linchpin_jwt::{Algorithm, KeyError, SigningKey};
use serde_json::{Value, json};

use crate::Shape;

/// A current pair of keys, and the pairs that it replaced.
pub(crate) struct Keys {
    algorithm: Algorithm,
    ring: Mutex<Ring>,
}

struct Ring {
    current: Pair,
    /// The latest first.
    old: VecDeque<Pair>,
}

/// One key for each shape of token; the same twice where both shapes use one algorithm.
#[derive(Clone)]
struct Pair {
    rfc9068: Arc<SigningKey>,
    open_edx: Arc<SigningKey>,
}

impl Keys {
    /// Generates the first pair, which for RSA keeps a core busy for some tenths of a second.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let ring = Ring { current: Pair::generate(algorithm)?, old: VecDeque::new() };
        Ok(Self { algorithm, ring: Mutex::new(ring) })
    }

    /// The key that signs tokens of this shape.
    pub(crate) fn current(&self, shape: Shape) -> Arc<SigningKey> {
        let current = &self.lock().current;
        match shape {
            Shape::Rfc9068 => current.rfc9068.clone(),
            Shape::OpenEdx => current.open_edx.clone(),
        }
    }

    /// Puts new keys in place of the current ones, which stay published.
    pub(crate) fn rotate(&self) -> Result<(), KeyError> {
        let new = Pair::generate(self.algorithm)?; // before the lock: it takes a while
        let mut ring = self.lock();
        let replaced = std::mem::replace(&mut ring.current, new);
        ring.old.push_front(replaced);
        ring.old.truncate(MAX_OLD);
        Ok(())
    }

    /// Takes back all keys but the current ones.
    pub(crate) fn withdraw_old(&self) {
        self.lock().old.clear();
    }

    /// The public keys as a JWK Set (RFC 7517 §5), current ones first.
    pub(crate) fn published(&self) -> Value {
        let ring = self.lock();
        let pairs = std::iter::once(&ring.current).chain(&ring.old);
        let keys: Vec<Value> = pairs.flat_map(Pair::distinct).map(|key| key.public_jwk()).collect();
        json!({ "keys": keys })
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Nothing can panic while the lock is held, so a poisoned ring would still be whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair {
    fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let rfc9068 = Arc::new(SigningKey::generate(algorithm)?);
        let open_edx = match algorithm {
            OPEN_EDX_ALGORITHM => rfc9068.clone(),
            _ => Arc::new(SigningKey::generate(OPEN_EDX_ALGORITHM)?),
        };
        Ok(Self { rfc9068, open_edx })
    }

    fn distinct(&self) -> impl Iterator<Item = &SigningKey> {
        let other = (!Arc::ptr_eq(&self.rfc9068, &self.open_edx)).then_some(&*self.open_edx);
        std::iter::once(&*self.rfc9068).chain(other)
    }
}

/// What an LMS signs in.
pub(crate) const OPEN_EDX_ALGORITHM: Algorithm = Algorithm::RS512;

/// How many replaced pairs stay published. A token without `kid` is tried against at most four keys, so that a fourth would
/// break every `open-edx` token.
const MAX_OLD: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn key_ids(keys: &Keys) -> Vec<String> {
        let published = keys.published();
        let ids =
            published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        ids.collect()
    }

    #[test]
    fn old_keys_stay_published_until_they_are_withdrawn_or_too_many() {
        let keys = Keys::generate(Algorithm::RS512).unwrap();
        let first = key_ids(&keys);
        assert_eq!(first.len(), 1, "one key serves both shapes");

        keys.rotate().unwrap();
        assert_eq!(key_ids(&keys)[1..], first);
        for _ in 0..MAX_OLD {
            keys.rotate().unwrap();
        }
        assert_eq!(key_ids(&keys).len(), 1 + MAX_OLD);
        assert!(!key_ids(&keys).contains(&first[0]));

        keys.withdraw_old();
        let current = keys.current(Shape::OpenEdx);
        assert_eq!(key_ids(&keys), [current.key_id().unwrap()]);
    }

    #[test]
    fn each_shape_has_a_key_of_its_algorithm() {
        let keys = Keys::generate(Algorithm::ES256).unwrap();

        assert_eq!(keys.current(Shape::Rfc9068).algorithm(), Algorithm::ES256);
        assert_eq!(keys.current(Shape::OpenEdx).algorithm(), Algorithm::RS512);
        assert_eq!(key_ids(&keys).len(), 2);
    }
}
