//! The tokens of many callers, in a bounded number.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use linchpin_core::SubjectToken;

use super::cached::{CachedToken, Terms};

/// One token for each caller. Whoever is known is found without a lock; a new one replaces the whole list.
///
/// Issuer, client, audience and scope are those of the source, which has a list of its own; the key is the whole of the
/// caller's token, hashed with a random key of this process.
pub(crate) struct PerSubject {
    terms: Arc<Terms>,
    max: usize,
    entries: ArcSwap<Entries>,
    /// Held by whoever replaces the list.
    writing: Mutex<()>,
    /// Counts uses, to tell which was the last.
    uses: AtomicU64,
}

type Entries = HashMap<SubjectToken, Arc<Entry>>;

struct Entry {
    cached: Arc<CachedToken>,
    last_use: AtomicU64,
}

impl PerSubject {
    pub(crate) fn new(terms: Arc<Terms>, max: usize) -> Self {
        Self { terms, max, entries: ArcSwap::default(), writing: Mutex::new(()), uses: AtomicU64::new(0) }
    }

    /// The token of this caller; for a new one, the one that was used longest ago makes room.
    pub(crate) fn get_or_make(&self, subject: &SubjectToken) -> Arc<CachedToken> {
        let last_use = self.uses.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.entries.load().get(subject) {
            entry.last_use.store(last_use, Ordering::Relaxed);
            return entry.cached.clone();
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Entries::clone(&self.entries.load());
        if let Some(entry) = entries.get(subject) {
            return entry.cached.clone();
        }
        if entries.len() >= self.max
            && let Some(oldest) = entries
                .iter()
                .min_by_key(|(_, entry)| entry.last_use.load(Ordering::Relaxed))
                .map(|(key, _)| key.clone())
        {
            entries.remove(&oldest);
        }
        let cached = Arc::new(CachedToken::new(self.terms.clone(), Some(subject.clone())));
        let entry = Entry { cached: cached.clone(), last_use: AtomicU64::new(last_use) };
        entries.insert(subject.clone(), Arc::new(entry));
        self.entries.store(Arc::new(entries));
        cached
    }

    pub(crate) fn each(&self, visit: impl Fn(&CachedToken)) {
        self.entries.load().values().for_each(|entry| visit(&entry.cached));
    }
}
