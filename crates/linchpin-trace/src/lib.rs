//! What happened? Request id, trace context, client address, one span and one access line per request.
//!
//! This crate knows no web framework: an [`Observer`] is given the facts of a request and returns an [`Observation`], which
//! an adapter (`linchpin-tower`, `linchpin-axum`, `linchpin-actix`) enters around its work. It is apart so that frameworks,
//! background jobs and service clients share one notion of the current request. Nothing here depends on OpenTelemetry:
//! trace context and baggage are read and written by the specifications of the W3C, and spans go to [`tracing`].
//!
//! # Examples
//!
//! ```
//! use linchpin_trace::{Observer, RequestHead, increment};
//!
//! let observer = Observer::new("grades");
//! let headers = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".as_slice())];
//!
//! let observation = observer.begin(RequestHead::new("GET", "/grades"), headers);
//! observation.enter(|| increment("rows"));
//! assert_eq!(observation.context().trace().trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
//! observation.respond(200);
//! observation.complete();
//! ```
//!
//! # Features
//!
//! None.

mod attributes;
mod auth;
mod background;
mod baggage;
mod client_address;
mod context;
mod deadline;
mod forwarded;
mod head;
mod line;
mod logs;
mod meter;
mod network;
mod observation;
mod observer;
mod owners;
mod place;
mod random;
mod redact;
mod sampler;
mod server;
mod settings;
mod span;
mod text;
mod time;
mod trace_context;
mod trace_state;

pub use self::{
    attributes::AttributeValue,
    auth::AuthOutcome,
    background::{BackgroundTask, background_task},
    baggage::Baggage,
    client_address::{AddressHeader, ProxyTrust},
    context::{
        InContext, RequestContext, accumulate, in_current_context, increment, note_admitted, note_refused,
        set_attribute,
    },
    deadline::Deadline,
    head::RequestHead,
    logs::{LogFormat, LogHandle, Logs},
    meter::{MeterRequests, MeteredHead, RequestSummary},
    network::Network,
    observation::{ACCESS_TARGET, Observation},
    observer::{HealthChecks, Observer, RequestIdTrust},
    owners::CodeOwners,
    place::SpanPlace,
    random::mint_request_id,
    redact::{Sensitive, is_recordable_header},
    sampler::Sampler,
    settings::{SETTINGS, Setting},
    span::{SPAN_TARGET, outgoing_span},
    trace_context::{SpanId, TraceContext, TraceId},
    trace_state::{InvalidTraceState, TraceState},
};
