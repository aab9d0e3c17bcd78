//! What a call tells the upstream of the request that it belongs to.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use linchpin_trace::{RequestContext, TraceContext};

use crate::client::Shared;

impl Shared {
    /// Adds request id, trace context, the allowed baggage and the time that is left. What the request says itself stands.
    pub(crate) fn propagate(
        &self,
        headers: &mut HeaderMap,
        context: &RequestContext,
        trace: &TraceContext,
        left: Duration,
    ) {
        let mut add = |name: HeaderName, value: Result<HeaderValue, _>| {
            // All of these are made of characters that headers may hold.
            if let Ok(value) = value {
                headers.entry(name).or_insert(value);
            }
        };
        add(X_REQUEST_ID, HeaderValue::from_str(context.request_id().as_str()));
        for (name, value) in trace.headers() {
            add(HeaderName::from_static(name), HeaderValue::try_from(value));
        }
        if context.deadline().is_some() {
            // A call takes a day at most.
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            add(self.timeout_header.clone(), Ok(left.into()));
        }
        if !self.baggage.is_empty() && !context.baggage().is_empty() {
            let mut baggage = context.baggage().clone();
            baggage.retain(|name| self.baggage.iter().any(|allowed| **allowed == *name));
            if !baggage.is_empty() {
                add(BAGGAGE, HeaderValue::try_from(baggage.to_string()));
            }
        }
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
