//! All log lines of this process.

use std::sync::{Arc, Mutex, PoisonError};

use linchpin::trace::{LogFormat, Logs};
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

/// Every line of this process from [`Log::start`] on.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Takes the lines of all crates at the level TRACE, each as JSON and as text, as services write them.
    ///
    /// # Panics
    ///
    /// If the process has a log already.
    pub fn start() -> Self {
        let log = Self::default();
        let both = [LogFormat::Json, LogFormat::Text].map(|format| {
            let lines = log.lines.clone();
            let logs = Logs::new("trace").expect("a level").format(format);
            let logs = logs.sink(move |line| {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(String::from_utf8_lossy(line).into_owned());
            });
            logs.layer::<Registry>().0.boxed()
        });
        tracing_subscriber::registry().with(Vec::from(both)).init();
        log
    }

    /// The lines that have been written since this was asked last.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
