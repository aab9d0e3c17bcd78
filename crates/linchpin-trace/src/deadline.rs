//! How much time a request has left.

use std::time::{Duration, Instant};

/// The moment by which a request has to be answered, on a clock that nobody sets.
///
/// It travels as a number of milliseconds that are left, never as a point in time, so that clocks of two machines need not agree.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use linchpin_trace::Deadline;
///
/// let now = Instant::now();
/// let deadline = Deadline::after(now, Duration::from_secs(5));
///
/// assert_eq!(deadline.remaining(now + Duration::from_secs(2)), Duration::from_secs(3));
/// assert_eq!(deadline.remaining(now + Duration::from_secs(9)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Deadline {
    at: Instant,
}

impl Deadline {
    /// The deadline `limit` after `now`. More than a year is cut to a year.
    pub fn after(now: Instant, limit: Duration) -> Self {
        // A year ahead is within the range of every platform's clock.
        Self { at: now + limit.min(YEAR) }
    }

    /// How much time is left at `now`; zero once it has passed.
    pub fn remaining(self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

/// The time that the headers of a request leave, the shortest of those that are well formed.
///
/// Anything else is as good as none: a header can only shorten the limit, so to ignore one opens nothing.
pub(crate) fn inbound(milliseconds: &[&[u8]], grpc: &[&[u8]]) -> Option<Duration> {
    let milliseconds = milliseconds.iter().filter_map(|value| of_milliseconds(value));
    milliseconds.chain(grpc.iter().filter_map(|value| of_grpc(value))).min()
}

/// Digits and nothing else. A number too large to count is longer than any limit.
fn of_milliseconds(value: &[u8]) -> Option<Duration> {
    number(value.trim_ascii()).map(Duration::from_millis)
}

/// `Timeout` of gRPC over HTTP/2: at most eight digits, and a unit.
fn of_grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.trim_ascii().split_last()?;
    let value = number(digits).filter(|_| digits.len() <= 8)?;
    match unit {
        b'H' => Some(Duration::from_secs(value * 3600)),
        b'M' => Some(Duration::from_secs(value * 60)),
        b'S' => Some(Duration::from_secs(value)),
        b'm' => Some(Duration::from_millis(value)),
        b'u' => Some(Duration::from_micros(value)),
        b'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    // The parser of the standard library would take a plus sign.
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// The header of a deadline, unless another is named.
pub(crate) const TIMEOUT_HEADER: &str = "x-request-timeout-ms";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_digits_and_nothing_else() {
        for (value, millis) in [("0", 0), ("1500", 1500), (" 7 ", 7), ("00012", 12)] {
            assert_eq!(of_milliseconds(value.as_bytes()), Some(Duration::from_millis(millis)), "{value}");
        }
        for bad in
            ["", " ", "-1", "+1", "1.5", "1e3", "0x10", "1 2", "1,2", "ms", "\u{661}", "99999999999999999999"]
        {
            assert_eq!(of_milliseconds(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(of_milliseconds(b"\xff"), None);
    }

    #[test]
    fn the_units_of_grpc_are_told_apart() {
        for (value, expected) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("6n", Duration::from_nanos(6)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(of_grpc(value.as_bytes()), Some(expected), "{value}");
        }
        for bad in ["", "S", "1", "1s", "1h", "-1S", "1.5S", "123456789S", "1 S", "1SS"] {
            assert_eq!(of_grpc(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn of_several_headers_the_shortest_counts() {
        let grpc: [&[u8]; 1] = [b"2S"];

        assert_eq!(inbound(&[b"9000", b"1000", b"junk"], &grpc), Some(Duration::from_secs(1)));
        assert_eq!(inbound(&[b"9000"], &grpc), Some(Duration::from_secs(2)));
        assert_eq!(inbound(&[b"junk"], &[]), None);
    }

    #[test]
    fn a_deadline_is_never_beyond_what_the_clock_can_say() {
        let now = Instant::now();

        assert_eq!(Deadline::after(now, Duration::MAX).remaining(now), YEAR);
    }
}
