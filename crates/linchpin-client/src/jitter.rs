//! Chance, so that clients do not all come back at once.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Draws numbers from 0 to 1, the upper end excluded.
#[derive(Clone)]
pub(crate) struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    pub(crate) fn new(draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// A part of `most`, from nothing to all of it.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        let part = (self.0)();
        // A draw that is no number counts as none.
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        // The longest durations are beyond what the product can say.
        Duration::try_from_secs_f64(most.as_secs_f64() * part).map_or(most, |drawn| drawn.min(most))
    }
}

impl Default for Jitter {
    /// Even enough to spread clients out, and of no use for secrets.
    fn default() -> Self {
        // Each `RandomState` has other keys, which the standard library draws without a system call for each.
        Self::new(|| (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_over_the_whole_range() {
        let jitter = Jitter::default();
        let draws: Vec<u128> =
            (0..4000).map(|_| jitter.up_to(Duration::from_millis(100)).as_millis()).collect();

        assert!(draws.iter().all(|draw| *draw < 100));
        for tenth in 0..10 {
            let hits = draws.iter().filter(|draw| **draw / 10 == tenth).count();
            assert!((200..=600).contains(&hits), "{hits} draws between {tenth}0 and {tenth}9");
        }
    }

    #[test]
    fn a_source_that_draws_nonsense_is_bounded() {
        for (draw, expected) in [(-1.0, 0), (f64::NAN, 0), (f64::INFINITY, 0), (2.0, 10), (0.5, 5)] {
            let jitter = Jitter::new(move || draw);
            assert_eq!(jitter.up_to(Duration::from_millis(10)), Duration::from_millis(expected));
        }
        assert_eq!(Jitter::new(|| 1.0).up_to(Duration::MAX), Duration::MAX);
    }
}
