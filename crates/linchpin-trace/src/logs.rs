//! Where log lines go, in which form, and which of them.

use std::{
    ffi::OsString,
    fmt,
    io::{self, IsTerminal, Write},
    str::FromStr,
    sync::Arc,
};

use linchpin_core::{Clock, ConfigError, SystemClock};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, reload, util::SubscriberInitExt,
};

use crate::{line::Lines, network::shortened};

/// The log of a service: one line per event on standard output, with the ids of the request that it belongs to.
///
/// # Examples
///
/// ```no_run
/// let log = linchpin_trace::Logs::from_env()?.init()?;
/// tracing::info!("started");
/// log.set_level("debug,hyper=info")?;
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
///
/// Beside other layers:
///
/// ```
/// use linchpin_trace::{LogFormat, Logs};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let (layer, _handle) = Logs::new("info")?.format(LogFormat::Json).layer();
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || tracing::info!(answer = 42, "computed"));
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
///
/// # Security
///
/// Whatever an event holds, it is one line: quotes, control characters, line separators and marks that change the direction
/// of text are escaped in both forms. A value is cut at 8 KiB and a line takes no more fields beyond 64 KiB. What is logged
/// is up to who logs it; [`Sensitive`](crate::Sensitive) keeps a value out.
#[must_use = "nothing is logged until it is initialised, or its layer is used"]
pub struct Logs {
    filter: EnvFilter,
    format: LogFormat,
    sink: Option<Arc<Sink>>,
    clock: Arc<dyn Clock>,
}

pub(crate) type Sink = dyn Fn(&[u8]) + Send + Sync;

impl Logs {
    /// A log of what `directives` let through, such as `info` or `info,grades=debug`.
    ///
    /// # Errors
    ///
    /// A directive that is not understood, or a single word that is no level: a target is written with its level.
    pub fn new(directives: &str) -> Result<Self, ConfigError> {
        let (format, sink, clock) = (LogFormat::default(), None, Arc::new(SystemClock));
        Ok(Self { filter: filter(directives)?, format, sink, clock })
    }

    /// A log by `RUST_LOG` (`info` if it is not set) and `LOG_FORMAT` (`auto`).
    ///
    /// # Errors
    ///
    /// Each of the two that is wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(std::env::vars_os())
    }

    /// Likewise, from variables that are given; all others are ignored, and empty ones count as unset.
    ///
    /// # Errors
    ///
    /// Each of the two that is wrong.
    pub fn from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let (mut level, mut format) = (None, None);
        for (name, value) in vars {
            match name.to_str() {
                Some("RUST_LOG") => level = problems.take(text("RUST_LOG", value)),
                Some("LOG_FORMAT") => format = problems.take(text("LOG_FORMAT", value)),
                _ => {}
            }
        }
        let level = level.filter(|level| !level.is_empty());
        let format = format.filter(|format| !format.is_empty());
        let logs = problems.take(Self::new(level.as_deref().unwrap_or("info")));
        let format = problems.take(format.as_deref().unwrap_or("auto").parse());
        let problem_free = problems.check();
        match (logs, format) {
            (Some(logs), Some(format)) => problem_free.map(|()| logs.format(format)),
            _ => Err(problem_free.err().unwrap_or_default()),
        }
    }

    /// Writes lines in this form.
    pub fn format(mut self, format: LogFormat) -> Self {
        self.format = format;
        self
    }

    /// Gives each line, its end included, to `sink` instead of standard output. It is called by many threads.
    pub fn sink(mut self, sink: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Takes the time of lines from another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The log as a layer to stand beside others, and the handle to change its level.
    pub fn layer<S>(self) -> (impl Layer<S> + Send + Sync + 'static, LogHandle)
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let is_terminal = self.sink.is_none() && io::stdout().is_terminal();
        let is_json = match self.format {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !is_terminal,
        };
        let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let sink = self.sink.unwrap_or_else(|| Arc::new(to_stdout));
        let (filter, handle) = reload::Layer::new(self.filter);
        let set = move |filter| handle.reload(filter).is_ok();
        (
            Lines::new(is_json, has_colours, sink, self.clock).with_filter(filter),
            LogHandle { set: Arc::new(set) },
        )
    }

    /// Makes this the log of the process, for the `log` crate's records too.
    ///
    /// # Errors
    ///
    /// The process has one already.
    pub fn init(self) -> Result<LogHandle, ConfigError> {
        let (layer, handle) = self.layer();
        tracing_subscriber::registry().with(layer).try_init().map_err(|error| {
            ConfigError::single(
                "the log",
                format!("cannot start: {error}"),
                "start it once, before anything else does",
            )
        })?;
        Ok(handle)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Changes the level of a log that runs; clones change the same one.
#[derive(Clone)]
pub struct LogHandle {
    set: Arc<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

impl LogHandle {
    /// Lets through what `directives` say from now on.
    ///
    /// # Errors
    ///
    /// They are not understood, and nothing changes; or the log is gone.
    pub fn set_level(&self, directives: &str) -> Result<(), ConfigError> {
        if (self.set)(filter(directives)?) {
            Ok(())
        } else {
            Err(ConfigError::single("the log", "is gone", "change the level of the log that runs"))
        }
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle").finish_non_exhaustive()
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Text, in colour on a terminal unless `NO_COLOR` is set.
    Text,
}

impl FromStr for LogFormat {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => {
                let problem = format!("is {:?}", shortened(text));
                Err(ConfigError::single("LOG_FORMAT", problem, "give json, text or auto"))
            }
        }
    }
}

fn filter(directives: &str) -> Result<EnvFilter, ConfigError> {
    let wrong =
        |problem| ConfigError::single("RUST_LOG", problem, "give, for example, info or info,hyper=debug");
    // EnvFilter takes any single word for a target, and a misspelt level would silence everything else.
    for word in directives.split(',').map(str::trim) {
        let is_word = !word.is_empty() && !word.contains(['=', '[', ':']);
        if is_word && word.parse::<tracing_subscriber::filter::LevelFilter>().is_err() {
            return Err(wrong(format!("has {:?}, which is no level", shortened(word))));
        }
    }
    EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .parse(directives)
        .map_err(|_| wrong(format!("is {:?}, which is not understood", shortened(directives))))
}

fn text(name: &str, value: OsString) -> Result<String, ConfigError> {
    value.into_string().map_err(|_| ConfigError::single(name, "is not UTF-8", "set it to text"))
}

/// One call per line. Who cannot be written to cannot be told about it either.
fn to_stdout(line: &[u8]) {
    let _ = io::stdout().lock().write_all(line);
}
