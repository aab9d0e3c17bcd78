//! How many of the latest calls have failed, counted without a lock.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Counts over a window that slides in steps of a tenth.
///
/// Time is passed in, as the time since some beginning.
#[derive(Debug)]
pub(crate) struct Window {
    step: Duration,
    /// A number of the step (32 bits), calls (16) and failures (16) in one word, so that one exchange changes them together.
    buckets: [AtomicU64; STEPS],
}

/// What a [`Window`] holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) calls: u32,
    pub(crate) failures: u32,
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        let step = (length / STEPS_U32).max(Duration::from_millis(1));
        Self { step, buckets: array::from_fn(|_| AtomicU64::new(0)) }
    }

    pub(crate) fn record(&self, now: Duration, has_failed: bool) {
        let step = self.step_at(now);
        let change = |word: u64| {
            let Bucket { step: of, mut calls, mut failures } = Bucket::unpack(word);
            if of != step {
                // What comes so late that its bucket has begun anew is no news any more.
                let is_late = of.wrapping_sub(step) < u32::MAX / 2;
                if is_late {
                    return None;
                }
                (calls, failures) = (0, 0);
            }
            if calls == u16::MAX {
                // The ratio is what counts, and it stays.
                (calls, failures) = (calls / 2, failures / 2);
            }
            Some(Bucket { step, calls: calls + 1, failures: failures + u16::from(has_failed) }.pack())
        };
        // It is repeated until it succeeds, or is too late.
        let _ = self.bucket(step).fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    pub(crate) fn counts(&self, now: Duration) -> Counts {
        let step = self.step_at(now);
        let buckets = self.buckets.iter().map(|bucket| Bucket::unpack(bucket.load(Ordering::Relaxed)));
        let recent = buckets.filter(|bucket| step.wrapping_sub(bucket.step) < STEPS_U32);
        recent.fold(Counts::default(), |counts, bucket| Counts {
            calls: counts.calls + u32::from(bucket.calls),
            failures: counts.failures + u32::from(bucket.failures),
        })
    }

    pub(crate) fn clear(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    fn step_at(&self, now: Duration) -> u32 {
        // It wraps after years, and the comparisons above are made to bear that.
        (now.as_nanos() / self.step.as_nanos()) as u32
    }

    fn bucket(&self, step: u32) -> &AtomicU64 {
        &self.buckets[step as usize % STEPS]
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    step: u32,
    calls: u16,
    failures: u16,
}

impl Bucket {
    fn pack(self) -> u64 {
        u64::from(self.step) << 32 | u64::from(self.calls) << 16 | u64::from(self.failures)
    }

    fn unpack(word: u64) -> Self {
        Self { step: (word >> 32) as u32, calls: (word >> 16) as u16, failures: word as u16 }
    }
}

const STEPS: usize = 10;
const STEPS_U32: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let window = Window::new(10 * SECOND);
        for second in 0..10 {
            window.record(second * SECOND, second % 2 == 0);
        }

        assert_eq!(window.counts(9 * SECOND), Counts { calls: 10, failures: 5 });
        assert_eq!(window.counts(10 * SECOND), Counts { calls: 9, failures: 4 });
        assert_eq!(window.counts(18 * SECOND), Counts { calls: 1, failures: 0 });
        assert_eq!(window.counts(19 * SECOND), Counts::default());
        assert_eq!(window.counts(5000 * SECOND), Counts::default());
    }

    #[test]
    fn a_bucket_that_is_used_again_begins_anew() {
        let window = Window::new(10 * SECOND);
        window.record(SECOND, true);

        window.record(11 * SECOND, false);

        assert_eq!(window.counts(11 * SECOND), Counts { calls: 1, failures: 0 });

        window.record(SECOND, true);
        assert_eq!(window.counts(11 * SECOND), Counts { calls: 1, failures: 0 }, "it came too late");
    }

    #[test]
    fn a_bucket_that_is_full_keeps_its_ratio() {
        let window = Window::new(10 * SECOND);
        for call in 0..200_000 {
            window.record(SECOND, call % 4 == 0);
        }

        let Counts { calls, failures } = window.counts(SECOND);
        assert!((0.24..0.26).contains(&(f64::from(failures) / f64::from(calls))), "{failures} of {calls}");
    }

    #[test]
    fn threads_lose_nothing() {
        let window = Window::new(10 * SECOND);

        std::thread::scope(|scope| {
            for thread in 0..4 {
                let window = &window;
                scope.spawn(move || (0..1000).for_each(|_| window.record(SECOND, thread == 0)));
            }
        });

        assert_eq!(window.counts(SECOND), Counts { calls: 4000, failures: 1000 });
    }
}
