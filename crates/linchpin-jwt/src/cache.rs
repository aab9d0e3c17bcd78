//! Tokens that have been verified already.
//!
//! There are two tiers. The shared one holds the entries, bounded in number and bytes. In front of it each thread keeps a few
//! slots of its own, because two threads that answer with one hot token would otherwise spend their time on the one counter
//! of its `Arc`. An entry is worth something only as long as the verifier says so: every hit, of either tier, is checked
//! against the clock, the keys and what was invalidated.

use std::{
    cell::RefCell,
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use linchpin_core::{Caller, ConfigError, Timestamp};
use quick_cache::{
    Equivalent, Weighter,
    sync::{Cache as Tier, DefaultLifecycle},
};

use crate::key_set::{Key, KeySet};

/// How many verified tokens a verifier remembers, so that it verifies a token once and not with each request.
///
/// Both bounds count; the least used tokens go first, and tokens that are seen once do not drive out those that are seen
/// often. A remembered token counts as its bytes, twice those of its claims, and half a kibibyte. Nothing is allocated before
/// the first token, and what does not verify is never kept.
///
/// Beside it, each thread that verifies keeps up to 64 tokens of at most 4 KiB for itself.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::TokenCache;
///
/// let small = TokenCache::default().entries(500).bytes(1024 * 1024);
/// # let _ = small;
/// ```
///
/// # Security
///
/// A token that is remembered is accepted only if all of its bytes are the same, it is valid now by its own times and the
/// settings, its key is still in the key set, the keys are not too old, and it has not been
/// [invalidated](crate::Invalidation).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct TokenCache {
    entries: usize,
    bytes: usize,
}

impl TokenCache {
    /// Remembers nothing: each token is verified each time.
    pub const OFF: Self = Self { entries: 0, bytes: 0 };

    /// Sets how many tokens are remembered; 16384 unless set, and zero turns the cache off.
    pub const fn entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// Sets how many bytes they may take; 64 MiB unless set.
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    pub(crate) const fn is_off(self) -> bool {
        self.entries == 0
    }

    /// The one of both that remembers more.
    pub(crate) fn or_larger(self, other: Self) -> Self {
        Self { entries: self.entries.max(other.entries), bytes: self.bytes.max(other.bytes) }
    }

    pub(crate) fn check(self, problems: &mut ConfigError) {
        if self.entries > MAX_ENTRIES {
            let fix = "give at most 1048576, or leave it out for 16384";
            problems.report("token_cache", format!("has {} entries", self.entries), fix);
        }
        if !self.is_off() && self.bytes < MIN_BYTES {
            let fix = "give at least 65536, or turn the cache off";
            problems.report("token_cache_bytes", format!("is {}", self.bytes), fix);
        }
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self { entries: 16 * 1024, bytes: 64 * 1024 * 1024 }
    }
}

/// A token that was verified, with all that a later request has to check again.
pub(crate) struct Entry {
    hash: u64,
    token: Arc<str>,
    caller: Arc<Caller>,
    claims_bytes: usize,
    key: Arc<Key>,
    /// The key set in which the key was found last.
    seen_in: AtomicU64,
    /// How much had been invalidated when this was last looked at.
    pub(crate) invalidations: AtomicU64,
    pub(crate) validity: Validity,
    /// Which of several verifiers has accepted it.
    pub(crate) verifier: usize,
}

/// From when on a token is valid, and until before when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validity {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Validity {
    pub(crate) fn includes(self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// What a verifier gives to be remembered.
pub(crate) struct Accepted {
    pub(crate) token: Arc<str>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) claims_bytes: usize,
    pub(crate) key: Arc<Key>,
    pub(crate) seen_in: u64,
    pub(crate) invalidations: u64,
    pub(crate) validity: Validity,
}

impl Entry {
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether these keys would still verify the token: routine refreshes bring new sets with the same keys.
    pub(crate) fn is_under(&self, keys: &KeySet) -> bool {
        if self.seen_in.load(Ordering::Relaxed) == keys.id() {
            return true;
        }
        let is_here = keys.contains(&self.key);
        if is_here {
            self.seen_in.store(keys.id(), Ordering::Relaxed);
        }
        is_here
    }
}

/// The verified tokens of one verifier, or of several that stand behind one door.
pub(crate) struct Cache {
    id: u64,
    limits: TokenCache,
    /// Random in each process, so that nobody can choose tokens that fall together.
    hasher: foldhash::quality::RandomState,
    shared: OnceLock<Shared>,
}

