//! Which calls are made again, when, and how many.

use std::time::Duration;

use http::{Method, StatusCode};
use linchpin_core::ConfigError;

use crate::jitter::Jitter;

/// How calls are retried.
///
/// A call is made again if nothing can happen twice: its method is idempotent (RFC 9110 §9.2.2), or it has an
/// [idempotency key](crate::RequestBuilder::idempotency_key), and its body can be sent again. The reason has to be one that passes:
/// no connection, one that broke before the answer, or an answer of status 408, 429, 502, 503 or 504. Time-outs are not retried,
/// since the upstream may still be at work on the first call.
///
/// Before each retry there is a wait that is drawn between nothing and a bound, which doubles each time. What `Retry-After` asks is
/// waited for in addition; if it asks for more than [`longest_retry_after`](Self::longest_retry_after), the answer is handed back
/// instead. No retry is made for which the time of the call does not suffice.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_client::{Client, Retries};
///
/// let retries = Retries::default().most(3).backoff(Duration::from_millis(50), Duration::from_secs(1)).budget(0.2, 20);
/// let billing = Client::builder("billing", "https://billing.internal").retries(retries).build()?;
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Retries {
    pub(crate) most: u32,
    first: Duration,
    cap: Duration,
    pub(crate) longest_retry_after: Duration,
    pub(crate) ratio: f64,
    pub(crate) reserve: u32,
}

impl Retries {
    /// No call is made again, not even with a fresh token after a 401.
    pub fn none() -> Self {
        Self { most: 0, ..Self::default() }
    }

    /// How often one call is made again; by default up to twice.
    pub fn most(mut self, retries: u32) -> Self {
        self.most = retries;
        self
    }

    /// The bound of the first wait, which doubles until it is `cap`; by default 100 ms and 2 s.
    pub fn backoff(mut self, first: Duration, cap: Duration) -> Self {
        (self.first, self.cap) = (first, cap);
        self
    }

    /// The longest `Retry-After` that is waited for; by default 10 s.
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }

    /// How many retries there may be in all: `ratio` of the calls, and `reserve` saved up; by default 0.1 and 10.
    ///
    /// An upstream that fails altogether sees at most `1 + ratio` times the normal rate, whatever [`most`](Self::most) says.
    pub fn budget(mut self, ratio: f64, reserve: u32) -> Self {
        (self.ratio, self.reserve) = (ratio, reserve);
        self
    }

    pub(crate) fn check(&self, problems: &mut ConfigError) {
        if !(0.0..=1.0).contains(&self.ratio) {
            let problem = format!("has a budget of {} retries a call", self.ratio);
            problems.report(SETTING, problem, "give a part from 0 to 1, for example 0.1");
        }
        if self.most > 0 && self.first.is_zero() {
            problems.report(
                SETTING,
                "waits for nothing before it retries",
                "give a back-off, for example 100 ms",
            );
        }
    }

    /// The wait before a retry, of which `done` have been made, after an answer that asked for `retry_after`.
    pub(crate) fn wait(&self, done: u32, retry_after: Option<Duration>, jitter: &Jitter) -> Option<Duration> {
        let asked = retry_after.unwrap_or_default();
        if asked > self.longest_retry_after {
            return None;
        }
        let bound = self.first.saturating_mul(2_u32.saturating_pow(done)).min(self.cap);
        Some(asked.saturating_add(jitter.up_to(bound)))
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            most: 2,
            first: Duration::from_millis(100),
            cap: Duration::from_secs(2),
            longest_retry_after: Duration::from_secs(10),
            ratio: 0.1,
            reserve: 10,
        }
    }
}

/// Whether a request of this method may be made twice (RFC 9110 §9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// Whether the trouble that a status tells of may have passed the next time.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}

const SETTING: &str = "retries";

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_of_the_wait_doubles_up_to_a_cap() {
        let retries = Retries::default().backoff(SECOND / 10, SECOND);
        let all = Jitter::new(|| 1.0);

        let waits: Vec<u128> = [0, 1, 2, 3, 4, 31, 32, u32::MAX]
            .map(|done| retries.wait(done, None, &all).unwrap().as_millis())
            .to_vec();

        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        assert_eq!(retries.wait(5, None, &Jitter::new(|| 0.0)), Some(Duration::ZERO), "full jitter");
    }

    #[test]
    fn what_retry_after_asks_is_waited_for_unless_it_is_too_long() {
        let retries = Retries::default().longest_retry_after(10 * SECOND);
        let none = Jitter::new(|| 0.0);

        assert_eq!(retries.wait(0, Some(3 * SECOND), &none), Some(3 * SECOND));
        assert_eq!(retries.wait(0, Some(10 * SECOND), &none), Some(10 * SECOND));
        assert_eq!(retries.wait(0, Some(11 * SECOND), &none), None);
        assert_eq!(retries.wait(0, Some(Duration::MAX), &none), None);
    }

    #[test]
    fn which_methods_and_statuses_are_retried() {
        let idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
        for method in
            ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "CONNECT", "PURGE", "get"]
        {
            let expected = idempotent.contains(&method);
            assert_eq!(is_idempotent(&Method::from_bytes(method.as_bytes()).unwrap()), expected, "{method}");
        }
        let passing: Vec<u16> =
            (100..600).filter(|status| is_passing(StatusCode::from_u16(*status).unwrap())).collect();
        assert_eq!(passing, [408, 429, 502, 503, 504]);
    }
}
