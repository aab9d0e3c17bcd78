//! Metrics: kept in atomics where requests go, and looked at only when somebody asks.

mod calls;
mod catalogue;
mod histogram;
mod http_server;
mod otlp;
mod process;
mod prometheus;
mod readings;
mod table;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use linchpin_core::{Clock, Timestamp};

use self::catalogue::{TELEMETRY_DROPPED, TELEMETRY_EXPORTED};
pub(crate) use self::{
    calls::{CallSpans, Calls},
    http_server::HttpServer,
    otlp::request,
    process::Process,
    prometheus::{Listener, serve, target_info},
};
pub use self::{
    catalogue::{
        BREAKER, CALLS_IN_FLIGHT, CALLS_WAITING, KEY_FETCHES, KEYS, KEYS_AGE, KEYS_SKIPPED, KEYS_USABLE,
        METRICS, MetricInfo, MetricKind, TOKEN_FETCHES,
    },
    prometheus::prometheus_name,
    readings::Readings,
};
use crate::{Signal, resource::Facts, tallies::Tallies};

/// Everything that is measured; clones share everything.
#[derive(Clone)]
pub(crate) struct Meters {
    inner: Arc<Inner>,
}

struct Inner {
    server: HttpServer,
    calls: Calls,
    process: Process,
    tallies: Tallies,
    sources: RwLock<Vec<Box<Source>>>,
    clock: Arc<dyn Clock>,
    began: Timestamp,
}

/// Adds the numbers of something to a picture of all.
pub(crate) type Source = dyn Fn(&mut Readings) + Send + Sync;

impl Meters {
    pub(crate) fn new(facts: &Facts, tallies: Tallies, clock: Arc<dyn Clock>) -> Self {
        let began = clock.now();
        let inner = Inner {
            server: HttpServer::new(),
            calls: Calls::new(),
            process: Process::new(facts),
            tallies,
            sources: RwLock::default(),
            clock,
            began,
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn server(&self) -> HttpServer {
        self.inner.server.clone()
    }

    pub(crate) fn call_spans(&self) -> CallSpans {
        self.inner.calls.layer(self.inner.clock.clone())
    }

    pub(crate) fn watch(&self, source: Box<Source>) {
        self.inner.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Asks everybody for their numbers.
    pub(crate) fn read(&self) -> Readings {
        let Inner { server, calls, process, tallies, sources, clock, began } = &*self.inner;
        let mut readings = Readings::default();
        server.read(&mut readings);
        calls.read(&mut readings);
        process.read(&mut readings, clock.now().saturating_duration_since(*began));
        for signal in Signal::ALL {
            let delivered = tallies.of(signal);
            let mut add = |metric, values: &[&str], count: u64| readings.add(metric, values, count as f64);
            add(&TELEMETRY_EXPORTED, &[signal.name()], delivered.exported);
            for (reason, count) in [
                ("overflow", delivered.overflow),
                ("undelivered", delivered.undelivered),
                ("refused", delivered.refused),
            ] {
                add(&TELEMETRY_DROPPED, &[signal.name(), reason], count);
            }
        }
        for source in sources.read().unwrap_or_else(PoisonError::into_inner).iter() {
            source(&mut readings);
        }
        readings
    }

    /// When all counters were zero, and now.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        (self.inner.began, self.inner.clock.now())
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}
