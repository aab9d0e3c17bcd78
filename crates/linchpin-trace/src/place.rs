//! How a span's ids reach whoever records it, without being written down and read again.

use std::cell::Cell;

use crate::{RequestContext, SpanId, TraceContext, TraceId};

/// The place in a trace of a span that is being opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SpanPlace {
    /// The trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// The span that it hangs on, in this process or in the caller's.
    pub parent: Option<SpanId>,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

impl SpanPlace {
    /// The place of the span that is being opened on this thread, if it is one of this crate's own.
    ///
    /// It is for subscribers, within `new_span`: the spans of requests, outgoing calls and background tasks say here what
    /// else would have to be read back from their fields.
    pub fn opening() -> Option<Self> {
        OPENING.try_with(Cell::get).ok().flatten()
    }

    pub(crate) fn new(trace: &TraceContext, parent: Option<SpanId>) -> Self {
        let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
        Self { trace_id, span_id, parent, is_sampled: trace.is_sampled() }
    }

    /// The place of a call out of the current request.
    pub(crate) fn of_call(trace: &TraceContext) -> Self {
        let current = RequestContext::current();
        let parent = current.as_ref().map(RequestContext::trace);
        let parent = parent.filter(|parent| parent.trace_id() == trace.trace_id());
        Self::new(trace, parent.map(TraceContext::span_id))
    }

    /// Opens a span at this place.
    pub(crate) fn open<S>(self, open: impl FnOnce() -> S) -> S {
        struct Close;

        impl Drop for Close {
            fn drop(&mut self) {
                let _ = OPENING.try_with(|opening| opening.set(None));
            }
        }

        let _ = OPENING.try_with(|opening| opening.set(Some(self)));
        let _close = Close;
        open()
    }
}

thread_local! {
    static OPENING: Cell<Option<SpanPlace>> = const { Cell::new(None) };
}
