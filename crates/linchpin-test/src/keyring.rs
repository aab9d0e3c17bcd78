//! The keys of a test issuer, made when they are first needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linchpin_core::{Reason, Refusal, Timestamp};
use linchpin_jwt::{Algorithm, Algorithms, KeySet, KeySource, Refresh, SigningKey};
use serde_json::{Value, json};

/// One current key for each algorithm that was asked for, and the keys that they replaced.
pub(crate) struct Keyring {
    algorithm: Algorithm,
    keys: Mutex<Keys>,
}

struct Keys {
    current: Vec<Arc<SigningKey>>,
    old: Vec<Arc<SigningKey>>,
    /// What is published beside them, whatever it is.
    others: Vec<Value>,
    /// All of the above, ready to verify; made anew whenever a key comes or goes.
    ready: Arc<KeySet>,
}

impl Keyring {
    /// A ring with a key for the algorithm in which the issuer signs unless told otherwise.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let current = vec![generate(algorithm)];
        let ready = prepare(&current, &[]);
        Self { algorithm, keys: Mutex::new(Keys { current, old: Vec::new(), others: Vec::new(), ready }) }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key with which the issuer signs in this algorithm.
    pub(crate) fn current(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        let mut keys = self.lock();
        if let Some(key) = keys.current.iter().find(|key| key.algorithm() == algorithm) {
            return key.clone();
        }
        let key = generate(algorithm);
        keys.current.push(key.clone());
        keys.refresh();
        key
    }

    pub(crate) fn rotate(&self) {
        let mut keys = self.lock();
        let mut replaced = std::mem::replace(&mut keys.current, vec![generate(self.algorithm)]);
        keys.old.append(&mut replaced);
        keys.refresh();
    }

    /// Replaces the current keys by new ones of the same names, as nobody should.
    pub(crate) fn swap(&self) {
        let mut keys = self.lock();
        let swapped = keys.current.iter().map(|key| {
            let new = SigningKey::generate(key.algorithm()).expect("a test machine has randomness");
            Arc::new(new.with_key_id(key.key_id()))
        });
        keys.current = swapped.collect();
        keys.refresh();
    }

    pub(crate) fn withdraw_old(&self) {
        let mut keys = self.lock();
        keys.old.clear();
        keys.refresh();
    }

    pub(crate) fn publish(&self, jwk: Value) {
        self.lock().others.push(jwk);
    }

    /// Every key, shared secrets included.
    pub(crate) fn ready(&self) -> Arc<KeySet> {
        self.lock().ready.clone()
    }

    /// What the issuer publishes: every public key and no secret, and what it was told to publish.
    pub(crate) fn published(&self) -> Value {
        let keys = self.lock();
        let public = keys.current.iter().chain(&keys.old).filter(|key| !key.algorithm().is_symmetric());
        let public = public.map(|key| key.public_jwk());
        json!({ "keys": public.chain(keys.others.iter().cloned()).collect::<Vec<_>>() })
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        // A test that panicked elsewhere left whole keys behind: each change is one assignment.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn refresh(&mut self) {
        self.ready = prepare(&self.current, &self.old);
    }
}

/// Verification with the keys that the issuer has at the moment: a rotation counts at once, without a fetch.
pub(crate) struct LiveKeys(pub(crate) Arc<Keyring>);

impl KeySource for LiveKeys {
    fn algorithms(&self) -> Algorithms {
        Algorithm::ALL.into()
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Ok(self.0.ready())
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        Refresh::Refused(Reason::UnknownKey.into())
    }
}

fn generate(algorithm: Algorithm) -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(algorithm).expect("a test machine has randomness"))
}

fn prepare(current: &[Arc<SigningKey>], old: &[Arc<SigningKey>]) -> Arc<KeySet> {
    let keys = current.iter().chain(old);
    let set = keys.fold(KeySet::builder(Algorithm::ALL), |set, key| set.jwk(&key.public_jwk().to_string()));
    Arc::new(set.build().expect("keys that were just generated are usable"))
}
