//! The one value that a service makes.

use std::{ffi::OsString, fmt, net::SocketAddr, sync::Arc, time::Duration};

use linchpin_core::{Clock, ConfigError, SystemClock};
use linchpin_trace::{LogHandle, Logs, Observer};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

#[cfg(feature = "grpc")]
use crate::export::GrpcTransport;
use crate::{
    Signal,
    config::Config,
    export::{Delivery, Endpoint, HttpTransport, Protocol, Teller, Transport},
    lines::{Line, Lines},
    metrics::{CallSpans, Listener, Meters, Readings, target_info},
    queue::{Queue, Tally},
    sender::Sender,
    spans::{Finished, Spans},
    tallies::{AllDelivered, Tallies},
    tasks,
    vars::Vars,
};

/// The telemetry of a service: its log, and what it sends to a collector, by the environment.
///
/// Without an endpoint in the environment nothing is exported, and log lines and `traceparent` headers have the same ids as with
/// one. A collector that is down or slow costs a bounded queue and a counter, never a request. [`SETTINGS`](crate::SETTINGS)
/// lists the variables.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use linchpin_otel::Telemetry;
///
/// # async fn serve(_: linchpin_trace::Observer) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linchpin_core::ConfigError> {
/// let telemetry = Telemetry::from_env("grades")?;
/// serve(telemetry.observer()).await; // observe(telemetry.observer()) is the layer around everything
/// telemetry.shutdown(Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// The headers for the collector are secrets: no log, error or `Debug` shows them, nor user, password and query of an endpoint.
#[must_use = "what is gathered is lost unless it is shut down in the end"]
pub struct Telemetry {
    observer: Observer,
    spans: Option<Arc<Queue<Finished>>>,
    lines: Option<Arc<Queue<Line>>>,
    /// Which lines are sent.
    targets: Targets,
    /// `None` if nobody would see what is measured.
    meters: Option<Meters>,
    scraped_at: Option<SocketAddr>,
    tallies: Tallies,
    clock: Arc<dyn Clock>,
    sender: Sender,
    log: Option<LogHandle>,
}

impl Telemetry {
    /// The telemetry of a service as the environment says, with its log as the log of the process.
    ///
    /// It reads the variables of `linchpin-trace` too ([`Logs::from_env`], [`Observer::from_env`]), so that this is all a service
    /// has to say. A variable that starts with `OTEL_` and means nothing here is logged as a warning.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by the variables' names; or the process has a log already.
    pub fn from_env(service: &str) -> Result<Self, ConfigError> {
        Self::builder(service).init()
    }

    /// A builder, for what the environment does not know.
    pub fn builder(service: &str) -> TelemetryBuilder {
        TelemetryBuilder { service: service.to_owned(), version: None, clock: Arc::new(SystemClock) }
    }

