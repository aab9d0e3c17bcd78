//! The one value that a service makes.

use std::{ffi::OsString, fmt, future::Future, sync::Arc, time::Duration};

use linchpin_core::{Clock, ConfigError, SystemClock};
use linchpin_trace::{LogHandle, Logs, Observer};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;
use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    Signal,
    config::{Batching, Config},
    export::{Delivery, Endpoint, HttpTransport, Teller, send_batches},
    queue::{Queue, Tally},
    sender::{Sender, Task},
    spans::{Finished, Spans},
    tallies::{AllDelivered, Tallies},
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
        self.spans
            .as_ref()
            .map(|queue| Spans::new(queue.clone(), self.clock.clone()).with_filter(filter_fn(Spans::records)))
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
        let config = Config::read(&self.service, self.version.as_deref(), &mut vars);
        problems.absorb(vars.problems());
        let tallies = Tallies::default();
        let delivery =
            config.traces.as_ref().map(|endpoint| delivery(Signal::Traces, endpoint, tallies.traces.clone()));
        let delivery = delivery.and_then(|delivery| problems.take(delivery));
        problems.check()?;
        let observer = observer.ok_or_else(ConfigError::collect)?.clock(self.clock.clone());
        let observer = match config.sampler {
            Some(sampler) => observer.sampler(sampler),
            None => observer,
        };

        let mut tasks = Vec::new();
        let spans = delivery.map(|delivery| {
            let queue = Arc::new(Queue::new(config.spans.bounds, delivery.tally.clone()));
            tasks.push(span_task(queue.clone(), config.spans, delivery, config.facts.to_proto()));
            queue
        });
        let sender = Sender::start(tasks)?;
        Ok((Telemetry { observer, spans, tallies, clock: self.clock, sender, log: None }, config.warnings))
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
    let transport = Box::new(HttpTransport::new(endpoint)?);
    let teller = Teller::new(signal, endpoint.shown());
    Ok(Delivery { transport, timeout: endpoint.timeout, teller, tally })
}

/// The task that sends spans.
fn span_task(
    queue: Arc<Queue<Finished>>,
    batching: Batching,
    delivery: Delivery,
    resource: Resource,
) -> Task {
    let delivery = Arc::new(delivery);
    Box::new(move |flushes: mpsc::Receiver<_>| {
        Box::pin(send_batches(queue, batching.delay, flushes, move |batch| {
            let (delivery, resource) = (delivery.clone(), resource.clone());
            async move {
                let items = batch.len() as u64;
                delivery.deliver(request(batch, resource), items).await;
            }
        })) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
    })
}

fn request(batch: Vec<Finished>, resource: Resource) -> Vec<u8> {
    let spans = batch.into_iter().map(Finished::into_proto).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "linchpin".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
