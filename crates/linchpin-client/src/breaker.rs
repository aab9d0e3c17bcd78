//! An upstream that fails is left alone for a while.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use linchpin_core::ConfigError;

use crate::{
    jitter::Jitter,
    window::{Counts, Window},
};

/// When calls are refused because too many have failed, and how it is found out that they would succeed again.
///
/// Closed, all calls are made. When enough of the latest calls have failed it opens, and every call is refused at once, for a time
/// that is drawn anew each time, so that the clients of a service do not come back together. Then a few calls go through as
/// probes: if all of them succeed it closes, and if one fails it opens again.
///
/// A call has failed if there was no connection, no answer in time, a broken one, or one of status 5xx other than 501. Of an
/// upstream that had less time than [`timeouts_count_after`](Self::timeouts_count_after) nothing is learned, and nothing of a call
/// that was cancelled.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_client::{Breaker, Client};
///
/// let breaker = Breaker::default().failure_ratio(0.25).open_for(Duration::from_secs(10));
/// let billing = Client::builder("billing", "https://billing.internal").breaker(breaker).build()?;
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Breaker {
    window: Duration,
    ratio: f64,
    minimum: u32,
    open_for: Duration,
    probes: u8,
    fair: Duration,
}

impl Breaker {
    /// Over how much time calls count; by default the last 10 s.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The part of them that has to fail, above 0 and at most 1; by default a half.
    pub fn failure_ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// How many calls there have to be for the ratio to mean anything; by default 20.
    pub fn minimum_calls(mut self, minimum: u32) -> Self {
        self.minimum = minimum;
        self
    }

    /// How long calls are refused before probes are made: so long and up to a quarter longer; by default 5 s.
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for;
        self
    }

    /// How many probes are made at once, and have to succeed; by default 3.
    pub fn probes(mut self, probes: u8) -> Self {
        self.probes = probes;
        self
    }

    /// How much time the upstream must have had for a call that ends with the request's deadline to count as its failure; by
    /// default 1 s. The client's own time-outs count, however short they are.
    ///
    /// Deadlines come from outside: without this, a client that leaves next to no time could open the breaker for everybody.
    pub fn timeouts_count_after(mut self, fair: Duration) -> Self {
        self.fair = fair;
        self
    }

    pub(crate) fn check(&self, problems: &mut ConfigError) {
        if !(self.ratio > 0.0 && self.ratio <= 1.0) {
            let problem = format!("has the failure ratio {}", self.ratio);
            problems.report(SETTING, problem, "give a part above 0 and at most 1, for example 0.5");
        }
        if self.minimum == 0 || self.probes == 0 {
            problems.report(SETTING, "counts no calls or makes no probes", "give whole numbers above zero");
        }
        if self.window < Duration::from_millis(10) || self.open_for.is_zero() {
            problems.report(
                SETTING,
                "has a window below 10 ms, or opens for no time",
                "give durations such as 10 s for the window and 5 s for the time it is open",
            );
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            ratio: 0.5,
            minimum: 20,
            open_for: Duration::from_secs(5),
            probes: 3,
            fair: Duration::from_secs(1),
        }
    }
}

/// Whether calls are made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BreakerState {
    /// All calls are made.
    Closed,
    /// All calls are refused.
    Open,
    /// A few calls are made, as probes.
    HalfOpen,
}

impl BreakerState {
    /// The name of the state: `closed`, `open` or `half_open`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The breaker at work: a state machine in one word, to which time is passed in.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: Breaker,
    window: Window,
    word: AtomicU64,
    jitter: Jitter,
}

/// The permission to make one call, to be [settled](Circuit::settle) once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ticket {
    epoch: u16,
    pub(crate) is_probe: bool,
}

/// What a call has shown of the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Success,
    Failure,
    /// Nothing: it was cancelled, or had no fair chance.
    Neutral,
}

/// A change of state, for the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Opened { counts: Counts, open_for: Duration },
    OpenedAgain { open_for: Duration },
    Probing,
    Closed,
}

