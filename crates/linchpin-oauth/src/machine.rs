//! The state machine of fetched keys: what has happened decides what happens next. It does nothing itself.

use std::time::Duration;

use linchpin_core::Timestamp;

use crate::budget::Budget;

/// Where the fetches of one issuer stand; `docs/keys.md` draws it.
#[derive(Debug)]
pub(crate) struct Machine {
    budget: Budget,
    phase: Phase,
    held: Held,
    failures: u32,
    /// How many fetches have failed in all.
    failed: u64,
    /// Why the last fetch failed, if it did.
    last_error: Option<String>,
    ended: Ended,
}

/// Where the next fetch to end stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nobody has asked for it yet.
    Idle,
    /// It is about to begin.
    Requested,
    UnderWay,
    /// There is none: the task has ended.
    Over,
}

/// What the last fetch left behind, as it was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Held {
    Nothing,
    Fresh,
    Stale,
    TooStale,
}

/// How many fetches have ended, and the number of the last of them that succeeded (both from one; zero is none).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ended {
    pub(crate) count: u64,
    pub(crate) last_success: u64,
    /// No other will.
    pub(crate) is_over: bool,
}

/// A fetch that a reader waits for, by its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Awaited {
    pub(crate) number: u64,
    /// What it brings may be older than the reader's question.
    pub(crate) has_begun: bool,
    /// It is the reader who causes it, and has to wake the task.
    pub(crate) is_new: bool,
}

/// A change of state, to be told once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// The very first fetch has failed.
    Unreachable,
    /// The first keys are there.
    Loaded,
    /// A fetch has failed, and the keys that are there are used on.
    Stale,
    /// The keys that are there are not used any more.
    TooStale,
    /// A fetch has succeeded after this many failures.
    Healed { failures: u32 },
}

impl Machine {
    /// Before the first fetch, which is about to begin: whoever comes now waits for it.
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            budget,
            phase: Phase::Requested,
            held: Held::Nothing,
            failures: 0,
            failed: 0,
            last_error: None,
            ended: Ended::default(),
        }
    }

    /// A fetch begins.
    pub(crate) fn begin(&mut self) {
        if self.phase != Phase::Over {
            self.phase = Phase::UnderWay;
        }
    }

    /// Somebody misses a key: they join the fetch that ends next, and cause it if need be.
    ///
    /// # Errors
    ///
    /// The time until one may be caused again.
    pub(crate) fn request(&mut self, now: Timestamp) -> Result<Awaited, Duration> {
        let is_new = match self.phase {
            Phase::Requested | Phase::UnderWay => false,
            Phase::Over => return Err(UNTIL_NEVER),
            Phase::Idle => {
                self.budget.take(now)?;
                self.phase = Phase::Requested;
                true
            }
        };
        let has_begun = self.phase == Phase::UnderWay;
        Ok(Awaited { number: self.ended.count + 1, has_begun, is_new })
    }

    /// A signature has failed under a key that is there: whether that causes a fetch, for which the task has to be woken.
    pub(crate) fn suspect(&mut self, now: Timestamp) -> bool {
        let causes = self.phase == Phase::Idle && self.budget.take_for_suspicion(now);
        if causes {
            self.phase = Phase::Requested;
        }
        causes
    }

    /// A fetch has succeeded.
    pub(crate) fn succeed(&mut self) -> Option<Change> {
        let change = match self.held {
            Held::Nothing => Some(Change::Loaded),
            Held::Fresh => None,
            Held::Stale | Held::TooStale => Some(Change::Healed { failures: self.failures }),
        };
        self.held = Held::Fresh;
        self.failures = 0;
        self.last_error = None;
        self.end(true);
        change
    }

    /// A fetch has failed; `is_too_stale` says what became of the keys meanwhile, if there are any.
    pub(crate) fn fail(&mut self, error: String, is_too_stale: bool) -> Option<Change> {
        let (held, change) = match self.held {
            Held::Nothing => (Held::Nothing, (self.failures == 0).then_some(Change::Unreachable)),
            Held::Fresh | Held::Stale if is_too_stale => (Held::TooStale, Some(Change::TooStale)),
            Held::Fresh => (Held::Stale, Some(Change::Stale)),
            unchanged @ (Held::Stale | Held::TooStale) => (unchanged, None),
        };
        self.held = held;
        self.failures = self.failures.saturating_add(1);
        self.failed += 1;
        self.last_error = Some(error);
        self.end(false);
        change
    }

    /// The task has ended: nothing is fetched any more.
    pub(crate) fn close(&mut self) {
        self.phase = Phase::Over;
        self.last_error =
            Some("nothing is fetched any more, since the runtime of the task has ended".to_owned());
        self.ended.is_over = true;
    }

    pub(crate) fn is_fetching(&self) -> bool {
        matches!(self.phase, Phase::Requested | Phase::UnderWay)
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    pub(crate) fn ended(&self) -> Ended {
        self.ended
    }

    fn end(&mut self, is_success: bool) {
        if self.phase != Phase::Over {
            self.phase = Phase::Idle;
        }
        self.ended.count += 1;
        if is_success {
            self.ended.last_success = self.ended.count;
        }
    }
}

