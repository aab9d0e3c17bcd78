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
        let mut add = |name: HeaderName, value: &str| {
            // All of these are made of characters that headers may hold.
            if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        add(X_REQUEST_ID, context.request_id().as_str());
        for (name, value) in trace.headers() {
            add(HeaderName::from_static(name), &value);
        }
        if context.deadline().is_some() {
            add(self.timeout_header.clone(), &left.as_millis().to_string());
        }
        if !self.baggage.is_empty() && !context.baggage().is_empty() {
            let mut baggage = context.baggage().clone();
            baggage.retain(|name| self.baggage.iter().any(|allowed| **allowed == *name));
            if !baggage.is_empty() {
                add(BAGGAGE, &baggage.to_string());
            }
        }
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
