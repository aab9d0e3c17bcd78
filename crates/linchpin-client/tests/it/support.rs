//! Clients of a scripted upstream, and requests of ours that they work for.

use std::{
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use linchpin_client::{Client, ClientBuilder, Error};
use linchpin_core::{Clock, SystemClock, Timestamp};
use linchpin_test::ScriptedUpstream;
use linchpin_trace::{Observation, Observer, RequestHead};
use serde_json::Value;
use tracing::{field::Visit, span};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client that waits as long as its bounds allow, so that waits can be told exactly.
pub(crate) fn builder(upstream: &ScriptedUpstream) -> ClientBuilder {
    Client::builder("billing", upstream.url()).service("grades", "1.2.3").jitter(|| 1.0)
}

pub(crate) fn client(upstream: &ScriptedUpstream) -> Client {
    builder(upstream).build().unwrap()
}

pub(crate) async fn upstream() -> ScriptedUpstream {
    ScriptedUpstream::start().await.unwrap()
}

/// Gets `/` as JSON.
pub(crate) async fn get(client: &Client) -> Result<Value, Error> {
    client.get("/").send_json().await
}

/// The clock of the paused runtime, for the limits of requests.
struct RuntimeClock;

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn instant(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// A request of ours, with these headers.
pub(crate) fn observed(headers: &[(&str, &str)]) -> Observation {
    let observer = Observer::new("grades").clock(RuntimeClock);
    observer
        .begin(RequestHead::new("GET", "/"), headers.iter().map(|(name, value)| (*name, value.as_bytes())))
}

/// What is logged and which spans end meanwhile: `(name or message, fields)`.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<(String, String)>>>);

impl Record {
    /// Records on this thread until the guard is dropped.
    pub(crate) fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        // Without one for all threads, a test that does not record can be the first to meet a place that logs, and the place
        // then stays silent for all.
        static FOR_ALL: Once = Once::new();
        FOR_ALL
            .call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
        let record = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(record.clone()));
        (record, guard)
    }

    /// The fields of what was recorded under a name.
    pub(crate) fn of(&self, name: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(recorded, _)| recorded == name).map(|(_, fields)| fields.clone()).collect()
    }

    pub(crate) fn everything(&self) -> String {
        self.0.lock().unwrap().iter().map(|(name, fields)| format!("{name} {fields}\n")).collect()
    }
}

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl<S: tracing::Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Record {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push((event.metadata().target().to_owned(), fields.0));
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let fields = std::mem::take(&mut span.extensions_mut().get_mut::<Fields>().unwrap().0);
        self.0.lock().unwrap().push((span.name().to_owned(), fields));
    }
}
