//! Any bytes as `traceparent`, one a line, and after an empty line as `tracestate`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linchpin_trace::TraceContext;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == b'\n');
    let parents: Vec<&[u8]> = parts.by_ref().take_while(|line| !line.is_empty()).collect();
    let states: Vec<&[u8]> = parts.collect();
    let Some(context) = TraceContext::parse(parents.iter().copied(), states.iter().copied()) else { return };

    assert_eq!(parents.len(), 1, "several values are one parent");
    assert!(context.trace_id().to_bytes() != [0; 16] && context.span_id().to_bytes() != [0; 8]);
    assert!(context.state().iter().count() <= 32);
    // What we would send means the same to who reads it.
    let headers: Vec<_> = context.headers().collect();
    let value =
        |name| headers.iter().filter(move |header| header.0 == name).map(|header| header.1.as_bytes());
    assert_eq!(TraceContext::parse(value("traceparent"), value("tracestate")), Some(context));
});
