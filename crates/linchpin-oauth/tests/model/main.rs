//! The handover between the task that fetches and those who wait, under shuttle: each test runs some thousand orders of the
//! same threads. A waiter that is never woken leaves nobody to run, which shuttle reports as a deadlock.
//!
//! What is modelled is `handover`, `machine` and `budget`, and in the module `token` their counterparts for tokens, line for line
//! the code of the crate. What is not: tokio's own
//! primitives and arc-swap, which stand here as their documented behaviour; weak memory orders; deadlines and HTTP, which
//! `tests/it` covers on a paused clock.

#[path = "../../src/budget.rs"]
#[allow(dead_code)]
mod budget;
#[path = "../../src/handover.rs"]
#[allow(dead_code)]
mod handover;
#[path = "../../src/machine.rs"]
#[allow(dead_code)]
mod machine;
#[path = "../../src/moment.rs"]
#[allow(dead_code)]
mod moment;
mod sync;
mod token;

use std::time::Duration;

use linchpin_core::Timestamp;
pub(crate) use linchpin_oauth::{AccessToken, TokenError, TokenErrorKind};
use shuttle::{
    future::{self, block_on, yield_now},
    rand::{Rng, thread_rng},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    budget::Budget,
    handover::{Failed, Handover},
    sync::Arc,
};

/// A provider whose keys are a number that only grows, and the handover of what is fetched from it.
struct World {
    handover: Handover<u64>,
    published: AtomicU64,
    fetches: AtomicU64,
    is_down: bool,
}

impl World {
    fn new(interval: Duration) -> Self {
        Self {
            handover: Handover::new(Budget::new(interval, NOW)),
            published: AtomicU64::new(1),
            fetches: AtomicU64::new(0),
            is_down: false,
        }
    }

    fn start(self) -> (Arc<Self>, future::AbortHandle) {
        let world = Arc::new(self);
        let task = future::spawn(world.clone().run()).abort_handle();
        (world, task)
    }

    /// The loop of the task. Its pauses end by request alone, so that a lost request is never made good by the next refresh.
    async fn run(self: Arc<Self>) {
        loop {
            self.handover.begin().await;
            self.fetches.fetch_add(1, Ordering::SeqCst);
            let answer = self.published.load(Ordering::SeqCst);
            yield_now().await;
            if self.is_down {
                self.handover.fail("down".to_owned(), false);
            } else {
                self.handover.succeed(Arc::new(answer));
            }
            self.handover.requested().await;
        }
    }

    fn latest(&self) -> Option<u64> {
        self.handover.latest().load().as_deref().copied()
    }

    /// What a token does whose key is missing: `None` if the budget is used up.
    fn ask(&self) -> Option<Result<u64, Failed>> {
        let known = self.latest();
        let awaited = self.handover.request(NOW).ok()?;
        let ended = block_on(self.handover.wait(awaited, || self.latest() == known, || NOW));
        Some(ended.map(|()| self.latest().expect("a fetch that has succeeded has left keys")))
    }
}

fn explore(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, ORDERS);
    shuttle::check_pct(model, ORDERS, 3);
}

fn join_all<T>(threads: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn whoever_waits_sees_what_was_published_before_it_asked_or_at_least_something_new() {
    explore(|| {
        let (world, task) = World::new(WITHOUT_LIMIT).start();
        let readers = (0..3).map(|_| {
            let world = world.clone();
            thread::spawn(move || {
                let wanted = world.published.fetch_add(1, Ordering::SeqCst) + 1;
                let known = world.latest();
                let found = world.ask().expect("there is no limit").expect("the provider is up");
                // Something new from a fetch that had begun ends the wait: in a rotation it is the key, as a rule.
                assert!(found >= wanted || Some(found) > known, "{found} is older than {wanted}");
            })
        });
        join_all(readers.collect());
        task.abort();
    });
}

#[test]
fn a_burst_of_unknown_keys_stays_within_the_budget_in_every_order() {
    explore(|| {
        let (world, task) = World::new(Duration::from_secs(10)).start();
        let readers = (0..4).map(|number| {
            let world = world.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    if number == 0 {
                        world.handover.suspect(NOW);
                    } else if let Some(ended) = world.ask() {
                        assert!(ended.is_ok());
                    }
                }
            })
        });
        join_all(readers.collect());
        assert!(world.fetches.load(Ordering::SeqCst) <= 4, "the first one, one suspicion and a burst of two");
        task.abort();
    });
}

#[test]
fn those_who_wait_before_the_first_fetch_begins_share_it() {
    explore(|| {
        let world = Arc::new(World::new(Duration::from_secs(10)));
        let awaited: Vec<_> = (0..3).map(|_| world.handover.request(NOW).unwrap()).collect();
        let waiters = awaited.into_iter().map(|awaited| {
            let world = world.clone();
            thread::spawn(move || block_on(world.handover.wait(awaited, || false, || NOW)))
        });
        let waiters = waiters.collect();
        let first = world.clone();
        let ready = thread::spawn(move || block_on(first.handover.first_success()));
        let task = future::spawn(world.clone().run());

        assert_eq!(join_all(waiters), [Ok(()); 3]);
        ready.join().unwrap();
        assert_eq!(world.fetches.load(Ordering::SeqCst), 1);
        task.abort();
    });
}

#[test]
fn a_failed_fetch_ends_every_wait() {
    explore(|| {
        let (world, task) = World { is_down: true, ..World::new(WITHOUT_LIMIT) }.start();
        let readers = (0..3).map(|_| {
            let world = world.clone();
            thread::spawn(move || world.ask())
        });
        assert_eq!(join_all(readers.collect()), [Some(Err(Failed)); 3]);
        task.abort();
    });
}

#[test]
fn a_suspicion_while_nothing_is_fetched_is_never_lost() {
    explore(|| {
        let (world, task) = World::new(Duration::from_secs(10)).start();
        block_on(world.handover.first_success());
        while world.handover.inspect(|machine| machine.is_fetching()) {
            thread::yield_now();
        }
        world.published.store(2, Ordering::SeqCst);
        let forgers = (0..2).map(|_| {
            let world = world.clone();
            thread::spawn(move || world.handover.suspect(NOW))
        });
        join_all(forgers.collect());
        while world.latest() != Some(2) {
            thread::yield_now();
        }
        assert_eq!(
            world.fetches.load(Ordering::SeqCst),
            2,
            "one for both, since the last of the budget is spared"
        );
        task.abort();
    });
}

#[test]
fn when_the_task_ends_nobody_waits_on() {
    struct Closing(Arc<World>);

    impl Drop for Closing {
        fn drop(&mut self) {
            self.0.handover.close();
        }
    }

    explore(|| {
        let world = Arc::new(World::new(WITHOUT_LIMIT));
        let closing = Closing(world.clone());
        let task = future::spawn(async move {
            let world = closing.0.clone();
            let _closing = closing;
            world.run().await;
        });
        let readers = (0..3).map(|_| {
            let world = world.clone();
            thread::spawn(move || world.ask())
        });
        let readers = readers.collect();
        if thread_rng().gen_bool(0.5) {
            thread::yield_now();
        }
        task.abort();

        join_all(readers);
        block_on(async {
            while !world.handover.inspect(|machine| machine.ended().is_over) {
                yield_now().await;
            }
        });
        assert_eq!(world.ask(), None);
    });
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// A budget that is full again at once.
const WITHOUT_LIMIT: Duration = Duration::ZERO;

/// How many orders each model runs, under each of two schedulers.
const ORDERS: usize = 1000;
