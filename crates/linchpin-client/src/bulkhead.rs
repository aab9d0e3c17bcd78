//! How many calls may be in flight, so that one slow upstream does not take the whole service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use linchpin_core::ConfigError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// How many calls of a client may be in flight, and how many may wait for a place, and how long.
///
/// A call keeps its place until its answer has been read or dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_client::{Bulkhead, Client};
///
/// let bulkhead = Bulkhead::new(32).waiting(64, Duration::from_millis(200));
/// let billing = Client::builder("billing", "https://billing.internal").bulkhead(bulkhead).build()?;
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Bulkhead {
    max_in_flight: usize,
    max_waiting: usize,
    max_wait: Duration,
}

impl Bulkhead {
    /// At most so many calls at once; of others as many may wait, for up to a second.
    pub fn new(max_in_flight: usize) -> Self {
        Self { max_in_flight, max_waiting: max_in_flight, max_wait: Duration::from_secs(1) }
    }

    /// How many calls may wait for a place, and for how long; none waits if either is zero.
    pub fn waiting(mut self, most: usize, longest: Duration) -> Self {
        (self.max_waiting, self.max_wait) = (most, longest);
        self
    }

    pub(crate) fn check(&self, problems: &mut ConfigError) {
        if self.max_in_flight == 0 || self.max_in_flight > Semaphore::MAX_PERMITS {
            let problem = format!("lets {} calls be in flight", self.max_in_flight);
            problems.report("bulkhead", problem, "give a number above zero, for example 64");
        }
    }
}

impl Default for Bulkhead {
    /// 256 in flight, as many waiting, for up to a second.
    fn default() -> Self {
        Self::new(256)
    }
}

/// The bulkhead at work.
#[derive(Debug)]
pub(crate) struct Places {
    settings: Bulkhead,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    refuses: AtomicBool,
}

/// There is no place, and there was none to come in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoPlace {
    /// As many wait as may.
    Crowded,
    /// The wait was as long as it may be.
    TooLong,
    /// The call itself has run out of time meanwhile.
    OutOfTime,
}

impl Places {
    pub(crate) fn new(settings: Bulkhead) -> Self {
        let free = Arc::new(Semaphore::new(settings.max_in_flight));
        Self { settings, free, waiting: AtomicUsize::new(0), refuses: AtomicBool::new(false) }
    }

    /// A place, at once if there is one, else within the bounds of the bulkhead and by `limit`.
    pub(crate) async fn take(&self, limit: Instant) -> Result<OwnedSemaphorePermit, NoPlace> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(self).ok_or(NoPlace::Crowded)?;
        let longest = Instant::now() + self.settings.max_wait.min(LONGEST);
        match timeout_at(longest.min(limit), self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // Nobody closes the semaphore.
            Ok(Err(_)) => Err(NoPlace::Crowded),
            Err(_) if limit <= longest => Err(NoPlace::OutOfTime),
            Err(_) => Err(NoPlace::TooLong),
        }
    }

    /// Whether this is the first call to be refused after others had places, or the other way round.
    pub(crate) fn has_changed(&self, has_place: bool) -> bool {
        // Read first: as a rule nothing changes, and readers do not disturb each other.
        self.refuses.load(Ordering::Relaxed) == has_place
            && self.refuses.swap(!has_place, Ordering::Relaxed) == has_place
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.settings.max_in_flight - self.free.available_permits()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// One that waits; also if it gives up.
struct Waiting<'p>(&'p Places);

impl<'p> Waiting<'p> {
    fn begin(places: &'p Places) -> Option<Self> {
        let most = if places.settings.max_wait.is_zero() { 0 } else { places.settings.max_waiting };
        let one_more = |waiting: usize| (waiting < most).then_some(waiting + 1);
        places.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(places))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Within the range of every clock.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn places(bulkhead: Bulkhead) -> Arc<Places> {
        Arc::new(Places::new(bulkhead))
    }

    async fn take(places: &Places) -> Result<OwnedSemaphorePermit, NoPlace> {
        places.take(Instant::now() + 60 * SECOND).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_free_is_taken_at_once_and_given_back() {
        let places = places(Bulkhead::new(1).waiting(0, SECOND));

        let place = take(&places).await.unwrap();
        assert_eq!(places.in_flight(), 1);
        assert_eq!(take(&places).await.unwrap_err(), NoPlace::Crowded);
        drop(place);

        assert_eq!(places.in_flight(), 0);
        assert!(take(&places).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_bounded_in_number_and_time() {
        let places = places(Bulkhead::new(1).waiting(1, SECOND));
        let _held = take(&places).await.unwrap();
        let began = Instant::now();

        let waiting = tokio::spawn({
            let places = places.clone();
            async move { take(&places).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(places.waiting(), 1);
        assert_eq!(take(&places).await.unwrap_err(), NoPlace::Crowded);

        assert_eq!(waiting.await.unwrap(), Err(NoPlace::TooLong));
        assert_eq!(began.elapsed().as_millis(), 1000);
        assert_eq!(places.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_time_does_not_wait_as_long_as_others() {
        let places = places(Bulkhead::new(1));
        let _held = take(&places).await.unwrap();
        let began = Instant::now();

        let refused = places.take(began + SECOND / 10).await.map(drop);

        assert_eq!(refused, Err(NoPlace::OutOfTime));
        assert_eq!(began.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_no_trace() {
        let places = places(Bulkhead::new(1).waiting(1, 10 * SECOND));
        let held = take(&places).await.unwrap();

        for _ in 0..10 {
            let gone = tokio::time::timeout(SECOND / 10, take(&places)).await;
            assert!(gone.is_err());
        }
        drop(held);

        assert_eq!((places.waiting(), places.in_flight()), (0, 0));
        assert!(take(&places).await.is_ok());
    }
}
