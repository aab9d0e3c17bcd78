//! What waits to be sent: bounded, and never in anybody's way.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

/// Where requests leave what is to be sent. Beyond its bound it counts what it drops.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    items: Mutex<VecDeque<T>>,
    bounds: Bounds,
    ripe: Notify,
    tally: Arc<Tally>,
}

/// How much may wait, and how much is sent at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) waiting: usize,
    pub(crate) batch: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(bounds: Bounds, tally: Arc<Tally>) -> Self {
        Self { items: Mutex::default(), bounds, ripe: Notify::new(), tally }
    }

    /// Takes an item, or counts it as dropped. The task that sends is woken only once there is a whole batch.
    pub(crate) fn push(&self, item: T) {
        let mut items = self.items();
        if items.len() >= self.bounds.waiting {
            drop(items);
            self.tally.overflow.fetch_add(1, Ordering::Relaxed);
            return;
        }
        items.push_back(item);
        let is_ripe = items.len() == self.bounds.batch;
        drop(items);
        if is_ripe {
            self.ripe.notify_one();
        }
    }

    /// The oldest items, one batch of them at most.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut items = self.items();
        let count = items.len().min(self.bounds.batch);
        items.drain(..count).collect()
    }

    pub(crate) fn has_batch(&self) -> bool {
        self.items().len() >= self.bounds.batch
    }

    /// Waits until there is a whole batch; it may wake once too often.
    pub(crate) async fn ripe(&self) {
        self.ripe.notified().await;
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        // Nothing that runs under the lock can panic half-way through a change.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has become of the items of one signal.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// They have arrived.
    pub(crate) exported: AtomicU64,
    /// They came when the queue was full.
    pub(crate) overflow: AtomicU64,
    /// The collector could not be reached in time, or was in trouble itself.
    pub(crate) undelivered: AtomicU64,
    /// The collector would not have them.
    pub(crate) refused: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_what_is_there_stays() {
        let tally = Arc::new(Tally::default());
        let queue = Queue::new(Bounds { waiting: 3, batch: 2 }, tally.clone());

        (0..10).for_each(|item| queue.push(item));

        assert_eq!(tally.overflow.load(Ordering::Relaxed), 7);
        assert!(queue.has_batch());
        assert_eq!(queue.take(), [0, 1]);
        assert_eq!(queue.take(), [2]);
        assert_eq!(queue.take(), [0; 0]);
    }
}