impl Circuit {
    pub(crate) fn new(settings: Breaker, jitter: Jitter) -> Self {
        let window = Window::new(settings.window);
        Self { settings, window, word: AtomicU64::new(Word::CLOSED.pack()), jitter }
    }

    /// The time until a call may be made, if none may now. It changes nothing, and while calls are made it reads no clock.
    pub(crate) fn refusal(&self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        let word = self.load();
        if word.phase == Phase::Closed { None } else { self.refusal_of(word, now()) }
    }

    /// Admits a call, or says how long calls are refused.
    pub(crate) fn admit(&self, now: Duration) -> Result<(Ticket, Option<Change>), Duration> {
        loop {
            let word = self.load();
            if let Some(left) = self.refusal_of(word, now) {
                return Err(left);
            }
            let (next, change) = match word.phase {
                Phase::Closed => return Ok((Ticket { epoch: word.epoch, is_probe: false }, None)),
                Phase::Open { .. } => {
                    (word.next(Phase::HalfOpen { in_flight: 1, succeeded: 0 }), Some(Change::Probing))
                }
                Phase::HalfOpen { in_flight, succeeded } => {
                    (Word { phase: Phase::HalfOpen { in_flight: in_flight + 1, succeeded }, ..word }, None)
                }
            };
            if self.exchange(word, next) {
                return Ok((Ticket { epoch: next.epoch, is_probe: true }, change));
            }
        }
    }

    /// Takes in what a call has shown. What began before the last change of state shows nothing any more.
    pub(crate) fn settle(&self, ticket: Ticket, verdict: Verdict, now: Duration) -> Option<Change> {
        loop {
            let word = self.load();
            if word.epoch != ticket.epoch {
                return None;
            }
            let (next, change) = match (word.phase, verdict) {
                (Phase::Closed, Verdict::Neutral) | (Phase::Open { .. }, _) => return None,
                (Phase::Closed, _) => {
                    let has_failed = verdict == Verdict::Failure;
                    self.window.record(now, has_failed);
                    let counts = has_failed
                        .then(|| self.window.counts(now))
                        .filter(|counts| self.is_too_much(*counts))?;
                    return self.open(word, counts, now);
                }
                (Phase::HalfOpen { in_flight, succeeded }, Verdict::Success) => {
                    let succeeded = succeeded + 1;
                    if succeeded < self.settings.probes.into() {
                        (
                            Word { phase: Phase::HalfOpen { in_flight: in_flight - 1, succeeded }, ..word },
                            None,
                        )
                    } else {
                        // Before it closes: what was counted then belongs to the time before.
                        self.window.clear();
                        (word.next(Phase::Closed), Some(Change::Closed))
                    }
                }
                (Phase::HalfOpen { .. }, Verdict::Failure) => {
                    let open_for = self.draw_open_for();
                    (
                        word.next(Phase::Open { until: now.saturating_add(open_for) }),
                        Some(Change::OpenedAgain { open_for }),
                    )
                }
                (Phase::HalfOpen { in_flight, succeeded }, Verdict::Neutral) => {
                    (Word { phase: Phase::HalfOpen { in_flight: in_flight - 1, succeeded }, ..word }, None)
                }
            };
            if self.exchange(word, next) {
                return change;
            }
        }
    }

    /// Whether a time-out tells anything about an upstream that had this much time.
    pub(crate) fn is_fair(&self, had: Duration) -> bool {
        had >= self.settings.fair
    }