/// What a client is told to wait if nothing will change by itself: another instance may do better.
const UNTIL_NEVER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Request,
        Suspect,
        Pass(u64),
        /// The task goes on: what is under way ends in one of three ways, or what is due begins.
        Succeed,
        Fail,
        FailTooStale,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        use Event::*;
        let event = prop_oneof![
            Just(Request),
            Just(Suspect),
            (0_u64..25).prop_map(Pass),
            Just(Succeed),
            Just(Fail),
            Just(FailTooStale)
        ];
        proptest::collection::vec(event, 0..200)
    }

    proptest! {
        // With a fixed seed a failure is the same for everybody, and no file has to remember it.
        #![proptest_config(ProptestConfig {
            cases: 200,
            rng_seed: RngSeed::Fixed(4),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn whatever_happens_the_promises_hold(events in events()) {
            let start = Timestamp::from_unix_seconds(1_000_000);
            let (mut now, mut caused, mut suspected, mut failed) = (start, 0_u64, 0_u64, 0_u64);
            let mut machine = Machine::new(Budget::new(INTERVAL, start));
            let mut told = Vec::new();
            for event in events {
                let (before, was_fetching) = (machine.ended(), machine.is_fetching());
                match event {
                    Event::Pass(seconds) => now = now.saturating_add(Duration::from_secs(seconds)),
                    Event::Request => match machine.request(now) {
                        Ok(awaited) => {
                            prop_assert_eq!(awaited.number, before.count + 1, "the next to end");
                            prop_assert_eq!(awaited.is_new, !was_fetching, "never two at once");
                            caused += u64::from(awaited.is_new);
                        }
                        Err(wait) => {
                            prop_assert!(!was_fetching, "who can join does");
                            prop_assert!(wait <= INTERVAL);
                        }
                    },
                    Event::Suspect => {
                        let causes = machine.suspect(now);
                        prop_assert!(!(causes && was_fetching), "never two at once");
                        suspected += u64::from(causes);
                    }
                    Event::Succeed | Event::Fail | Event::FailTooStale => {
                        machine.begin();
                        let failed_before = machine.failures();
                        let change = match event {
                            Event::Succeed => machine.succeed(),
                            _ => machine.fail("down".to_owned(), matches!(event, Event::FailTooStale)),
                        };
                        let succeeds = matches!(event, Event::Succeed);
                        prop_assert_eq!(machine.ended().count, before.count + 1);
                        prop_assert_eq!(machine.ended().last_success == before.count + 1, succeeds);
                        failed += u64::from(!succeeds);
                        prop_assert_eq!(machine.failed(), failed);
                        prop_assert_eq!(machine.failures(), if succeeds { 0 } else { failed_before + 1 });
                        prop_assert_eq!(machine.last_error().is_none(), succeeds);
                        prop_assert!(!machine.is_fetching());
                        told.extend(change);
                    }
                }
                let elapsed = now.saturating_duration_since(start);
                let intervals = elapsed.as_secs() / INTERVAL.as_secs();
                prop_assert!(caused <= 2 + intervals, "{caused} in {elapsed:?}");
                prop_assert!(suspected <= 1 + intervals, "{suspected} for suspicions in {elapsed:?}");
            }
            for (index, pair) in told.windows(2).enumerate() {
                let follows = match pair[0] {
                    Change::Unreachable => index == 0 && matches!(pair[1], Change::Loaded),
                    Change::Loaded | Change::Healed { .. } => matches!(pair[1], Change::Stale | Change::TooStale),
                    Change::Stale => matches!(pair[1], Change::TooStale | Change::Healed { .. }),
                    Change::TooStale => matches!(pair[1], Change::Healed { .. }),
                };
                prop_assert!(follows, "{:?}", pair);
            }
        }

        #[test]
        fn suspicion_never_takes_the_last_fetch_from_those_who_miss_a_key(pauses in proptest::collection::vec(0_u64..30, 1..50)) {
            let mut now = Timestamp::from_unix_seconds(1_000_000);
            let mut machine = Machine::new(Budget::new(INTERVAL, now));
            machine.begin();
            machine.succeed();
            for pause in pauses {
                now = now.saturating_add(Duration::from_secs(pause));
                for _ in 0..100 {
                    if machine.suspect(now) {
                        machine.begin();
                        machine.succeed();
                    }
                }
            }

            prop_assert!(machine.request(now).is_ok());
        }
    }

    #[test]
    fn nothing_is_fetched_any_more_once_the_task_has_ended() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        let mut machine = Machine::new(Budget::new(INTERVAL, now));
        machine.close();

        assert_eq!(machine.request(now), Err(UNTIL_NEVER));
        assert!(!machine.suspect(now));
        machine.begin();
        assert!(!machine.is_fetching() && machine.ended().is_over);
        assert!(machine.last_error().is_some_and(|told| told.starts_with("nothing is fetched any more")));
    }
}
