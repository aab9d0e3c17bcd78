//! Numbers that differ between processes. Nothing secret hangs on them.

use std::hash::{BuildHasher, RandomState};

/// A number from 0 to 1, to spread over time what many processes would do at once.
pub(crate) fn fraction() -> f64 {
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

pub(crate) fn bits() -> u64 {
    RandomState::new().hash_one(())
}
