//! The names of `src/sync.rs` over shuttle's mutex, so that shuttle may switch threads at every step.
//!
//! `Notify` and `watch` keep what tokio documents of them and `handover` and `supply` rely on: a permit that is stored while nobody waits,
//! and a value whose every change is seen by whoever has subscribed before it.

use std::{
    future::{Future, poll_fn},
    ops::Deref,
    task::{Context, Poll, Waker},
};

pub(crate) use std::sync::Arc;

pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// A place for a value that is replaced as a whole.
pub(crate) struct Slot<T>(Mutex<Option<Arc<T>>>);

pub(crate) struct Loaded<T>(Option<Arc<T>>);

impl<T> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn load(&self) -> Loaded<T> {
        Loaded(self.0.lock().unwrap().clone())
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        *self.0.lock().unwrap() = value;
    }
}

impl<T> Deref for Loaded<T> {
    type Target = Option<Arc<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// One permit, for the one task that waits for it.
pub(crate) struct Notify(Mutex<Permit>);

#[derive(Default)]
struct Permit {
    is_there: bool,
    waiting: Option<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Permit::default()))
    }

    pub(crate) fn notify_one(&self) {
        let mut permit = self.0.lock().unwrap();
        permit.is_there = true;
        let waiting = permit.waiting.take();
        drop(permit);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notified(&self) -> impl Future<Output = ()> {
        poll_fn(|cx: &mut Context<'_>| {
            let mut permit = self.0.lock().unwrap();
            if std::mem::take(&mut permit.is_there) {
                return Poll::Ready(());
            }
            permit.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

pub(crate) mod watch {
    use std::convert::Infallible;

    use super::*;

    pub(crate) struct Sender<T>(Arc<Mutex<Watched<T>>>);

    pub(crate) struct Receiver<T> {
        watched: Arc<Mutex<Watched<T>>>,
        seen: u64,
    }

    struct Watched<T> {
        value: T,
        version: u64,
        waiting: Vec<Waker>,
    }

    impl<T: Clone> Sender<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Arc::new(Mutex::new(Watched { value, version: 0, waiting: Vec::new() })))
        }

        pub(crate) fn subscribe(&self) -> Receiver<T> {
            let seen = self.0.lock().unwrap().version;
            Receiver { watched: self.0.clone(), seen }
        }

        pub(crate) fn send_replace(&self, value: T) {
            let mut watched = self.0.lock().unwrap();
            watched.value = value;
            watched.version += 1;
            let waiting = std::mem::take(&mut watched.waiting);
            drop(watched);
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    impl<T: Clone> Receiver<T> {
        pub(crate) async fn changed(&mut self) -> Result<(), Infallible> {
            self.poll_until(|_, version, seen| version > seen).await;
            Ok(())
        }

        pub(crate) async fn wait_for(&mut self, is_it: impl Fn(&T) -> bool) -> Result<T, Infallible> {
            Ok(self.poll_until(|value, _, _| is_it(value)).await)
        }

        async fn poll_until(&mut self, is_it: impl Fn(&T, u64, u64) -> bool) -> T {
            poll_fn(|cx: &mut Context<'_>| {
                let mut watched = self.watched.lock().unwrap();
                if is_it(&watched.value, watched.version, self.seen) {
                    self.seen = watched.version;
                    return Poll::Ready(watched.value.clone());
                }
                watched.waiting.push(cx.waker().clone());
                Poll::Pending
            })
            .await
        }
    }
}
