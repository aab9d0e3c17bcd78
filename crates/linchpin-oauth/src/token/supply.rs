//! How one token gets from the task that fetches it to those who use it.
//!
//! All that several threads do to each other is in this file. Its primitives come from `crate::sync`, so that `tests/model`
//! runs the same lines under shuttle's scheduler.

use std::{sync::PoisonError, time::Duration};

use super::machine::{Machine, Step};
use crate::{
    AccessToken, TokenError, TokenErrorKind,
    moment::Moment,
    sync::{Arc, Mutex, MutexGuard, Slot, watch},
};

/// The last good token and the way to a newer one. Whoever finds a fresh token only loads it; the mutex is held for a few
/// instructions by those who need a fetch, and never across an await.
pub(crate) struct Supply {
    latest: Slot<Held>,
    machine: Mutex<Machine>,
    ended: watch::Sender<Ended>,
}

/// A token, and for how long it is good.
pub(crate) struct Held {
    pub(crate) token: AccessToken,
    /// When its fetch began: its life counts from then at the latest.
    pub(crate) since: Moment,
    /// From this age on, another one is fetched in the background.
    pub(crate) due_after: Duration,
    /// From this age on, it may expire before it arrives.
    pub(crate) short_after: Duration,
    pub(crate) expires_after: Duration,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Age {
    Fresh,
    Due,
    Short,
    Expired,
}

/// The fetch that ended last.
#[derive(Clone, Default)]
struct Ended {
    number: u64,
    result: Option<Result<AccessToken, TokenError>>,
}

/// The end of the fetch that comes after one.
pub(crate) struct NextEnd(watch::Receiver<Ended>);

impl NextEnd {
    /// Waits for it, or until nobody can make a fetch any more.
    pub(crate) async fn wait(mut self) {
        let _ = self.0.changed().await;
    }
}

/// What a call hears.
pub(crate) enum Supplied {
    /// A token; if there is a number, a fetch with this number is the asker's to make, though not to wait for.
    Token(AccessToken, Option<u64>),
    /// The fetch with this number, which is another's to make, or the asker's.
    Awaited { number: u64, is_new: bool },
    /// No token, and too early for another fetch.
    Failed(TokenError),
}

impl Held {
    fn age(&self, now: Moment) -> Age {
        match now.since(self.since) {
            age if age < self.due_after => Age::Fresh,
            age if age < self.short_after => Age::Due,
            age if age < self.expires_after => Age::Short,
            _ => Age::Expired,
        }
    }
}

impl Supply {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            latest: Slot::empty(),
            machine: Mutex::new(Machine::new(now)),
            ended: watch::Sender::new(Ended::default()),
        }
    }

    /// The token for one call. Nobody waits for a lock who finds one that is good for long enough.
    pub(crate) fn take(&self, now: Moment) -> Supplied {
        if let Some(held) = self.latest.load().as_deref() {
            match held.age(now) {
                Age::Fresh => return Supplied::Token(held.token.clone(), None),
                Age::Due => return Supplied::Token(held.token.clone(), self.try_refresh(now)),
                Age::Short | Age::Expired => {}
            }
        }
        let mut machine = self.machine();
        // Looked at again: what a fetch brings is there before the machine knows that it has ended.
        let latest = self.latest.load();
        let held = latest.as_deref().map(|held| (held, held.age(now)));
        match held {
            Some((held, Age::Fresh | Age::Due)) => Supplied::Token(held.token.clone(), None),
            held => match (machine.request(now), held) {
                (Step::Begin(number), _) => Supplied::Awaited { number, is_new: true },
                (Step::Join(number), _) => Supplied::Awaited { number, is_new: false },
                // What is about to expire is better than nothing.
                (Step::Wait(_), Some((held, Age::Short))) => Supplied::Token(held.token.clone(), None),
                (Step::Wait(error), _) => Supplied::Failed(error),
            },
        }
    }

    /// Waits for a fetch, or a later one; its token, or one that is still good.
    pub(crate) async fn wait(
        &self,
        number: u64,
        now: impl FnOnce() -> Moment,
    ) -> Result<AccessToken, TokenError> {
        let result = {
            let mut ended = self.ended.subscribe();
            // The sender is ours, so that there is always an end.
            ended.wait_for(|ended| ended.number >= number).await.ok().and_then(|ended| ended.result.clone())
        };
        let gone = || TokenError::new(TokenErrorKind::Unavailable, "nobody fetches any more");
        result.unwrap_or_else(|| Err(gone())).or_else(|error| self.unexpired(now()).ok_or(error))
    }

    /// A token that has not expired, however soon it will.
    pub(crate) fn unexpired(&self, now: Moment) -> Option<AccessToken> {
        let latest = self.latest.load();
        latest.as_deref().filter(|held| held.age(now) < Age::Expired).map(|held| held.token.clone())
    }

    /// Has a fetch made ahead of need: its number, unless one is under way, or has just ended, or it is too early.
    pub(crate) fn refresh(&self, now: Moment) -> Option<u64> {
        self.refresh_if_due(&mut self.machine(), now)
    }

    /// The same for a call, which waits for nobody: who holds the lock will see to it, or the next call does.
    fn try_refresh(&self, now: Moment) -> Option<u64> {
        self.refresh_if_due(&mut *self.machine.try_lock().ok()?, now)
    }

    fn refresh_if_due(&self, machine: &mut Machine, now: Moment) -> Option<u64> {
        let is_fresh = self.latest.load().as_deref().is_some_and(|held| held.age(now) == Age::Fresh);
        if is_fresh {
            return None;
        }
        match machine.request(now) {
            Step::Begin(number) => Some(number),
            Step::Join(_) | Step::Wait(_) => None,
        }
    }

    /// Publishes what a fetch has brought, and then that it has ended.
    pub(crate) fn succeed(&self, held: Arc<Held>) -> NextEnd {
        let token = held.token.clone();
        let mut machine = self.machine();
        self.latest.store(Some(held));
        let number = machine.succeed();
        self.end(Ended { number, result: Some(Ok(token)) })
    }

    /// Tells those who wait that the fetch has failed; a token that is there stays. Returns the pause, too.
    pub(crate) fn fail(&self, error: TokenError, now: Moment, jitter: f64) -> (Duration, NextEnd) {
        let mut machine = self.machine();
        let (number, error) = machine.fail(error, now, jitter);
        let pause = error.retry_after().unwrap_or_default();
        (pause, self.end(Ended { number, result: Some(Err(error)) }))
    }

    /// Called under the lock, so that no end is missed.
    fn end(&self, ended: Ended) -> NextEnd {
        self.ended.send_replace(ended);
        NextEnd(self.ended.subscribe())
    }

    /// Does not give this token out again, if it is the one that is there and another may be fetched.
    pub(crate) fn reject(&self, token: &AccessToken, now: Moment) {
        let is_current = || self.latest.load().as_deref().is_some_and(|held| held.token == *token);
        if !is_current() {
            return;
        }
        let mut machine = self.machine();
        // Looked at again: of all who saw the same token rejected, one is enough.
        if is_current() && machine.reject(now) {
            self.latest.store(None);
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // Nothing panics while the lock is held; if something did, the state would still be usable.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
