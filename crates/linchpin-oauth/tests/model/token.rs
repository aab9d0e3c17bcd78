//! The supply of one token: many who take it, and whoever begins a fetch making it.

#[path = "../../src/token/machine.rs"]
#[allow(dead_code)]
mod machine;
#[path = "../../src/token/supply.rs"]
#[allow(dead_code)]
mod supply;

use std::time::Duration;

use linchpin_core::Timestamp;
use shuttle::{
    future::block_on,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use tokio::time::Instant;

use self::supply::{Held, NextEnd, Supplied, Supply};
use crate::{AccessToken, TokenError, TokenErrorKind, explore, join_all, moment::Moment, sync::Arc};

/// A server whose tokens are numbers, and the supply of them.
struct World {
    supply: Supply,
    fetches: AtomicU64,
    is_down: bool,
    start: Moment,
}

impl World {
    fn new() -> Self {
        let start = Moment { wall: Timestamp::from_unix_seconds(1_000_000), monotonic: Instant::now() };
        Self { supply: Supply::new(start), fetches: AtomicU64::new(0), is_down: false, start }
    }

    fn at(&self, seconds: u64) -> Moment {
        let time = Duration::from_secs(seconds);
        Moment { wall: self.start.wall.saturating_add(time), monotonic: self.start.monotonic + time }
    }

    /// What the task does that makes a fetch.
    fn fetch(&self, now: Moment) -> Option<NextEnd> {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        thread::yield_now();
        if self.is_down {
            self.supply.fail(TokenError::new(TokenErrorKind::Unavailable, "down"), now, 0.0);
            return None;
        }
        let seconds = Duration::from_secs;
        Some(self.supply.succeed(Arc::new(Held {
            token: AccessToken::new(&number.to_string()).expect("a number is a token"),
            since: now,
            due_after: seconds(60),
            short_after: seconds(70),
            expires_after: seconds(100),
        })))
    }

    /// What a call does; whoever begins a fetch makes it in a thread of its own.
    fn call(self: &Arc<Self>, now: Moment) -> Result<u64, TokenError> {
        let spawn = || {
            let world = self.clone();
            thread::spawn(move || world.fetch(now))
        };
        let token = match self.supply.take(now) {
            Supplied::Token(token, begun) => {
                if begun.is_some() {
                    spawn();
                }
                token
            }
            Supplied::Failed(error) => return Err(error),
            Supplied::Awaited { number, is_new } => {
                if is_new {
                    spawn();
                }
                block_on(self.supply.wait(number, || now))?
            }
        };
        Ok(token.secret().parse().expect("tokens are numbers"))
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// Several threads that do the same.
fn several<T: Send + 'static>(world: &Arc<World>, act: fn(&Arc<World>) -> T) -> Vec<T> {
    let threads = (0..3).map(|_| {
        let world = world.clone();
        thread::spawn(move || act(&world))
    });
    join_all(threads.collect())
}

#[test]
fn all_who_find_no_token_share_one_fetch() {
    explore(|| {
        let world = Arc::new(World::new());

        let tokens = several(&world, |world| world.call(world.start).unwrap());

        assert_eq!((tokens, world.fetches()), (vec![1; 3], 1));
    });
}

#[test]
fn a_fetch_that_fails_ends_every_wait_and_is_the_only_one() {
    explore(|| {
        let world = Arc::new(World { is_down: true, ..World::new() });

        let tokens = several(&world, |world| world.call(world.start));

        assert!(tokens.iter().all(Result::is_err));
        assert_eq!(world.fetches(), 1);
    });
}

#[test]
fn a_token_that_is_due_is_given_out_and_replaced_once() {
    explore(|| {
        let world = Arc::new(World::new());
        world.call(world.start).unwrap();

        let tokens = several(&world, |world| world.call(world.at(65)).unwrap());

        assert!(tokens.iter().all(|token| *token <= 2), "{tokens:?}");
        // The one that began it made it in a thread that may not have come to run.
        while world.call(world.at(65)).unwrap() != 2 {
            thread::yield_now();
        }
        assert_eq!(world.fetches(), 2);
    });
}

#[test]
fn all_who_see_the_same_token_rejected_share_one_fresh_one() {
    explore(|| {
        let world = Arc::new(World::new());
        world.call(world.start).unwrap();

        let tokens = several(&world, |world| {
            world.supply.reject(&AccessToken::new("1").unwrap(), world.start);
            world.call(world.start).unwrap()
        });

        assert_eq!((tokens, world.fetches()), (vec![2; 3], 2));
    });
}

#[test]
fn whoever_keeps_a_token_fresh_never_misses_that_another_has_taken_over() {
    explore(|| {
        let world = Arc::new(World::new());
        assert!(matches!(world.supply.take(world.start), Supplied::Awaited { is_new: true, .. }));
        let keeper = world.clone();
        let keeper = thread::spawn(move || {
            let next_end = keeper.fetch(keeper.start).expect("the server is up");
            // Were the end missed, nobody would be left to run.
            block_on(next_end.wait());
        });

        world.call(world.start).unwrap();
        assert_eq!(world.call(world.at(80)).unwrap(), 2);

        keeper.join().unwrap();
        assert_eq!(world.fetches(), 2);
    });
}