    /// What the layers of the adapters are built around: `observe(telemetry.observer())`.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// The layer that records, to stand beside others in a subscriber of one's own.
    ///
    /// [`from_env`](Self::from_env) has it in place already.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        // The hints let whatever is below them be as cheap as without this layer.
        let spans = self.spans.as_ref().map(|queue| Spans::new(queue.clone(), self.clock.clone()));
        let filter = filter_fn(Spans::records).with_max_level_hint(LevelFilter::INFO);
        let spans = spans.map(|spans| spans.with_filter(filter));
        let filter = filter_fn(CallSpans::watches).with_max_level_hint(LevelFilter::INFO);
        let calls = self.meters.as_ref().map(|meters| meters.call_spans().with_filter(filter));
        let lines = self.lines.as_ref().map(|queue| Lines::new(queue.clone(), self.clock.clone()));
        let targets = self.targets.clone();
        let lowest = targets.iter().map(|(_, level)| level).chain(targets.default_level()).max();
        let lowest = lowest.unwrap_or(LevelFilter::OFF).max(LevelFilter::INFO);
        // A line looks for the span that it stands in, and sees those alone that are let through here.
        let is_seen = move |metadata: &Metadata<'_>| match metadata.is_event() {
            true => targets.would_enable(metadata.target(), metadata.level()),
            false => Spans::records(metadata),
        };
        let lines = lines.map(|lines| lines.with_filter(filter_fn(is_seen).with_max_level_hint(lowest)));
        Layer::and_then(Layer::and_then(spans, calls), lines)
    }

    /// Asks `source` for its numbers whenever metrics are exported or fetched.
    ///
    /// It is called on the thread that sends: it has to be quick, and must not wait. If nothing is exported it is never called.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// use linchpin_otel::{MetricInfo, Telemetry};
    ///
    /// const EXPORTED: MetricInfo = MetricInfo::counter("grades.exported", "{grade}", "Grades that were exported.", &[]);
    ///
    /// let telemetry = Telemetry::builder("grades").from_vars([])?;
    /// let exported = Arc::new(AtomicU64::new(0));
    /// let count = exported.clone();
    /// telemetry.watch(move |readings| readings.add(&EXPORTED, &[], count.load(Ordering::Relaxed) as f64));
    /// # Ok::<(), linchpin_core::ConfigError>(())
    /// ```
    pub fn watch(&self, source: impl Fn(&mut Readings) + Send + Sync + 'static) {
        if let Some(meters) = &self.meters {
            meters.watch(Box::new(source));
        }
    }

    /// Where Prometheus can fetch metrics, if it can.
    pub fn scraped_at(&self) -> Option<SocketAddr> {
        self.scraped_at
    }

    /// Changes the level of the log; `None` if the log is somebody else's.
    pub fn log(&self) -> Option<&LogHandle> {
        self.log.as_ref()
    }

    /// What has become of what was to be sent, since the start.
    pub fn delivered(&self) -> AllDelivered {
        self.tallies.read()
    }

    /// Sends what waits, and returns once it has arrived or is lost, at the latest after `deadline`.
    pub async fn flush(&self, deadline: Duration) {
        self.sender.flush(deadline).await;
    }

    /// Sends what waits and ends, at the latest after `deadline`.
    ///
    /// Without it what waits is lost: dropping does not wait for a collector.
    pub async fn shutdown(self, deadline: Duration) {
        self.flush(deadline).await;
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("observer", &self.observer).finish_non_exhaustive()
    }
}

/// Builds a [`Telemetry`]; made by [`Telemetry::builder`].
#[must_use = "it builds nothing until it is told to"]
pub struct TelemetryBuilder {
    service: String,
    version: Option<String>,
    clock: Arc<dyn Clock>,
}

impl TelemetryBuilder {
    /// The version of the service, mostly `env!("CARGO_PKG_VERSION")`. A variable that says otherwise counts first.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Takes all times from another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Reads the environment, and makes the log the log of the process.
    ///
    /// # Errors
    ///
    /// As of [`Telemetry::from_env`].
    pub fn init(self) -> Result<Telemetry, ConfigError> {
        let vars: Vec<_> = std::env::vars_os().collect();
        let mut problems = ConfigError::collect();
        let logs = problems.take(Logs::from_vars(vars.iter().cloned()));
        let telemetry = problems.take(self.build(vars));
        problems.check()?;
        // What has reported no problem is there.
        let (Some(logs), Some((mut telemetry, warnings))) = (logs, telemetry) else {
            return Err(ConfigError::collect());
        };
        let (lines, handle) = logs.layer();
        tracing_subscriber::registry().with(lines).with(telemetry.layer()).try_init().map_err(|error| {
            let fix = "start it once, before anything else does";
            ConfigError::single("the log", format!("cannot start: {error}"), fix)
        })?;
        warn(&warnings);
        telemetry.log = Some(handle);
        Ok(telemetry)
    }

