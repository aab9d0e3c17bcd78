//! What operators read in the log about the way to the collector: each change once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Signal;

/// Writes about one signal.
#[derive(Debug)]
pub(crate) struct Teller {
    signal: Signal,
    endpoint: String,
    /// How many items were lost since all was well; zero while it is.
    lost: AtomicU64,
}

impl Teller {
    pub(crate) fn new(signal: Signal, endpoint: String) -> Self {
        Self { signal, endpoint, lost: AtomicU64::new(0) }
    }

    /// Some items could not be sent, or were refused.
    pub(crate) fn lost(&self, items: u64, error: &str) {
        let (signal, endpoint) = (self.signal.name(), &*self.endpoint);
        if self.lost.fetch_add(items, Ordering::Relaxed) == 0 {
            tracing::warn!(
                signal,
                endpoint,
                items,
                error,
                "telemetry does not arrive; it is dropped and counted until it does, and requests are not affected"
            );
        } else {
            tracing::debug!(signal, endpoint, items, error, "telemetry still does not arrive");
        }
    }

    /// Everything that was sent has arrived.
    pub(crate) fn arrived(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::info!(
                signal = self.signal.name(),
                endpoint = &*self.endpoint,
                lost,
                "telemetry arrives again"
            );
        }
    }
}
