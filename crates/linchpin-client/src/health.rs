//! How a client stands, for probes, logs and people.

use crate::BreakerState;

/// What [`Client::health`](crate::Client::health) tells: a picture of one moment.
///
/// A service whose upstream fails is not unhealthy itself: this belongs on a page for operators rather than into a readiness probe.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientHealth {
    /// The state of the circuit breaker; `None` without one.
    pub breaker: Option<BreakerState>,
    /// How many calls the breaker has seen within its window.
    pub recent_calls: u32,
    /// How many of them have failed.
    pub recent_failures: u32,
    /// How many calls have a place in the bulkhead; `None` without one.
    pub in_flight: Option<usize>,
    /// How many wait for one; `None` without a bulkhead.
    pub waiting: Option<usize>,
}
