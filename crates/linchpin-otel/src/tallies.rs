//! What has become of everything that was to be sent.

use std::sync::{Arc, atomic::Ordering};

use crate::{Signal, queue::Tally};

/// The counters of all signals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) traces: Arc<Tally>,
    pub(crate) metrics: Arc<Tally>,
    pub(crate) logs: Arc<Tally>,
}

impl Tallies {
    pub(crate) fn read(&self) -> AllDelivered {
        let [traces, metrics, logs] = Signal::ALL.map(|signal| self.of(signal));
        AllDelivered { traces, metrics, logs }
    }

    pub(crate) fn of(&self, signal: Signal) -> Delivered {
        let tally = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        };
        let [exported, overflow, undelivered, refused] =
            [&tally.exported, &tally.overflow, &tally.undelivered, &tally.refused]
                .map(|count| count.load(Ordering::Relaxed));
        Delivered { exported, overflow, undelivered, refused }
    }
}

/// What [`Telemetry::delivered`](crate::Telemetry::delivered) tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AllDelivered {
    /// Spans.
    pub traces: Delivered,
    /// Points of metrics.
    pub metrics: Delivered,
    /// Log lines.
    pub logs: Delivered,
}

/// What has become of the items of one signal, counted since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Delivered {
    /// They have arrived.
    pub exported: u64,
    /// They were dropped, because too many waited already.
    pub overflow: u64,
    /// They were dropped, because the collector could not be reached in time.
    pub undelivered: u64,
    /// They were dropped, because the collector would not have them.
    pub refused: u64,
}