    pub(crate) fn state(&self, now: Duration) -> BreakerState {
        match self.load().phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            // The next call is a probe.
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(crate) fn counts(&self, now: Duration) -> Counts {
        self.window.counts(now)
    }

    fn refusal_of(&self, word: Word, now: Duration) -> Option<Duration> {
        match word.phase {
            Phase::Closed => None,
            Phase::Open { until } => Some(until.saturating_sub(now)).filter(|left| !left.is_zero()),
            Phase::HalfOpen { in_flight, succeeded } => {
                (in_flight + succeeded >= self.settings.probes.into()).then_some(PROBE_TAKES)
            }
        }
    }

    fn is_too_much(&self, Counts { calls, failures }: Counts) -> bool {
        calls >= self.settings.minimum && f64::from(failures) >= self.settings.ratio * f64::from(calls)
    }

    /// Opens, unless another thread has done so.
    fn open(&self, word: Word, counts: Counts, now: Duration) -> Option<Change> {
        let open_for = self.draw_open_for();
        let next = word.next(Phase::Open { until: now.saturating_add(open_for) });
        self.exchange(word, next).then_some(Change::Opened { counts, open_for })
    }

    fn draw_open_for(&self) -> Duration {
        self.settings.open_for.saturating_add(self.jitter.up_to(self.settings.open_for / 4))
    }

    fn load(&self) -> Word {
        Word::unpack(self.word.load(Ordering::Acquire))
    }

    fn exchange(&self, word: Word, next: Word) -> bool {
        self.word.compare_exchange(word.pack(), next.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The state, and a number that changes with it, by which a ticket of another time is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Word {
    epoch: u16,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Closed,
    /// In whole milliseconds, rounded up.
    Open {
        until: Duration,
    },
    HalfOpen {
        in_flight: u16,
        succeeded: u16,
    },
}

impl Word {
    const CLOSED: Self = Self { epoch: 0, phase: Phase::Closed };

    fn next(self, phase: Phase) -> Self {
        Self { epoch: self.epoch.wrapping_add(1), phase }
    }

    /// The epoch in the lowest 16 bits, the phase in two, what belongs to it above.
    fn pack(self) -> u64 {
        let (phase, rest) = match self.phase {
            Phase::Closed => (0, 0),
            Phase::Open { until } => {
                let millis = until.as_nanos().div_ceil(1_000_000);
                (1, u64::try_from(millis).unwrap_or(u64::MAX).min(MAX_REST))
            }
            Phase::HalfOpen { in_flight, succeeded } => {
                (2, u64::from(in_flight) << 16 | u64::from(succeeded))
            }
        };
        rest << 18 | phase << 16 | u64::from(self.epoch)
    }

    fn unpack(word: u64) -> Self {
        let rest = word >> 18;
        let phase = match word >> 16 & 0b11 {
            0 => Phase::Closed,
            1 => Phase::Open { until: Duration::from_millis(rest) },
            _ => Phase::HalfOpen { in_flight: (rest >> 16) as u16, succeeded: rest as u16 },
        };
        Self { epoch: word as u16, phase }
    }
}

const SETTING: &str = "breaker";
const MAX_REST: u64 = u64::MAX >> 18;
/// What is said when all probes are under way.
const PROBE_TAKES: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn circuit(settings: Breaker) -> Circuit {
        Circuit::new(settings, Jitter::new(|| 0.0))
    }

    fn call(circuit: &Circuit, verdict: Verdict, now: Duration) -> Option<Change> {
        let (ticket, _) = circuit.admit(now).unwrap();
        circuit.settle(ticket, verdict, now)
    }

    fn opened(settings: Breaker) -> Circuit {
        let circuit = circuit(settings.minimum_calls(1));
        let change = call(&circuit, Verdict::Failure, SECOND);
        assert!(matches!(change, Some(Change::Opened { .. })), "{change:?}");
        circuit
    }

    #[test]
    fn it_opens_at_the_ratio_and_not_before_there_are_enough_calls() {
        let circuit = circuit(Breaker::default().minimum_calls(4).failure_ratio(0.5));

        assert_eq!(call(&circuit, Verdict::Failure, SECOND), None);
        assert_eq!(call(&circuit, Verdict::Success, SECOND), None);
        assert_eq!(call(&circuit, Verdict::Success, SECOND), None);
        assert_eq!(call(&circuit, Verdict::Success, SECOND), None);
        assert_eq!(call(&circuit, Verdict::Failure, SECOND), None, "two of five");
        let change = call(&circuit, Verdict::Failure, SECOND);

        let counts = Counts { calls: 6, failures: 3 };
        assert_eq!(change, Some(Change::Opened { counts, open_for: 5 * SECOND }));
        assert_eq!(circuit.admit(3 * SECOND), Err(3 * SECOND));
        assert_eq!(circuit.refusal(|| 3 * SECOND), Some(3 * SECOND));
    }

    #[test]
    fn failures_that_are_old_do_not_open_it() {
        let circuit = circuit(Breaker::default().minimum_calls(2));
        call(&circuit, Verdict::Failure, SECOND);

        assert_eq!(call(&circuit, Verdict::Failure, 12 * SECOND), None);
        assert_eq!(circuit.state(12 * SECOND), BreakerState::Closed);
    }

    #[test]
    fn cancelled_calls_show_nothing() {
        let circuit = circuit(Breaker::default().minimum_calls(1));

        for _ in 0..100 {
            assert_eq!(call(&circuit, Verdict::Neutral, SECOND), None);
        }

        assert_eq!(circuit.counts(SECOND), Counts::default());
    }

    #[test]
    fn it_closes_after_as_many_probes_as_are_asked_for() {
        let circuit = opened(Breaker::default().probes(2));
        let later = 6 * SECOND;

        let (first, change) = circuit.admit(later).unwrap();
        let (second, no_change) = circuit.admit(later).unwrap();
        assert_eq!((change, no_change), (Some(Change::Probing), None));
        assert!(circuit.admit(later).is_err(), "two probes and no more");
        assert_eq!(circuit.settle(first, Verdict::Success, later), None);
        assert!(circuit.admit(later).is_err(), "one has succeeded and one is under way");
        assert_eq!(circuit.settle(second, Verdict::Success, later), Some(Change::Closed));

        assert_eq!(circuit.state(later), BreakerState::Closed);
        assert_eq!(circuit.counts(later), Counts::default(), "the trouble is forgotten");
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_the_others_do_not_count() {
        let circuit = opened(Breaker::default().probes(2));
        let later = 6 * SECOND;
        let (first, _) = circuit.admit(later).unwrap();
        let (second, _) = circuit.admit(later).unwrap();

        let change = circuit.settle(first, Verdict::Failure, later);
        assert_eq!(change, Some(Change::OpenedAgain { open_for: 5 * SECOND }));
        assert_eq!(circuit.settle(second, Verdict::Success, later), None);

        assert_eq!(circuit.state(later), BreakerState::Open);
        assert_eq!(circuit.admit(later), Err(5 * SECOND));
    }

    #[test]
    fn a_probe_that_is_cancelled_gives_its_place_back() {
        let circuit = opened(Breaker::default().probes(1));
        let later = 6 * SECOND;

        for _ in 0..100 {
            let (probe, _) = circuit.admit(later).unwrap();
            assert_eq!(circuit.settle(probe, Verdict::Neutral, later), None);
        }

        assert_eq!(call(&circuit, Verdict::Success, later), Some(Change::Closed));
    }

    #[test]
    fn a_call_from_before_shows_nothing_any_more() {
        let circuit = circuit(Breaker::default().minimum_calls(1).probes(1));
        let (slow, _) = circuit.admit(SECOND).unwrap();
        call(&circuit, Verdict::Failure, SECOND);

        assert_eq!(circuit.settle(slow, Verdict::Success, 2 * SECOND), None);
        assert_eq!(circuit.state(2 * SECOND), BreakerState::Open);
        call(&circuit, Verdict::Success, 7 * SECOND);
        assert_eq!(circuit.settle(slow, Verdict::Failure, 7 * SECOND), None);
        assert_eq!(circuit.state(7 * SECOND), BreakerState::Closed);
    }

    #[test]
    fn the_time_it_is_open_is_drawn() {
        let circuit = Circuit::new(Breaker::default().minimum_calls(1), Jitter::new(|| 0.8));

        let change = call(&circuit, Verdict::Failure, Duration::ZERO);

        let open_for = Duration::from_secs(6);
        assert_eq!(change, Some(Change::Opened { counts: Counts { calls: 1, failures: 1 }, open_for }));
    }

    #[test]
    fn one_of_many_threads_tells_of_each_change() {
        let circuit = circuit(Breaker::default().minimum_calls(1).probes(3));
        let changes = |verdict, now| {
            std::thread::scope(|scope| {
                let work = || {
                    let mut changes = Vec::new();
                    for _ in 0..500 {
                        let Ok((ticket, change)) = circuit.admit(now) else { continue };
                        changes.extend(change);
                        changes.extend(circuit.settle(ticket, verdict, now));
                    }
                    changes
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            })
        };

        assert!(matches!(changes(Verdict::Failure, SECOND)[..], [Change::Opened { .. }]));
        assert_eq!(changes(Verdict::Success, 7 * SECOND), [Change::Probing, Change::Closed]);
    }

    #[test]
    fn a_word_is_read_as_it_was_written() {
        for phase in [
            Phase::Closed,
            Phase::Open { until: Duration::from_millis(MAX_REST) },
            Phase::Open { until: Duration::ZERO },
            Phase::HalfOpen { in_flight: 255, succeeded: 255 },
        ] {
            for epoch in [0, 1, u16::MAX] {
                let word = Word { epoch, phase };
                assert_eq!(Word::unpack(word.pack()), word);
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u16),
        Call,
        Settle(usize, Verdict),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let verdict = prop_oneof![
            Just(Verdict::Success),
            Just(Verdict::Failure),
            Just(Verdict::Failure),
            Just(Verdict::Neutral)
        ];
        let step = prop_oneof![
            (0_u16..4000).prop_map(Step::Wait),
            Just(Step::Call),
            Just(Step::Call),
            (any::<usize>(), verdict).prop_map(|(i, verdict)| Step::Settle(i, verdict)),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn probes_are_bounded_and_no_order_of_events_locks_it(steps in steps(), probes in 1_u8..5) {
            let circuit = circuit(Breaker::default().minimum_calls(3).probes(probes));
            let mut now = Duration::ZERO;
            let mut under_way: Vec<Ticket> = Vec::new();
            for step in steps {
                match step {
                    Step::Wait(millis) => now += Duration::from_millis(millis.into()),
                    Step::Call => {
                        let refusal = circuit.refusal(|| now);
                        let result = circuit.admit(now);
                        prop_assert_eq!(refusal, result.err());
                        under_way.extend(result.ok().map(|(ticket, _)| ticket));
                    }
                    Step::Settle(i, verdict) if !under_way.is_empty() => {
                        let ticket = under_way.swap_remove(i % under_way.len());
                        circuit.settle(ticket, verdict, now);
                    }
                    Step::Settle(..) => {}
                }
                let epoch = circuit.load().epoch;
                let probing = under_way.iter().filter(|ticket| ticket.is_probe && ticket.epoch == epoch).count();
                prop_assert!(probing <= probes.into());
                if let Phase::HalfOpen { in_flight, .. } = circuit.load().phase {
                    prop_assert_eq!(usize::from(in_flight), probing);
                }
            }
            // Whatever has happened: once all calls are over and time has passed, a healthy upstream closes it.
            for ticket in under_way {
                circuit.settle(ticket, Verdict::Neutral, now);
            }
            now += 10 * SECOND;
            for _ in 0..probes {
                let Ok((ticket, _)) = circuit.admit(now) else { return Err(TestCaseError::fail("locked")) };
                circuit.settle(ticket, Verdict::Success, now);
            }
            prop_assert_eq!(circuit.state(now), BreakerState::Closed);
        }
    }
}
