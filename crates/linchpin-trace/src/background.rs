//! Work that no request waits for, observed like one.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use linchpin_core::{Clock, SystemClock, Timestamp};
use pin_project_lite::pin_project;
use tracing::{Span, field::Empty};

use crate::{
    ACCESS_TARGET, Baggage, RequestContext, SPAN_TARGET, Sampler, SpanPlace, TraceContext, mint_request_id,
    observer::Settings,
};

/// Runs a job with ids, attributes, a span and one line of its own, written when it ends: completed, cancelled or by a panic.
///
/// Made within a request, the job belongs to the request's trace and keeps its request id; otherwise it begins a trace.
/// [`Observer::background_task`](crate::Observer::background_task) does the same by an observer's clock and code owners.
///
/// # Examples
///
/// ```
/// # fn block_on(_: impl Future<Output = ()>) {}
/// block_on(linchpin_trace::background_task("nightly export", async {
///     linchpin_trace::accumulate("rows", 12);
/// }));
/// ```
pub fn background_task<F: Future>(name: &'static str, future: F) -> BackgroundTask<F> {
    BackgroundTask::new(name, future, None)
}

pin_project! {
    /// A job under observation; made by [`background_task`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BackgroundTask<F> {
        // Dropped first: what it still does belongs to the job.
        #[pin]
        future: F,
        job: Option<Job>,
    }
}

impl<F: Future> BackgroundTask<F> {
    pub(crate) fn new(name: &'static str, future: F, observer: Option<Arc<Settings>>) -> Self {
        let clock = observer.as_ref().map_or_else(|| Arc::new(SystemClock) as _, |known| known.clock.clone());
        Self { job: Some(Job::begin(name, clock, observer)), future }
    }
}

impl<F: Future> Future for BackgroundTask<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // A future that is polled after its end answers for that itself.
        let Some(job) = this.job else { return this.future.poll(cx) };
        let output = ready!(job.context.scope(|| job.span.in_scope(|| this.future.poll(cx))));
        job.is_done = true;
        *this.job = None;
        Poll::Ready(output)
    }
}

impl<F> std::fmt::Debug for BackgroundTask<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackgroundTask")
            .field("job", &self.job.as_ref().map(|job| job.name))
            .finish_non_exhaustive()
    }
}

/// Writes its line when it is dropped.
struct Job {
    name: &'static str,
    observer: Option<Arc<Settings>>,
    context: RequestContext,
    span: Span,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    is_done: bool,
}

impl Job {
    fn begin(name: &'static str, clock: Arc<dyn Clock>, observer: Option<Arc<Settings>>) -> Self {
        let began = clock.now();
        let current = RequestContext::current();
        let parent = current.as_ref().map(|parent| parent.trace().span_id());
        let context = match current {
            Some(parent) => RequestContext::new(
                parent.request_id().clone(),
                parent.trace().child(),
                parent.baggage().clone(),
                None,
                // The job outlives the request, and so the request's deadline is not its own.
                None,
            ),
            None => {
                let sampler = observer.as_ref().map_or_else(Sampler::default, |known| known.sampler);
                let trace = TraceContext::root(false);
                let is_sampled = sampler.records(trace.trace_id(), None);
                let trace = trace.sampled(is_sampled);
                RequestContext::new(mint_request_id(began), trace, Baggage::default(), None, None)
            }
        };
        let span = || {
            tracing::info_span!(
                target: SPAN_TARGET,
                parent: None,
                "request",
                otel.name = name,
                otel.kind = "internal",
                otel.status_code = Empty,
                error.type = Empty,
                code.owner = Empty,
                request_id = context.request_id().as_str(),
                trace_id = %context.trace().trace_id(),
                span_id = %context.trace().span_id(),
                attributes = Empty,
            )
        };
        let span = SpanPlace::new(context.trace(), parent).open(span);
        Self { name, observer, context, span, clock, began, is_done: false }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let error = match self.is_done {
            true => None,
            false if self.context.has_panicked() || std::thread::panicking() => Some("panic"),
            false => Some("cancelled"),
        };
        let duration = self.clock.now().saturating_duration_since(self.began);
        let told = std::mem::take(&mut *self.context.told());
        let attributes = told.attributes.to_json();
        let owner = self.observer.as_ref().and_then(|known| {
            let of_module = told.module.and_then(|module| known.owners.owner(module));
            of_module.or_else(|| known.owners.owner(self.name))
        });
        self.span.record("error.type", error);
        self.span.record("otel.status_code", error.map(|_| "ERROR"));
        self.span.record("code.owner", owner);
        self.span.record("attributes", attributes.as_deref());
        self.context.scope(|| {
            self.span.in_scope(|| {
                tracing::info!(
                    target: ACCESS_TARGET,
                    service = self.observer.as_ref().map(|known| &*known.service),
                    task = self.name,
                    duration_ms = duration.as_micros() as f64 / 1000.0,
                    owner,
                    error,
                    attributes = attributes.as_deref(),
                    attribute_errors = Some(told.attributes.errors()).filter(|errors| *errors > 0),
                    "task"
                );
            });
        });
    }
}