impl Cache {
    pub(crate) fn new(limits: TokenCache) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            limits,
            hasher: foldhash::quality::RandomState::default(),
            shared: OnceLock::new(),
        }
    }

    pub(crate) fn limits(&self) -> TokenCache {
        self.limits
    }

    /// Whose token this is, if it is remembered and `is_valid` still holds for it.
    pub(crate) fn find(&self, token: &str, is_valid: impl Fn(&Entry) -> bool) -> Option<Arc<Caller>> {
        let shared = self.shared.get()?;
        let lookup = Lookup { hash: self.hash(token)?, token };
        let by_slot = FRONT.try_with(|front| {
            let mut slots = front.try_borrow_mut().ok()?;
            Some(self.find_by_slot(slots.get_mut(slot_of(lookup.hash))?, &lookup, shared, &is_valid))
        });
        match by_slot {
            Ok(Some(found)) => found,
            // The thread is ending, or a key source verifies a token in the middle of this one.
            _ => shared.get(&lookup).filter(|entry| is_valid(entry)).map(|entry| entry.caller.clone()),
        }
    }

    fn find_by_slot(
        &self,
        slot: &mut Slot,
        lookup: &Lookup<'_>,
        shared: &Shared,
        is_valid: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<Caller>> {
        if let Some(kept) = &mut slot.kept
            && kept.cache == self.id
            && lookup.equivalent_to(&kept.entry)
        {
            if is_valid(&kept.entry) {
                kept.hits = kept.hits.wrapping_add(1);
                if kept.hits.is_multiple_of(HITS_TO_TELL) {
                    // Else the shared tier would take what is used most for what is used least.
                    let _ = shared.get(lookup);
                }
                return Some(kept.caller.clone());
            }
            slot.kept = None;
        }
        let entry = shared.get(lookup).filter(|entry| is_valid(entry))?;
        let caller = entry.caller.clone();
        if slot.candidate != lookup.hash {
            // A slot is filled by a token that comes twice in a row: with many in turn, filling would be in vain.
            slot.candidate = lookup.hash;
        } else if entry.token.len() <= MAX_KEPT {
            let own = Arc::new(Caller::clone(&caller));
            slot.kept = Some(Kept { cache: self.id, entry, caller: own, hits: 0 });
        }
        Some(caller)
    }

    /// Remembers a token that was accepted.
    pub(crate) fn remember(&self, verifier: usize, accepted: Accepted) {
        if self.limits.is_off() {
            return;
        }
        let Some(hash) = self.hash(&accepted.token) else { return };
        let Accepted { token, caller, claims_bytes, key, seen_in, invalidations, validity } = accepted;
        let entry = Arc::new(Entry {
            hash,
            token,
            caller,
            claims_bytes,
            key,
            seen_in: AtomicU64::new(seen_in),
            invalidations: AtomicU64::new(invalidations),
            validity,
            verifier,
        });
        self.shared().insert(Stored(entry.clone()), entry);
    }

    fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| {
            let TokenCache { entries, bytes } = self.limits;
            let weight = Weight { least: (bytes / entries.max(1)).max(1) as u64 };
            // It grows from a part of the capacity; most services never see so many callers at once.
            Tier::with(entries.min(1024), bytes as u64, weight, Hashed, DefaultLifecycle::default())
        })
    }

    /// The hash of a token's last bytes, which are its signature's: of two valid tokens they are never the same by accident,
    /// and whoever makes them the same on purpose gains nothing, since all bytes are compared.
    fn hash(&self, token: &str) -> Option<u64> {
        token.as_bytes().last_chunk::<HASHED_BYTES>().map(|tail| self.hasher.hash_one(tail))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("limits", &self.limits).finish_non_exhaustive()
    }
}

type Shared = Tier<Stored, Arc<Entry>, Weight, Hashed>;

/// An entry as its own key: equal to another if the whole tokens are.
struct Stored(Arc<Entry>);

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.0.token == other.0.token
    }
}

impl Eq for Stored {}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// A token that is looked for, with its hash.
struct Lookup<'t> {
    hash: u64,
    token: &'t str,
}

impl Lookup<'_> {
    fn equivalent_to(&self, entry: &Entry) -> bool {
        self.hash == entry.hash && *self.token == *entry.token
    }
}

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Stored> for Lookup<'_> {
    fn equivalent(&self, key: &Stored) -> bool {
        self.equivalent_to(&key.0)
    }
}

/// Hands on a hash that was computed already.
#[derive(Clone, Copy, Default)]
struct Hashed;

#[derive(Default)]
struct HashedState(u64);

impl BuildHasher for Hashed {
    type Hasher = HashedState;

    fn build_hasher(&self) -> HashedState {
        HashedState::default()
    }
}

impl Hasher for HashedState {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// What an entry counts. That each counts something bounds their number as well as their bytes.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<Stored, Arc<Entry>> for Weight {
    fn weight(&self, _: &Stored, entry: &Arc<Entry>) -> u64 {
        let bytes = entry.token.len() + 2 * entry.claims_bytes + ENTRY_BYTES;
        (bytes as u64).max(self.least)
    }
}

/// A thread's place for one token.
struct Slot {
    kept: Option<Kept>,
    /// The hash of the last token that was found in the shared tier instead.
    candidate: u64,
}

/// A token that one thread keeps for itself, with a counter that no other thread writes to.
struct Kept {
    cache: u64,
    entry: Arc<Entry>,
    caller: Arc<Caller>,
    hits: u32,
}

thread_local! {
    /// For all caches of the process: which one a token belongs to stands beside it.
    static FRONT: RefCell<[Slot; SLOTS]> =
        const { RefCell::new([const { Slot { kept: None, candidate: 0 } }; SLOTS]) };
}

/// Other bits than those by which the shared tier chooses a shard.
fn slot_of(hash: u64) -> usize {
    (hash >> 32) as usize % SLOTS
}

const SLOTS: usize = 64;

/// The longest token that a thread keeps for itself.
const MAX_KEPT: usize = 4096;

const HITS_TO_TELL: u32 = 64;

const HASHED_BYTES: usize = 16;

/// What an entry takes beside its token and its claims, by and large.
const ENTRY_BYTES: usize = 512;

const MAX_ENTRIES: usize = 1024 * 1024;

const MIN_BYTES: usize = 64 * 1024;
