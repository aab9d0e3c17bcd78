//! How much of the load may be retries.

use std::sync::atomic::{AtomicU64, Ordering};

/// A bucket of retries: each call puts a part of one in, each retry takes a whole one out.
///
/// However many calls fail, there are never more retries than `ratio` of them and what the bucket held when the trouble began.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In thousandths of a retry.
    balance: AtomicU64,
    per_call: u64,
    most: u64,
}

impl Budget {
    /// A bucket that holds `reserve` retries, from the beginning and at most, and into which a call puts `ratio` of one.
    pub(crate) fn new(ratio: f64, reserve: u32) -> Self {
        let most = u64::from(reserve) * ONE;
        // Rounded down: the promise is an upper bound. Both are checked when the client is built.
        Self { balance: AtomicU64::new(most), per_call: (ratio * ONE as f64) as u64, most }
    }

    /// Notes a call.
    pub(crate) fn deposit(&self) {
        let add =
            |balance: u64| Some((balance + self.per_call).min(self.most)).filter(|after| *after != balance);
        // Fails only where nothing changes, because the bucket is full.
        let _ = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Takes one retry out, if there is one.
    pub(crate) fn withdraw(&self) -> bool {
        let take = |balance: u64| balance.checked_sub(ONE);
        self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

const ONE: u64 = 1000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn retries_are_a_part_of_the_calls_and_what_was_saved_up() {
        let budget = Budget::new(0.1, 10);

        let mut retries = 0;
        for _ in 0..1000 {
            budget.deposit();
            retries += u32::from(budget.withdraw()) + u32::from(budget.withdraw());
        }

        assert_eq!(retries, 10 + 100 - 1, "the first call finds the bucket full");
    }

    #[test]
    fn a_bucket_without_reserve_or_ratio_gives_nothing() {
        let none = Budget::new(0.0, 2);
        none.deposit();

        assert_eq!([none.withdraw(), none.withdraw(), none.withdraw()], [true, true, false]);
        assert!(!Budget::new(0.0, 0).withdraw());
    }

    proptest! {
        #[test]
        fn no_order_of_calls_and_retries_exceeds_the_budget(
            ratio in 0.0_f64..=1.0, reserve in 1_u32..20, steps in prop::collection::vec(any::<bool>(), 0..400),
        ) {
            let budget = Budget::new(ratio, reserve);
            let (mut calls, mut retries) = (0_u32, 0_u32);
            for is_call in steps {
                if is_call {
                    budget.deposit();
                    calls += 1;
                } else if budget.withdraw() {
                    retries += 1;
                }
                prop_assert!(f64::from(retries) <= f64::from(calls) * ratio + f64::from(reserve) + 1e-9);
            }
        }
    }

    #[test]
    fn threads_share_one_budget() {
        let budget = Budget::new(0.0, 100);

        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..100).filter(|_| budget.withdraw()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(taken, 100);
    }
}
