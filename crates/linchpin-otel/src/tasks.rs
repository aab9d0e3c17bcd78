//! What the thread that sends has to do.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::InstrumentationScope,
    logs::v1::{ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;
use tokio::time::sleep;

use crate::{
    config::Batching,
    export::{Delivery, send_batches},
    lines::Line,
    metrics::{self, Listener, Meters},
    queue::Queue,
    sender::{Flushes, Task},
    spans::Finished,
};

/// Sends spans.
pub(crate) fn spans(
    queue: Arc<Queue<Finished>>,
    batching: Batching,
    delivery: Delivery,
    resource: Resource,
) -> Task {
    let delivery = Arc::new(delivery);
    let send = move |batch: Vec<Finished>| {
        let (delivery, resource) = (delivery.clone(), resource.clone());
        async move {
            let items = batch.len() as u64;
            delivery.deliver(traces(batch, resource), items).await;
        }
    };
    Box::new(move |flushes| Box::pin(send_batches(queue, batching.delay, flushes, send)))
}

/// Sends log lines.
pub(crate) fn lines(
    queue: Arc<Queue<Line>>,
    batching: Batching,
    delivery: Delivery,
    resource: Resource,
) -> Task {
    let delivery = Arc::new(delivery);
    let send = move |batch: Vec<Line>| {
        let (delivery, resource) = (delivery.clone(), resource.clone());
        async move {
            let items = batch.len() as u64;
            delivery.deliver(logs(batch, resource), items).await;
        }
    };
    Box::new(move |flushes| Box::pin(send_batches(queue, batching.delay, flushes, send)))
}

fn logs(batch: Vec<Line>, resource: Resource) -> Vec<u8> {
    let log_records = batch.into_iter().map(Line::into_proto).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource_logs = ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec()
}

fn traces(batch: Vec<Finished>, resource: Resource) -> Vec<u8> {
    let spans = batch.into_iter().map(Finished::into_proto).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// Reads and sends metrics, now and then.
pub(crate) fn metrics(meters: Meters, interval: Duration, delivery: Delivery, resource: Resource) -> Task {
    Box::new(move |mut flushes: Flushes| {
        Box::pin(async move {
            loop {
                let asked = tokio::select! {
                    () = sleep(interval) => None,
                    asked = flushes.recv() => match asked {
                        Some(asked) => Some(asked),
                        None => return,
                    },
                };
                let readings = meters.read();
                let message = metrics::request(&readings, resource.clone(), scope(), meters.times());
                delivery.deliver(message, readings.points() as u64).await;
                if let Some(asked) = asked {
                    // Whoever has given up does not need to know.
                    let _ = asked.send(());
                }
            }
        })
    })
}

/// Answers scrapes; there is nothing to flush.
pub(crate) fn scrapes(listener: Listener, meters: Meters, target: String) -> Task {
    Box::new(move |mut flushes: Flushes| {
        Box::pin(async move {
            let flushed = async {
                while let Some(asked) = flushes.recv().await {
                    let _ = asked.send(());
                }
            };
            tokio::select! {
                () = metrics::serve(listener, meters, target) => {}
                () = flushed => {}
            }
        })
    })
}

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "linchpin".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
