//! Where a verifier gets its keys from.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use linchpin_core::{Reason, Refusal, Timestamp};

use crate::{Algorithms, KeySet};

/// A source of keys: a fixed [`KeySet`], or one that is kept fresh (`linchpin-oauth`).
pub trait KeySource: Send + Sync + 'static {
    /// The allow-list. It belongs to the keys, since each is prepared for its algorithms when it arrives.
    fn algorithms(&self) -> Algorithms;

    /// The keys as of `now`; this must not block.
    ///
    /// # Errors
    ///
    /// [`Reason::KeysUnavailable`] if there are none yet, or if those that there are have become too old.
    fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal>;

    /// Whether there are keys as of `now` and `condition` holds for them; asked for each token that was verified before.
    ///
    /// It has to agree with [`keys`](Self::keys), from which it is made unless it is implemented; a source that many
    /// threads ask can spare them the counter of the shared set.
    fn check(&self, now: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        self.keys(now).is_ok_and(|keys| condition(&keys))
    }

    /// Called for a token whose key is not among [`keys`](Self::keys): whether newer ones can be had.
    fn refresh(&self, now: Timestamp) -> Refresh;

    /// Told of a token whose signature fails under the key that it names; the token is refused whatever is done here.
    ///
    /// The issuer may have put another key in place of this one, under the same id. A source that fetches may look for it in
    /// the background; this must not block, and does nothing unless it is implemented.
    ///
    /// # Security
    ///
    /// Anybody can make such tokens, so what it causes has to be bounded, and must not stand in the way of
    /// [`refresh`](Self::refresh).
    fn signature_failed(&self, now: Timestamp) {
        let _ = now;
    }
}

/// What a [`KeySource`] says to a token whose key is missing.
#[must_use]
pub enum Refresh {
    /// It is worth waiting: this ends within a deadline, with the newest keys.
    Pending(Pin<Box<dyn Future<Output = Result<Arc<KeySet>, Refusal>> + Send>>),
    /// It is not, and this is the answer: the key is unknown, or the keys are unavailable.
    Refused(Refusal),
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(_) => f.write_str("Pending(..)"),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
        }
    }
}

impl KeySource for Arc<KeySet> {
    fn algorithms(&self) -> Algorithms {
        KeySet::algorithms(self)
    }

    fn keys(&self, _: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        Ok(self.clone())
    }

    fn check(&self, _: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        condition(self)
    }

    fn refresh(&self, _: Timestamp) -> Refresh {
        Refresh::Refused(Reason::UnknownKey.into())
    }
}

/// One source for several verifiers.
impl<K: KeySource + ?Sized> KeySource for Arc<K> {
    fn algorithms(&self) -> Algorithms {
        K::algorithms(self)
    }

    fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        K::keys(self, now)
    }

    fn check(&self, now: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        K::check(self, now, condition)
    }

    fn refresh(&self, now: Timestamp) -> Refresh {
        K::refresh(self, now)
    }

    fn signature_failed(&self, now: Timestamp) {
        K::signature_failed(self, now);
    }
}

impl<K: KeySource + ?Sized> KeySource for Box<K> {
    fn algorithms(&self) -> Algorithms {
        K::algorithms(self)
    }

    fn keys(&self, now: Timestamp) -> Result<Arc<KeySet>, Refusal> {
        K::keys(self, now)
    }

    fn check(&self, now: Timestamp, condition: &dyn Fn(&KeySet) -> bool) -> bool {
        K::check(self, now, condition)
    }

    fn refresh(&self, now: Timestamp) -> Refresh {
        K::refresh(self, now)
    }

    fn signature_failed(&self, now: Timestamp) {
        K::signature_failed(self, now);
    }
}