    /// Reads variables that are given, and leaves the log of the process alone: [`Telemetry::layer`] goes into a subscriber.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by the variables' names.
    pub fn from_vars(
        self,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Telemetry, ConfigError> {
        let (telemetry, warnings) = self.build(vars.into_iter().collect())?;
        warn(&warnings);
        Ok(telemetry)
    }

    fn build(self, vars: Vec<(OsString, OsString)>) -> Result<(Telemetry, Vec<String>), ConfigError> {
        let mut problems = ConfigError::collect();
        let observer = problems.take(Observer::from_vars(self.service.clone(), vars.iter().cloned()));
        let mut vars = Vars::of(vars);
        // What is no list of targets and levels is for `Logs` to judge, and here the default.
        let targets = vars.text("RUST_LOG").and_then(|text| text.parse().ok());
        let targets = targets.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
        let config = Config::read(&self.service, self.version.as_deref(), &mut vars);
        problems.absorb(vars.problems());
        let tallies = Tallies::default();
        let mut deliver = |signal, endpoint: &Option<Endpoint>, tally: &Arc<Tally>| {
            let delivery = endpoint.as_ref().map(|endpoint| delivery(signal, endpoint, tally.clone()));
            delivery.and_then(|delivery| problems.take(delivery))
        };
        let traces = deliver(Signal::Traces, &config.traces, &tallies.traces);
        let logs = deliver(Signal::Logs, &config.logs, &tallies.logs);
        let metrics = deliver(Signal::Metrics, &config.metrics, &tallies.metrics);
        let listener = config.prometheus.and_then(|address| problems.take(listen(address)));
        problems.check()?;

        let (mut tasks, resource) = (Vec::new(), config.facts.to_proto());
        let spans = traces.map(|delivery| {
            let queue = Arc::new(Queue::new(config.spans.bounds, delivery.tally.clone()));
            tasks.push(tasks::spans(queue.clone(), config.spans, delivery, resource.clone()));
            queue
        });
        let lines = logs.map(|delivery| {
            let queue = Arc::new(Queue::new(config.lines.bounds, delivery.tally.clone()));
            tasks.push(tasks::lines(queue.clone(), config.lines, delivery, resource.clone()));
            queue
        });
        let is_metered = metrics.is_some() || listener.is_some();
        let meters = is_metered.then(|| Meters::new(&config.facts, tallies.clone(), self.clock.clone()));
        let mut scraped_at = None;
        if let Some(meters) = &meters {
            tasks.extend(
                metrics.map(|delivery| {
                    tasks::metrics(meters.clone(), config.interval, delivery, resource.clone())
                }),
            );
            scraped_at = listener.as_ref().and_then(|listener| listener.address().ok());
            let target = target_info(&config.facts);
            tasks.extend(listener.map(|listener| tasks::scrapes(listener, meters.clone(), target)));
        }

        let mut observer = observer.ok_or_else(ConfigError::collect)?.clock(self.clock.clone());
        if let Some(sampler) = config.sampler {
            observer = observer.sampler(sampler);
        }
        if let Some(meters) = &meters {
            observer = observer.meter(meters.server());
        }
        let sender = Sender::start(tasks)?;
        let clock = self.clock;
        let telemetry = Telemetry {
            observer,
            spans,
            lines,
            targets,
            meters,
            scraped_at,
            tallies,
            clock,
            sender,
            log: None,
        };
        Ok((telemetry, config.warnings))
    }
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder")
            .field("service", &self.service)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

fn warn(variables: &[String]) {
    for variable in variables {
        tracing::warn!(variable, "a variable of OpenTelemetry is set that is not supported, or misspelt");
    }
}

fn delivery(signal: Signal, endpoint: &Endpoint, tally: Arc<Tally>) -> Result<Delivery, ConfigError> {
    let transport: Box<dyn Transport> = match endpoint.protocol {
        Protocol::HttpProtobuf => Box::new(HttpTransport::new(endpoint)?),
        #[cfg(feature = "grpc")]
        Protocol::Grpc => Box::new(GrpcTransport::new(signal, endpoint)?),
    };
    let teller = Teller::new(signal, endpoint.shown());
    Ok(Delivery { transport, timeout: endpoint.timeout, teller, tally })
}

fn listen(address: SocketAddr) -> Result<Listener, ConfigError> {
    Listener::bind(address).map_err(|error| {
        let problem = format!("cannot be listened on ({address}): {error}");
        let fix = "give a port that is free, or 0 for any";
        ConfigError::single("OTEL_EXPORTER_PROMETHEUS_PORT", problem, fix)
    })
}
