//! Points in time, and where they come from.
//!
//! Every rule about time is decided against a [`Timestamp`] that is passed in, so that nothing sleeps in tests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A point in time, counted in microseconds from the Unix epoch.
///
/// It holds what a NumericDate (RFC 7519 §2) can say, fractions included, for some 290,000 years in both directions.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_core::Timestamp;
///
/// let noon = Timestamp::from_unix_seconds(1_700_000_000);
/// assert_eq!(noon.saturating_add(Duration::from_millis(500)).as_unix_micros(), 1_700_000_000_500_000);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    micros: i64,
}

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { micros: 0 };

    /// The point `seconds` after the Unix epoch, or before it where negative; far beyond any calendar it saturates.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self { micros: seconds.saturating_mul(MICROS_PER_SECOND) }
    }

    /// The point `micros` microseconds after the Unix epoch, or before it where negative.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    pub const fn as_unix_seconds(self) -> i64 {
        self.micros.div_euclid(MICROS_PER_SECOND)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_unix_micros(self) -> i64 {
        self.micros
    }

    /// This point moved into the future; it stops at the end of the range rather than wrap.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self { micros: self.micros.saturating_add(micros(duration)) }
    }

    /// This point moved into the past; it stops at the end of the range rather than wrap.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self { micros: self.micros.saturating_sub(micros(duration)) }
    }

    /// The time from `earlier` to this point, zero where `earlier` is the later one.
    ///
    /// A clock that was set back therefore reads as "no time has passed", never as an error.
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros).max(0).unsigned_abs())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let micros = self.micros.unsigned_abs();
        write!(f, "{sign}{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}

/// The source of the current time.
///
/// # Security
///
/// Expiry is only as good as this clock: on a host whose clock is behind, expired tokens are accepted for as long.
pub trait Clock: Send + Sync + 'static {
    /// The current point in time.
    fn now(&self) -> Timestamp;

    /// The same moment on a clock that is never set back: what a time-out is measured by.
    ///
    /// By default it is the operating system's; a clock for tests moves it along with its own time.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        C::now(self)
    }

    fn instant(&self) -> Instant {
        C::instant(self)
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::UNIX_EPOCH.saturating_add(since),
            Err(before) => Timestamp::UNIX_EPOCH.saturating_sub(before.duration()),
        }
    }
}

/// A clock that moves only when told to; clones share the same time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_core::{Clock, FakeClock};
///
/// let clock = FakeClock::default();
/// let before = clock.now();
/// clock.clone().advance(Duration::from_secs(60));
/// assert_eq!(clock.now().saturating_duration_since(before), Duration::from_secs(60));
/// ```
#[cfg(feature = "test-util")]
#[derive(Clone, Debug)]
pub struct FakeClock {
    micros: Arc<std::sync::atomic::AtomicI64>,
    began: Instant,
    /// What [`advance`](Self::advance) has added up to, in microseconds.
    advanced: Arc<std::sync::atomic::AtomicU64>,
}

#[cfg(feature = "test-util")]
impl FakeClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            micros: Arc::new(std::sync::atomic::AtomicI64::new(now.as_unix_micros())),
            began: Instant::now(),
            advanced: Arc::default(),
        }
    }

    /// Moves the clock, and every clone of it, into the future.
    pub fn advance(&self, duration: Duration) {
        let now = self.now().saturating_add(duration);
        self.set(now);
        let step = micros(duration).unsigned_abs();
        self.advanced.fetch_add(step, std::sync::atomic::Ordering::SeqCst);
    }

    /// Sets the clock, and every clone of it, to `now`, which may lie in the past.
    ///
    /// Its [`instant`](Clock::instant) stays: that is the clock that nobody sets.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_unix_micros(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "test-util")]
impl Default for FakeClock {
    /// Stands at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_seconds(1_767_225_600))
    }
}

#[cfg(feature = "test-util")]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.micros.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn instant(&self) -> Instant {
        let advanced = Duration::from_micros(self.advanced.load(std::sync::atomic::Ordering::SeqCst));
        self.began.checked_add(advanced).unwrap_or(self.began)
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Timestamp::from_unix_micros(i64::MAX);
        let start = Timestamp::from_unix_micros(i64::MIN);

        assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
        assert_eq!(start.saturating_sub(Duration::MAX), start);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), end);
        assert_eq!(end.saturating_duration_since(start), Duration::from_micros(i64::MAX.unsigned_abs()));
    }

    #[test]
    fn time_before_the_epoch_rounds_towards_the_past() {
        assert_eq!(Timestamp::from_unix_micros(-1).as_unix_seconds(), -1);
        assert_eq!(format!("{:?}", Timestamp::from_unix_micros(-1)), "-0.000001s");
    }

    #[test]
    fn a_clock_set_back_reads_as_no_time_passed() {
        let later = Timestamp::from_unix_seconds(10);

        assert_eq!(Timestamp::from_unix_seconds(5).saturating_duration_since(later), Duration::ZERO);
    }
}
