//! The request that is being worked on, reachable from anywhere below the handler.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use linchpin_core::{Caller, Reason, RequestId};
use pin_project_lite::pin_project;
use tracing::Span;

use crate::{
    AttributeValue, Baggage, Deadline, TraceContext,
    attributes::{Attributes, Rejected},
    auth::AuthOutcome,
    text::{clipped, push_json_string},
};

/// What is known about one request, or one background task, while it is worked on.
///
/// The adapters put one into the request's extensions and make it [`current`](Self::current) during each poll. Clones share
/// everything, and are cheap.
#[derive(Clone)]
pub struct RequestContext {
    inner: Arc<Inner>,
}

struct Inner {
    request_id: RequestId,
    trace: TraceContext,
    baggage: Baggage,
    client_address: Option<IpAddr>,
    deadline: Option<Deadline>,
    /// `"request_id":"…","trace_id":"…"`, written once and copied into each line.
    json: Box<str>,
    panicked: AtomicBool,
    told: Mutex<Told>,
}

/// What layers and handlers tell about the request as it goes on.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) route: Option<Box<str>>,
    pub(crate) module: Option<&'static str>,
    pub(crate) auth: AuthOutcome,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) attributes: Attributes,
}

impl RequestContext {
    pub(crate) fn new(
        request_id: RequestId,
        trace: TraceContext,
        baggage: Baggage,
        client_address: Option<IpAddr>,
        deadline: Option<Deadline>,
    ) -> Self {
        let mut json = String::with_capacity(112);
        json.push_str("\"request_id\":");
        push_json_string(&mut json, request_id.as_str());
        json.push_str(",\"trace_id\":\"");
        json.push_str(&trace.trace_id().to_string());
        json.push('"');
        let inner = Inner {
            request_id,
            trace,
            baggage,
            client_address,
            deadline,
            json: json.into(),
            panicked: AtomicBool::new(false),
            told: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The request that this thread works on, if any.
    pub fn current() -> Option<Self> {
        with_current(Clone::clone)
    }

    /// The id of the request.
    pub fn request_id(&self) -> &RequestId {
        &self.inner.request_id
    }

    /// This service's place in the trace: outgoing calls are its [children](TraceContext::child).
    pub fn trace(&self) -> &TraceContext {
        &self.inner.trace
    }

    /// What upstream services attached to the trace.
    pub fn baggage(&self) -> &Baggage {
        &self.inner.baggage
    }

    /// The client's address, as far as the trusted proxies tell it.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.inner.client_address
    }

    /// By when the request has to be answered, if the service or the client has set a limit.
    pub fn deadline(&self) -> Option<Deadline> {
        self.inner.deadline
    }

    /// Names the route by its template, such as `/grades/{id}`; the last one counts.
    pub fn set_route(&self, template: &str) {
        let mut told = self.told();
        if told.route.as_deref() != Some(template) {
            told.route = Some(clipped(template, MAX_ROUTE).into());
        }
    }

    /// Names the module that answers, mostly as `module_path!()`; its owner counts before the route's.
    pub fn set_module(&self, path: &'static str) {
        self.told().module = Some(path);
    }

    /// Notes whom a layer has admitted: a caller, or nobody in particular.
    pub fn admitted(&self, caller: Option<&Caller>) {
        let mut told = self.told();
        told.auth = if caller.is_some() { AuthOutcome::Authenticated } else { AuthOutcome::Anonymous };
        told.issuer = caller.map(|caller| clipped(caller.issuer(), MAX_CLAIM).into());
        told.client_id = caller.and_then(Caller::client_id).map(|id| clipped(id, MAX_CLAIM).into());
    }

    /// Notes why the request was refused.
    pub fn refused(&self, reason: Reason) {
        self.told().auth = AuthOutcome::Refused(reason);
    }

    /// Sets an attribute of the access line and the span; see [`set_attribute`].
    pub fn set_attribute(&self, name: &str, value: impl Into<AttributeValue>) {
        let result = self.told().attributes.set(name, value.into());
        self.complain(name, result);
    }

    /// Adds to an attribute; see [`accumulate`].
    pub fn accumulate(&self, name: &str, value: impl Into<AttributeValue>) {
        let result = self.told().attributes.accumulate(name, value.into());
        self.complain(name, result);
    }

    /// Runs `work` as part of this request: meanwhile it is [`current`](Self::current) on this thread.
    ///
    /// It is meant for one poll of a future; what was current before is again afterwards, also after a panic.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Restore(Option<RequestContext>);

        impl Drop for Restore {
            fn drop(&mut self) {
                let ended = replace_current(self.0.take());
                if let Some(ended) = ended.filter(|_| std::thread::panicking()) {
                    ended.inner.panicked.store(true, Ordering::Relaxed);
                }
            }
        }

        let _restore = Restore(replace_current(Some(self.clone())));
        self.inner.request_id.scope(work)
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing that runs under the lock can panic half-way through a change.
        self.inner.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_panicked(&self) -> bool {
        self.inner.panicked.load(Ordering::Relaxed)
    }

    pub(crate) fn json(&self) -> &str {
        &self.inner.json
    }

    /// One warning per request, and not under the lock: a logger may look at the request again.
    fn complain(&self, name: &str, result: Result<(), Rejected>) {
        let Err(rejected) = result else { return };
        if self.told().attributes.errors() == 1 {
            tracing::warn!(
                attribute = clipped(name, 64),
                why = ?rejected,
                "an attribute was not taken; its old value stands"
            );
        }
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("request_id", &self.inner.request_id)
            .field("trace_id", &self.inner.trace.trace_id())
            .finish_non_exhaustive()
    }
}

/// Sets an attribute of the current request: it stands on the access line and the span. Outside a request it does nothing.
///
/// Names are up to 64 letters, digits, dots, dashes and underscores; there are at most 32, and text is cut at 256 bytes. What
/// does not fit is counted on the line and warned of once.
///
/// # Examples
///
/// ```
/// linchpin_trace::set_attribute("course", "edX+DemoX");
/// linchpin_trace::increment("cache.misses");
/// linchpin_trace::accumulate("rows", 12);
/// ```
///
/// # Security
///
/// What is set is logged: no credentials, and no more about people than the log may hold.
pub fn set_attribute(name: &str, value: impl Into<AttributeValue>) {
    if let Some(context) = RequestContext::current() {
        context.set_attribute(name, value);
    }
}

/// Adds to a number among the attributes of the current request, beginning at zero.
///
/// A whole number takes whole numbers, any other takes others; on a mismatch the old value stands.
pub fn accumulate(name: &str, value: impl Into<AttributeValue>) {
    if let Some(context) = RequestContext::current() {
        context.accumulate(name, value);
    }
}

/// Adds one to a whole number among the attributes of the current request.
pub fn increment(name: &str) {
    accumulate(name, 1_i64);
}

/// Notes at the current request whom a layer has admitted: a caller, or nobody in particular.
///
/// The adapters' layers call it.
pub fn note_admitted(caller: Option<&Caller>) {
    with_current(|context| context.admitted(caller));
}

/// Notes at the current request why it was refused.
///
/// The adapters call it with each refusal that they write.
pub fn note_refused(reason: Reason) {
    with_current(|context| context.refused(reason));
}

/// Carries the current request and span into a future that runs elsewhere, mostly a spawned task.
///
/// What the task adds after the request has ended is lost; its own lines still carry the ids.
///
/// # Examples
///
/// ```no_run
/// # fn spawn(_: impl Future<Output = ()>) {}
/// spawn(linchpin_trace::in_current_context(async {
///     linchpin_trace::increment("mails.sent");
/// }));
/// ```
pub fn in_current_context<F: Future>(future: F) -> InContext<F> {
    InContext { context: RequestContext::current(), span: Span::current(), future }
}

pin_project! {
    /// A future that is part of a request; made by [`in_current_context`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        context: Option<RequestContext>,
        span: Span,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        match this.context {
            Some(context) => context.scope(|| this.future.poll(cx)),
            None => this.future.poll(cx),
        }
    }
}

/// Runs `read` with the current request, without taking part in it.
pub(crate) fn with_current<R>(read: impl FnOnce(&RequestContext) -> R) -> Option<R> {
    // A logger may run while the slot is being changed, or after it is gone.
    CURRENT
        .try_with(|current| current.try_borrow().ok().and_then(|current| current.as_ref().map(read)))
        .ok()
        .flatten()
}

/// Changes the slot; when a thread ends the slot is gone before some of what runs then, which has no current request.
fn replace_current(context: Option<RequestContext>) -> Option<RequestContext> {
    CURRENT.try_with(|current| current.replace(context)).ok().flatten()
}

thread_local! {
    static CURRENT: RefCell<Option<RequestContext>> = const { RefCell::new(None) };
}

const MAX_ROUTE: usize = 256;
/// Claims of a token, as everywhere in the family.
const MAX_CLAIM: usize = 128;
