//! Points in time by both clocks of the machine.

use std::time::Duration;

use linchpin_core::{Clock, Timestamp};
use tokio::time::Instant;

/// A point in time, by the clock on the wall and by the one that is never set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: Instant::now() }
    }

    /// The longer of both times since `earlier`: a wall clock may be set back, and the other one stands still while the
    /// machine sleeps.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        self.wall.saturating_duration_since(earlier.wall).max(monotonic)
    }
}
