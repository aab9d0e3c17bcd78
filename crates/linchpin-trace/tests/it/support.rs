//! A log that is kept, and an observer whose time stands still.

use std::sync::{Arc, Mutex};

use linchpin_core::FakeClock;
use linchpin_trace::{LogFormat, LogHandle, Logs, Observation, Observer, RequestHead};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

/// The lines that `work` logs at a level.
pub(crate) fn lines(level: &str, format: LogFormat, work: impl FnOnce(&LogHandle)) -> Vec<String> {
    let written: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let sink = written.clone();
    let logs = Logs::new(level).unwrap().format(format).clock(FakeClock::default());
    let (layer, handle) = logs.sink(move |line| sink.lock().unwrap().push(line.to_vec())).layer();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || work(&handle));

    let lines = std::mem::take(&mut *written.lock().unwrap());
    lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

/// The same as JSON objects, one a line.
pub(crate) fn json(level: &str, work: impl FnOnce()) -> Vec<Value> {
    let lines = lines(level, LogFormat::Json, |_| work());
    for line in &lines {
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(line.ends_with("}\n"), "{line:?}");
    }
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

pub(crate) fn observer() -> (Observer, FakeClock) {
    let clock = FakeClock::default();
    (Observer::new("grades").clock(clock.clone()), clock)
}

/// Begins a GET of a path with these headers.
pub(crate) fn begin(observer: &Observer, path: &str, headers: &[(&str, &str)]) -> Observation {
    let head = RequestHead::new("GET", path).peer("192.0.2.7".parse().unwrap());
    observer.begin(head, headers.iter().map(|(name, value)| (*name, value.as_bytes())))
}
