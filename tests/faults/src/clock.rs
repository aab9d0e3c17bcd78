//! A wall clock that goes as the runtime's time goes.

use linchpin_core::{Clock, Timestamp};
use tokio::time::Instant;

/// The time of the tokio runtime as a wall clock: in a paused runtime, both stand still together and move together.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    started_at: Instant,
}

impl TokioClock {
    /// A clock that starts now, at the start of 2026.
    pub fn start() -> Self {
        Self { started_at: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(START).saturating_add(self.started_at.elapsed())
    }
}

const START: i64 = 1_767_225_600;
