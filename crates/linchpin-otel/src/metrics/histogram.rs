//! Values counted by bounds.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts values without a lock. Readers may see a value counted whose sum is not there yet.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) bounds: &'static [f64],
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }

    pub(crate) fn record(&self, value: f64) {
        // A value that equals a bound is within it.
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // It is never told to stop.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(crate) fn read(&self) -> Counted {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Counted { bounds: self.bounds, counts, sum: f64::from_bits(self.sum.load(Ordering::Relaxed)) }
    }
}

impl Counted {
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The bounds that the conventions recommend for the duration of requests.
pub(crate) const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Powers of ten: whether a body is small, large or enormous.
pub(crate) const BYTES: &[f64] = &[0.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[1.0, 10.0]);

        [0.0, 1.0, 1.5, 10.0, 11.0].into_iter().for_each(|value| histogram.record(value));

        let counted = histogram.read();
        assert_eq!(counted.counts, [2, 2, 1]);
        assert_eq!((counted.count(), counted.sum), (5, 23.5));
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let histogram = Histogram::new(SECONDS);

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| histogram.record(0.5)));
            }
        });

        assert_eq!((histogram.read().count(), histogram.read().sum), (4000, 2000.0));
    }
}
