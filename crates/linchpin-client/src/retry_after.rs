//! When an upstream wants to be asked again.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};
use linchpin_core::Timestamp;

/// The time that `Retry-After` asks to wait (RFC 9110 §10.2.3): seconds, or until a date in any of the three forms.
///
/// A date in the past is no wait. What is malformed does not count, and of several the longest does.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let values = headers.get_all(header::RETRY_AFTER).iter();
    values.filter_map(|value| wait(value.to_str().ok()?.trim(), now)).max()
}

fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are as good as never.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::UNIX_EPOCH.saturating_add(at).saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// 1994-11-06T08:49:07Z, half a minute before the RFC's example.
    const NOW: Timestamp = Timestamp::from_unix_seconds(784_111_777 - 30);

    fn of(values: &[&[u8]]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        }
        retry_after(&headers, NOW)
    }

    #[test]
    fn seconds_and_all_three_forms_of_dates_are_read() {
        for (value, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 30),
            ("Sun Nov  6 08:49:37 1994", 30),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("99999999999999999999999999", u64::MAX),
        ] {
            assert_eq!(of(&[value.as_bytes()]), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn what_is_malformed_does_not_count() {
        for value in
            ["", " ", "-1", "+1", "1.5", "1s", "soon", "Sun, 06 Nov 1994", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(of(&[value.as_bytes()]), None, "{value}");
        }
        assert_eq!(of(&[b"\xff"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn of_several_the_longest_counts() {
        assert_eq!(of(&[b"1", b"soon", b"9", b"2"]), Some(Duration::from_secs(9)));
    }
}
