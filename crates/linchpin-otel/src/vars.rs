//! Variables, and everything that is wrong with them.

use std::{collections::BTreeMap, ffi::OsString, str::FromStr, time::Duration};

use linchpin_core::ConfigError;

use crate::{SETTINGS, Signal};

/// The variables of a process, and the problems that were found in them.
pub(crate) struct Vars {
    vars: BTreeMap<String, OsString>,
    pub(crate) problems: ConfigError,
}

/// A value, and the name of the variable that it stands in.
pub(crate) struct Named<T> {
    pub(crate) name: String,
    pub(crate) value: T,
}

impl Vars {
    pub(crate) fn of(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self { vars: vars.into_iter().filter_map(named).collect(), problems: ConfigError::collect() }
    }

    /// The value of a variable; an empty one counts as unset, as the specification asks.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.vars.get(name).filter(|value| !value.is_empty())?;
        match value.to_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.problems.report(name, "is not UTF-8", "set it to text");
                None
            }
        }
    }

    pub(crate) fn parse<T: FromStr>(&mut self, name: &str, fix: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.problems.report(name, format!("is {}", Quoted(&text)), fix);
        }
        value
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let Some(text) = self.text(name) else { return false };
        match text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                self.problems.report(name, format!("is {}", Quoted(&text)), "give true or false");
                false
            }
        }
    }

    /// A duration in milliseconds, above zero.
    pub(crate) fn millis(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.above_zero(name, default))
    }

    /// A whole number above zero, and not so large that nothing is bounded any more.
    pub(crate) fn above_zero(&mut self, name: &str, default: u64) -> u64 {
        const FIX: &str = "give a whole number from 1 to 86400000";
        match self.parse::<u64>(name, FIX) {
            Some(number @ 1..=86_400_000) => number,
            Some(number) => {
                self.problems.report(name, format!("is {number}"), FIX);
                default
            }
            None => default,
        }
    }

    /// What is set for a signal alone, or else for all of them.
    pub(crate) fn exporter(&mut self, signal: Signal, what: &str) -> Option<Named<String>> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.variable());
        [own, format!("OTEL_EXPORTER_OTLP_{what}")]
            .into_iter()
            .find_map(|name| Some(Named { value: self.text(&name)?, name }))
    }

    /// Everything that was wrong; what several signals have found in one variable counts once.
    pub(crate) fn problems(&self) -> ConfigError {
        let mut unique = ConfigError::collect();
        for found in self.problems.problems() {
            if !unique.problems().contains(found) {
                unique.report(&found.setting, &found.problem, &found.fix);
            }
        }
        unique
    }

    /// Warnings, to be logged once there is a log: of what has a meaning in the specification, or is misspelt, and is not read here.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let is_known = |name: &str| SETTINGS.iter().any(|known| known.name == name);
        let names = self.vars.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name);
        names.filter(|name| name.starts_with("OTEL_") && !is_known(name)).cloned().collect()
    }
}

/// A list of `name=value` (W3C Baggage without properties), separated by commas and percent-encoded.
///
/// The error says what is wrong without the value, which may be a secret.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .enumerate()
        .map(|(index, item)| {
            let wrong = |what: &str| format!("has an item {} {what}", index + 1);
            let (name, value) = item.split_once('=').ok_or_else(|| wrong("without an equals sign"))?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() {
                return Err(wrong("without a name"));
            }
            let decoded =
                |text| percent_decoded(text).ok_or_else(|| wrong("that is not percent-encoded UTF-8"));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

/// A value in an error: in quotes, escaped, and not longer than is read.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut chars = self.0.chars();
        let shown: String = chars.by_ref().take(MAX_QUOTED).collect();
        write!(f, "{shown:?}{}", if chars.next().is_some() { "…" } else { "" })
    }
}

const MAX_QUOTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_a_wrong_one_is_told_without_its_value() {
        let read = pairs(" api-key = s%20e%2Cc , x=1=2,,y=").unwrap();
        let expected = [("api-key", "s e,c"), ("x", "1=2"), ("y", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

        for bad in ["hunter2", "a=1,=hunter2", "a=hunter2%", "a=hunter2%zz", "a=hunter2%+1", "a=%ffhunter2"] {
            let problem = pairs(bad).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_signals_own_variable_counts_before_the_general_one() {
        let mut vars = Vars::of([
            ("OTEL_EXPORTER_OTLP_TIMEOUT".into(), "1".into()),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT".into(), "2".into()),
            ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT".into(), "".into()),
        ]);

        let mut read = |signal| vars.exporter(signal, "TIMEOUT").unwrap();
        assert_eq!(read(Signal::Traces).value, "2");
        assert_eq!(read(Signal::Logs).name, "OTEL_EXPORTER_OTLP_TIMEOUT");
    }

    #[test]
    fn a_long_value_is_shown_shortened_and_on_one_line() {
        let shown = Quoted(&format!("a\n{}", "x".repeat(1000))).to_string();

        assert!(shown.len() < 80 && shown.starts_with("\"a\\n") && shown.ends_with("\"…"), "{shown}");
    }
}
