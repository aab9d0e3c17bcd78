//! How often tokens may cause a fetch.

use std::time::Duration;

use linchpin_core::Timestamp;

/// Two fetches at once, then one per interval: key ids are the attacker's to choose, and a fetch is the provider's to bear.
#[derive(Debug)]
pub(crate) struct Budget {
    interval: Duration,
    left: u32,
    counted_from: Timestamp,
    suspected_at: Option<Timestamp>,
}

const BURST: u32 = 2;

impl Budget {
    pub(crate) fn new(interval: Duration, now: Timestamp) -> Self {
        Self { interval, left: BURST, counted_from: now, suspected_at: None }
    }

    /// Takes one fetch out of the budget.
    ///
    /// # Errors
    ///
    /// The time until there is one again.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        self.refill(now);
        if self.left == 0 {
            return Err(self.interval.saturating_sub(now.saturating_duration_since(self.counted_from)));
        }
        self.left -= 1;
        Ok(())
    }

    /// Whether a suspicion may cause a fetch: one per interval, which takes nothing from those who miss a key.
    pub(crate) fn take_for_suspicion(&mut self, now: Timestamp) -> bool {
        // A clock that was set back must not keep a suspicion waiting until it has caught up.
        let is_too_soon =
            |last: Timestamp| now >= last && now.saturating_duration_since(last) < self.interval;
        if self.suspected_at.is_some_and(is_too_soon) {
            return false;
        }
        self.suspected_at = Some(now);
        true
    }

    fn refill(&mut self, now: Timestamp) {
        if now < self.counted_from {
            self.counted_from = now; // the clock was set back: nobody waits for it to catch up
        }
        while self.left < BURST && now.saturating_duration_since(self.counted_from) >= self.interval {
            self.left += 1;
            self.counted_from = self.counted_from.saturating_add(self.interval);
        }
        if self.left == BURST {
            self.counted_from = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn two_at_once_and_then_one_per_interval() {
        let mut budget = Budget::new(INTERVAL, at(0));

        assert_eq!(budget.take(at(100)), Ok(()));
        assert_eq!(budget.take(at(100)), Ok(()));
        assert_eq!(budget.take(at(103)), Err(Duration::from_secs(7)));
        assert_eq!(budget.take(at(110)), Ok(()));
        assert_eq!(budget.take(at(111)), Err(Duration::from_secs(9)));
        assert_eq!(budget.take(at(500)), Ok(()));
        assert_eq!(budget.take(at(500)), Ok(()), "saved up, but no more than two");
        assert_eq!(budget.take(at(500)), Err(INTERVAL));
    }

    #[test]
    fn suspicion_has_one_per_interval_and_takes_nothing_from_others() {
        let mut budget = Budget::new(INTERVAL, at(0));

        assert!(budget.take_for_suspicion(at(0)));
        assert!(!budget.take_for_suspicion(at(9)));
        assert!(budget.take_for_suspicion(at(10)));
        assert!(budget.take_for_suspicion(at(5)), "the clock was set back");
        assert_eq!(budget.take(at(10)), Ok(()));
        assert_eq!(budget.take(at(10)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_fetches_for_long() {
        let mut budget = Budget::new(INTERVAL, at(1000));
        budget.take(at(1000)).unwrap();
        budget.take(at(1000)).unwrap();

        assert_eq!(budget.take(at(100)), Err(INTERVAL));
        assert_eq!(budget.take(at(110)), Ok(()));
    }
}
