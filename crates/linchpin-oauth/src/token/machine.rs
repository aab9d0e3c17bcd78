//! The state machine of one fetched token: what has happened decides whether one is fetched. It does nothing itself.

use std::time::Duration;

use crate::{TokenError, budget::Budget, moment::Moment};

/// Where the fetches of one token stand.
#[derive(Debug)]
pub(crate) struct Machine {
    is_fetching: bool,
    /// How many fetches have ended.
    ended: u64,
    failures: u32,
    /// The last fetch, if it failed.
    failed: Option<Failed>,
    rejections: Budget,
}

#[derive(Debug)]
struct Failed {
    error: TokenError,
    at: Moment,
    pause: Duration,
}

/// What somebody hears who needs a fetch; fetches are known by their number, the first being one.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One is under way.
    Join(u64),
    /// It is theirs to make.
    Begin(u64),
    /// The last one failed, and it is too early for another.
    Wait(TokenError),
}

impl Machine {
    pub(crate) fn new(now: Moment) -> Self {
        let rejections = Budget::new(REJECTION_INTERVAL, now.wall);
        Self { is_fetching: false, ended: 0, failures: 0, failed: None, rejections }
    }

    /// Somebody needs a fetch.
    pub(crate) fn request(&mut self, now: Moment) -> Step {
        let number = self.ended + 1;
        if self.is_fetching {
            return Step::Join(number);
        }
        if let Some(Failed { error, at, pause }) = &self.failed {
            let left = pause.saturating_sub(now.since(*at));
            if !left.is_zero() {
                return Step::Wait(error.clone().with_retry_after(left));
            }
        }
        self.is_fetching = true;
        Step::Begin(number)
    }

    /// The fetch has brought a token.
    pub(crate) fn succeed(&mut self) -> u64 {
        self.failures = 0;
        self.failed = None;
        self.end()
    }

    /// The fetch has brought none; `jitter` is from 0 to 1. Returns the error as those hear it who waited.
    pub(crate) fn fail(&mut self, error: TokenError, now: Moment, jitter: f64) -> (u64, TokenError) {
        self.failures = self.failures.saturating_add(1);
        let pause = pause(&error, self.failures, jitter);
        let told = error.clone().with_retry_after(pause);
        self.failed = Some(Failed { error, at: now, pause });
        (self.end(), told)
    }

    /// An upstream has rejected the token that is there: whether another one may be fetched in its place.
    pub(crate) fn reject(&mut self, now: Moment) -> bool {
        self.rejections.take(now.wall).is_ok()
    }

    fn end(&mut self) -> u64 {
        self.is_fetching = false;
        self.ended += 1;
        self.ended
    }
}

