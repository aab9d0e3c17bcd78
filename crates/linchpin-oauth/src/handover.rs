//! How the task that fetches hands over to those who read and wait.
//!
//! All that several threads do to each other is in this file. Its primitives come from `crate::sync`, so that `tests/model`
//! runs the same lines under shuttle's scheduler, which tries orders that no test on real threads meets.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::PoisonError,
    task::Poll,
    time::Duration,
};

use linchpin_core::Timestamp;

use crate::{
    budget::Budget,
    machine::{Awaited, Change, Ended, Machine},
    sync::{Arc, Mutex, MutexGuard, Notify, Slot, watch},
};

/// The last good value and the way to a newer one. Readers only load it; the mutex is held for a few instructions, by whoever
/// misses a key and by the task between fetches, never across an await.
pub(crate) struct Handover<T> {
    latest: Slot<T>,
    machine: Mutex<Machine>,
    fetch_now: Notify,
    ended: watch::Sender<Ended>,
}

/// A fetch that was waited for has failed, or there is nobody to make it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Failed;

impl<T> Handover<T> {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            latest: Slot::empty(),
            machine: Mutex::new(Machine::new(budget)),
            fetch_now: Notify::new(),
            ended: watch::Sender::new(Ended::default()),
        }
    }

    pub(crate) fn latest(&self) -> &Slot<T> {
        &self.latest
    }

    /// Looks at the state machine.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&Machine) -> R) -> R {
        look(&self.machine())
    }

    /// Joins the fetch that ends next, which is caused if need be.
    ///
    /// # Errors
    ///
    /// The time until one may be caused again.
    pub(crate) fn request(&self, now: Timestamp) -> Result<Awaited, Duration> {
        let awaited = self.machine().request(now)?;
        if awaited.is_new {
            self.fetch_now.notify_one();
        }
        Ok(awaited)
    }

    /// Has a signature under a key that is there looked into; nobody waits for that.
    pub(crate) fn suspect(&self, now: Timestamp) {
        let causes_a_fetch = self.machine().suspect(now);
        if causes_a_fetch {
            self.fetch_now.notify_one();
        }
    }

    /// Waits for a fetch, and for the next one if this one cannot have known what the reader asks for.
    pub(crate) async fn wait(
        &self,
        awaited: Awaited,
        is_unchanged: impl Fn() -> bool,
        now: impl Fn() -> Timestamp,
    ) -> Result<(), Failed> {
        self.success(awaited.number).await?;
        // The provider may have answered before it published the key; a fetch that begins now, or has begun since, tells.
        if awaited.has_begun
            && is_unchanged()
            && let Ok(next) = self.request(now())
        {
            self.success(next.number).await?;
        }
        Ok(())
    }

    /// Waits until a fetch has succeeded; forever, if none does.
    pub(crate) async fn first_success(&self) {
        let mut ended = self.ended.subscribe();
        while self.latest.load().is_none() && ended.changed().await.is_ok() {}
    }

    /// From here on, whoever misses a key waits for this fetch, and who asked for one has been heard.
    pub(crate) async fn begin(&self) {
        self.machine().begin();
        poll_once(self.fetch_now.notified()).await;
    }

    /// Waits until somebody has caused a fetch since the last one began.
    pub(crate) async fn requested(&self) {
        self.fetch_now.notified().await;
    }

    /// Publishes what a fetch has brought, and then that it has ended.
    pub(crate) fn succeed(&self, value: Arc<T>) -> Option<Change> {
        self.latest.store(Some(value));
        self.end(Machine::succeed)
    }

    /// Tells those who wait that the fetch has failed; what there is stays.
    pub(crate) fn fail(&self, error: String, is_too_stale: bool) -> Option<Change> {
        self.end(|machine| machine.fail(error, is_too_stale))
    }

    /// Lets everybody go who waits, and whoever comes: nothing is fetched any more.
    pub(crate) fn close(&self) {
        self.end(Machine::close);
    }

    /// Waits for the end of a fetch; it counts as a success if it is one, or a later one is.
    async fn success(&self, number: u64) -> Result<(), Failed> {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(|ended| ended.count >= number || ended.is_over).await {
            Ok(ended) if ended.last_success >= number => Ok(()),
            _ => Err(Failed),
        }
    }

    /// The number of a fetch is taken under the lock under which it ends, so that it is that of the right one.
    fn end<R>(&self, change: impl FnOnce(&mut Machine) -> R) -> R {
        let mut machine = self.machine();
        let result = change(&mut machine);
        self.ended.send_replace(machine.ended());
        result
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // Nothing panics while the lock is held; if something did, the counters would still be usable.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls a future once, and drops it whether it has ended or not.
async fn poll_once(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}
