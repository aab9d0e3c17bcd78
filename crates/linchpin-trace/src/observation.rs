//! One request under observation, until it ends one way or another.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use linchpin_core::{RequestId, Timestamp};
use tracing::Span;

use crate::{
    MeteredHead, RequestContext, RequestSummary,
    observer::{Line, Settings},
};

/// The target of access lines: one event per request.
pub const ACCESS_TARGET: &str = "linchpin::access";

/// A request under observation: it ends exactly once, with one access line and the end of its span.
///
/// An adapter keeps it beside the request, works on the request inside [`enter`](Self::enter), and in the end says
/// [`complete`](Self::complete) or [`fail`](Self::fail). If it is dropped instead, the request was cancelled, or its
/// handler has panicked.
#[must_use = "a request that is not observed to its end counts as cancelled"]
pub struct Observation {
    settings: Arc<Settings>,
    context: RequestContext,
    span: Span,
    head: MeteredHead,
    request_bytes: Option<u64>,
    began: Timestamp,
    line: Line,
    /// Zero until there is one.
    status: AtomicU16,
    bytes: AtomicU64,
    has_ended: bool,
}

impl Observation {
    pub(crate) fn new(
        settings: Arc<Settings>,
        context: RequestContext,
        span: Span,
        head: MeteredHead,
        request_bytes: Option<u64>,
        began: Timestamp,
        line: Line,
    ) -> Self {
        let (status, bytes) = Default::default();
        if let Some(meter) = &settings.meter {
            meter.began(head);
        }
        Self { settings, context, span, head, request_bytes, began, line, status, bytes, has_ended: false }
    }

    /// What is known about the request: it goes into the request's extensions.
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// The id, for the header `x-request-id` of the response.
    pub fn request_id(&self) -> &RequestId {
        self.context.request_id()
    }

    /// Runs `work` inside the request: its span is entered, and the request is current on this thread.
    ///
    /// It is meant for the call of the inner service and for each poll of what that returns.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        self.context.scope(|| self.span.in_scope(work))
    }

    /// Notes the status of the response; the last one counts.
    pub fn respond(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Counts bytes of the response's body.
    pub fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Ends the observation: the response has been given away as a whole.
    pub fn complete(mut self) {
        self.end(None);
    }

    /// Ends the observation: there is no response, or only a part of it.
    ///
    /// `error` is from a closed list of the adapter's, such as `service_error` and `body_error`; an error's own text may
    /// hold anything and does not belong here.
    pub fn fail(mut self, error: &'static str) {
        self.end(Some(error));
    }

    fn end(&mut self, error: Option<&'static str>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let status = Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let duration = self.settings.clock.now().saturating_duration_since(self.began);
        let is_server_error = status.is_some_and(|status| status >= 500);
        let has_failed = error.is_some() || status.is_none_or(|status| status >= 400);

        let told = std::mem::take(&mut *self.context.told());
        let owner = told.module.and_then(|module| self.settings.owners.owner(module));
        let owner = owner.or_else(|| self.settings.owners.owner(told.route.as_deref()?));
        let (issuer, client_id) = (told.issuer.as_deref(), told.client_id.as_deref());
        // First of all: whatever becomes of span and line, the request is not under way any more.
        if let Some(meter) = &self.settings.meter {
            meter.ended(&RequestSummary {
                head: self.head,
                route: told.route.as_deref(),
                status,
                error,
                duration,
                request_bytes: self.request_bytes,
                response_bytes: bytes,
                auth: told.auth,
                issuer: told.issuer.as_deref(),
            });
        }
        let attributes = told.attributes.to_json();
        let attribute_errors = Some(told.attributes.errors()).filter(|errors| *errors > 0);

        if !self.span.is_disabled() {
            let status_text = status.filter(|_| is_server_error).map(|status| status.to_string());
            match &told.route {
                Some(route) => {
                    self.span.record(
                        "otel.name",
                        tracing::field::display(format_args!("{} {route}", self.head.method)),
                    );
                    self.span.record("http.route", &**route);
                }
                None => {
                    self.span.record("otel.name", self.head.method);
                }
            }
            self.span.record("http.response.status_code", status);
            self.span.record("error.type", error.or(status_text.as_deref()));
            self.span.record("otel.status_code", (error.is_some() || is_server_error).then_some("ERROR"));
            self.span.record("auth.outcome", told.auth.as_str());
            self.span.record("auth.reason", told.auth.reason());
            self.span.record("auth.issuer", issuer);
            self.span.record("auth.client_id", client_id);
            self.span.record("code.owner", owner);
            self.span.record("attributes", attributes.as_deref());
        }
        if self.line == Line::Always || has_failed {
            self.enter(|| {
                tracing::info!(
                    target: ACCESS_TARGET,
                    service = &*self.settings.service,
                    method = self.head.method,
                    route = told.route.as_deref(),
                    status,
                    duration_ms = duration.as_micros() as f64 / 1000.0,
                    bytes,
                    client_address = self.context.client_address().map(tracing::field::display),
                    auth = told.auth.as_str(),
                    reason = told.auth.reason(),
                    issuer,
                    client_id,
                    owner,
                    error,
                    attributes = attributes.as_deref(),
                    attribute_errors,
                    "request"
                );
            });
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let panicked = self.context.has_panicked() || std::thread::panicking();
        self.end(Some(if panicked { "panic" } else { "cancelled" }));
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Whether an event is a line of this crate's own, whose attributes are JSON already.
pub(crate) fn is_access_line(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.target() == ACCESS_TARGET
        && metadata
            .module_path()
            .is_some_and(|path| path.starts_with(concat!(env!("CARGO_CRATE_NAME"), "::")))
}
