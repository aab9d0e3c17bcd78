//! Any bytes as the values of `baggage`, one a line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linchpin_trace::Baggage;

fuzz_target!(|bytes: &[u8]| {
    let baggage = Baggage::parse(bytes.split(|byte| *byte == b'\n'));

    let sent = baggage.to_string();
    assert!(baggage.iter().count() <= Baggage::MAX_MEMBERS && sent.len() <= Baggage::MAX_BYTES);
    assert!(sent.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{sent:?} is no header");
    assert!(Baggage::parse([sent.as_bytes()]) == baggage, "{sent:?} reads as something else");
});