/// Doubled with each failure and bounded, less up to a fifth so that many processes do not ask together; what the server
/// asks for counts if it is longer.
fn pause(error: &TokenError, failures: u32, jitter: f64) -> Duration {
    // A refusal does not pass by itself, and a server may lock a client out that keeps asking with a wrong secret.
    let (first, longest) = match error.is_refused() {
        true => (Duration::from_secs(2), Duration::from_secs(60)),
        false => (Duration::from_millis(500), Duration::from_secs(10)),
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(longest);
    let asked_for = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
    doubled.mul_f64(1.0 - 0.2 * jitter).max(asked_for)
}

/// After two rejections at once, one per this time causes a fetch: an upstream that takes no token at all must not have one
/// fetched for each call.
const REJECTION_INTERVAL: Duration = Duration::from_secs(10);

/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use linchpin_core::Timestamp;
    use proptest::{prelude::*, test_runner::RngSeed};
    use tokio::time::Instant;

    use super::*;
    use crate::TokenErrorKind;

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Request,
        Pass(u64),
        Succeed,
        Fail(TokenErrorKind, Option<u64>),
        Reject,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        use Event::*;
        let kind = prop_oneof![Just(TokenErrorKind::Refused), Just(TokenErrorKind::Unavailable)];
        let event = prop_oneof![
            3 => Just(Request),
            2 => (0_u64..40_000).prop_map(Pass),
            1 => Just(Succeed),
            2 => (kind, proptest::option::of(0_u64..500)).prop_map(|(kind, after)| Fail(kind, after)),
            1 => Just(Reject),
        ];
        proptest::collection::vec(event, 0..200)
    }

    fn pass(moment: Moment, millis: u64) -> Moment {
        let time = Duration::from_millis(millis);
        Moment { wall: moment.wall.saturating_add(time), monotonic: moment.monotonic + time }
    }

    fn start() -> Moment {
        Moment { wall: Timestamp::from_unix_seconds(1_000_000), monotonic: Instant::now() }
    }

    proptest! {
        // With a fixed seed a failure is the same for everybody, and no file has to remember it.
        #![proptest_config(ProptestConfig {
            cases: 200,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn whatever_happens_the_promises_hold(events in events()) {
            let mut now = start();
            let begun_at = now;
            let mut machine = Machine::new(now);
            let (mut ended, mut rejections) = (0, 0);
            let mut blocked_until: Option<Moment> = None;
            for event in events {
                let was_fetching = machine.is_fetching;
                match event {
                    Event::Pass(millis) => now = pass(now, millis),
                    Event::Request => match machine.request(now) {
                        Step::Join(number) => prop_assert!(was_fetching && number == ended + 1),
                        Step::Begin(number) => {
                            prop_assert!(!was_fetching, "never two at once");
                            prop_assert_eq!(number, ended + 1);
                            let in_time = blocked_until.is_none_or(|until| now.wall >= until.wall);
                            prop_assert!(in_time, "not during the back-off");
                        }
                        Step::Wait(error) => {
                            prop_assert!(!was_fetching, "who can join does");
                            let left = blocked_until.unwrap().wall.saturating_duration_since(now.wall);
                            prop_assert_eq!(error.retry_after(), Some(left));
                        }
                    },
                    Event::Succeed if was_fetching => {
                        ended += 1;
                        prop_assert_eq!(machine.succeed(), ended);
                        blocked_until = None;
                    }
                    Event::Fail(kind, after) if was_fetching => {
                        ended += 1;
                        let mut error = TokenError::new(kind, "down");
                        if let Some(seconds) = after {
                            error = error.with_retry_after(Duration::from_secs(seconds));
                        }
                        let (number, told) = machine.fail(error, now, 0.5);
                        let pause = told.retry_after().unwrap();
                        prop_assert_eq!(number, ended);
                        prop_assert!(pause >= Duration::from_millis(400) && pause <= MAX_RETRY_AFTER, "{pause:?}");
                        let asked_for = Duration::from_secs(after.unwrap_or_default()).min(MAX_RETRY_AFTER);
                        prop_assert!(pause >= asked_for, "{pause:?} is less than the server asked for");
                        blocked_until = Some(pass(now, u64::try_from(pause.as_millis()).unwrap()));
                    }
                    Event::Reject => rejections += u64::from(machine.reject(now)),
                    Event::Succeed | Event::Fail(..) => {}
                }
                let intervals = now.since(begun_at).as_secs() / REJECTION_INTERVAL.as_secs();
                prop_assert!(rejections <= 2 + intervals, "{rejections}");
            }
        }
    }

    #[test]
    fn the_pause_grows_and_is_bounded() {
        let pauses = |kind, jitter| {
            let mut machine = Machine::new(start());
            let fail = |_| {
                machine
                    .fail(TokenError::new(kind, "down"), start(), jitter)
                    .1
                    .retry_after()
                    .unwrap()
                    .as_millis()
            };
            (0..12).map(fail).collect::<Vec<_>>()
        };

        let unavailable = [500, 1000, 2000, 4000, 8000, 10000, 10000, 10000, 10000, 10000, 10000, 10000];
        assert_eq!(pauses(TokenErrorKind::Unavailable, 0.0), unavailable);
        assert_eq!(pauses(TokenErrorKind::Timeout, 0.0), unavailable);
        assert_eq!(pauses(TokenErrorKind::Unavailable, 1.0)[..2], [400, 800]);
        assert_eq!(pauses(TokenErrorKind::Refused, 0.0)[..7], [2000, 4000, 8000, 16000, 32000, 60000, 60000]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stretch_the_pause() {
        let now = start();
        let mut machine = Machine::new(now);
        machine.request(now);
        machine.fail(TokenError::new(TokenErrorKind::Unavailable, "down"), now, 0.0);

        let later = pass(now, 600);
        let set_back = Moment { wall: Timestamp::from_unix_seconds(0), ..later };

        assert!(matches!(machine.request(set_back), Step::Begin(2)));
    }
}
