//! The primitives of `handover`; `tests/model` has the same names over shuttle's.

use std::{future::Future, pin::pin};

pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) use arc_swap::ArcSwapOption as Slot;
pub(crate) use tokio::sync::{Notify, watch};

/// Polls a future once, and drops it whether it has ended or not.
pub(crate) async fn poll_once(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        std::task::Poll::Ready(())
    })
    .await;
}
