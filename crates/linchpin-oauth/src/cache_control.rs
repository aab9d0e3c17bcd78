//! `Cache-Control` (RFC 9111 §5.2.2), as far as it moves a refresh.

use std::time::Duration;

/// How long the provider asks to wait before the document is fetched again, if it says so.
///
/// `no-store` and `no-cache` count as zero. Whoever asks puts bounds on the answer.
pub(crate) fn freshness(cache_control: &str) -> Option<Duration> {
    let mut max_age = None;
    for directive in cache_control.split(',') {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            // Digits beyond u64 are as good as forever (RFC 9111 §1.2.2); what is no number is not there.
            let digits = value.trim().trim_matches('"');
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            max_age = is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)));
        }
    }
    max_age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directives_that_count_are_found() {
        let seconds = |value| freshness(value).map(|duration| duration.as_secs());

        assert_eq!(seconds("public, max-age=300, must-revalidate"), Some(300));
        assert_eq!(seconds("Max-Age=\"60\""), Some(60));
        assert_eq!(seconds("max-age=300, no-store"), Some(0));
        assert_eq!(seconds("no-cache=\"set-cookie\""), Some(0));
        assert_eq!(seconds("max-age=99999999999999999999999"), Some(u64::MAX));
        for nothing in ["", "public", "max-age", "max-age=", "max-age=-1", "max-age=soon", "s-maxage=60"] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
    }
}
