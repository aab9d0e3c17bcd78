//! The rules of W3C Trace Context, as requests to `/relay-many` whose calls are looked at.
//!
//! The cases bear the names of those in the specification's own harness (<https://github.com/w3c/trace-context/tree/main/test>),
//! and hold at its strictest level.

use std::collections::HashSet;

use linchpin_test::{ScriptedUpstream, SentRequest};
use serde_json::json;

use super::{Service, exchange, started};

/// What is sent, as lines of headers, and what the call that follows has to carry.
struct Case {
    /// The harness's name for it.
    name: &'static str,
    lines: Vec<String>,
    trace: Trace,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum Trace {
    /// The one that was sent.
    Continued,
    /// A new one.
    New,
}

#[derive(Clone, Debug)]
enum State {
    /// What was sent, members in their order.
    Kept(String),
    /// Nothing.
    Dropped,
}

fn cases() -> Vec<Case> {
    use Trace::{Continued, New};
    let mut cases = Vec::new();
    let mut add = |name, lines: &[&str], trace, state| {
        cases.push(Case { name, lines: lines.iter().map(|line| (*line).to_owned()).collect(), trace, state });
    };

    add("both_traceparent_and_tracestate_missing", &[], New, State::Dropped);
    let mut parent = |name, line: &str, trace| add(name, &[line], trace, State::Dropped);
    parent("traceparent_included_tracestate_missing", &good(), Continued);
    for header in ["trace-parent", "trace.parent"] {
        parent("traceparent_header_name", &format!("{header}: {PARENT}"), New);
    }
    for header in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        parent("traceparent_header_name_valid_casing", &format!("{header}: {PARENT}"), Continued);
    }
    for (name, value, trace) in [
        ("traceparent_version_0x00", format!("{PARENT}."), New),
        ("traceparent_version_0x00", format!("{PARENT}-what-the-future-will-be-like"), New),
        ("traceparent_version_0xcc", version("cc"), Continued),
        ("traceparent_version_0xcc", format!("{}-what-the-future-will-be-like", version("cc")), Continued),
        ("traceparent_version_0xcc", format!("{}.what-the-future-will-be-like", version("cc")), New),
        ("traceparent_version_0xff", version("ff"), New),
        ("traceparent_version_illegal_characters", version(".0"), New),
        ("traceparent_version_illegal_characters", version("0."), New),
        ("traceparent_version_too_long", version("000"), New),
        ("traceparent_version_too_long", version("0000"), New),
        ("traceparent_version_too_short", version("0"), New),
        ("traceparent_trace_id_all_zero", with(&"0".repeat(32), SPAN, "01"), New),
        ("traceparent_trace_id_illegal_characters", with(&format!(".{}", &ID[1..]), SPAN, "01"), New),
        ("traceparent_trace_id_illegal_characters", with(&format!("{}.", &ID[..31]), SPAN, "01"), New),
        ("traceparent_trace_id_too_long", with(&format!("{ID}3"), SPAN, "01"), New),
        ("traceparent_trace_id_too_short", with(&ID[..31], SPAN, "01"), New),
        ("traceparent_parent_id_all_zero", with(ID, &"0".repeat(16), "01"), New),
        ("traceparent_parent_id_illegal_characters", with(ID, &format!(".{}", &SPAN[1..]), "01"), New),
        ("traceparent_parent_id_illegal_characters", with(ID, &format!("{}.", &SPAN[..15]), "01"), New),
        ("traceparent_parent_id_too_long", with(ID, &format!("{SPAN}7"), "01"), New),
        ("traceparent_parent_id_too_short", with(ID, &SPAN[..15], "01"), New),
        ("traceparent_trace_flags_illegal_characters", with(ID, SPAN, ".0"), New),
        ("traceparent_trace_flags_illegal_characters", with(ID, SPAN, "0."), New),
        ("traceparent_trace_flags_too_long", with(ID, SPAN, "001"), New),
        ("traceparent_trace_flags_too_short", with(ID, SPAN, "1"), New),
        ("traceparent_ows_handling", format!(" {PARENT}"), Continued),
        ("traceparent_ows_handling", format!("\t{PARENT}"), Continued),
        ("traceparent_ows_handling", format!("{PARENT} "), Continued),
        ("traceparent_ows_handling", format!("{PARENT}\t"), Continued),
        ("traceparent_ows_handling", format!("\t {PARENT} \t"), Continued),
    ] {
        parent(name, &format!("traceparent:{value}"), trace);
    }
    let others =
        ["11", "12"].map(|end| format!("traceparent: {}", with(&format!("{}{end}", &ID[..30]), SPAN, "01")));
    add("traceparent_duplicated", &others.each_ref().map(String::as_str), New, State::Dropped);

    for state in ["foo=1", "foo=1,bar=2"] {
        add(
            "tracestate_included_traceparent_missing",
            &[&format!("tracestate: {state}")],
            New,
            State::Dropped,
        );
    }
    let mut state = |name, lines: &[&str], state| {
        let parent = good();
        let lines: Vec<&str> = std::iter::once(&*parent).chain(lines.iter().copied()).collect();
        add(name, &lines, Continued, state);
    };
    let kept = |state: &str| State::Kept(state.to_owned());
    state("tracestate_included_traceparent_included", &["tracestate: foo=1,bar=2"], kept("foo=1,bar=2"));
    for header in ["trace-state", "trace.state"] {
        state("tracestate_header_name", &[&format!("{header}: foo=1")], State::Dropped);
    }
    for header in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        state("tracestate_header_name_valid_casing", &[&format!("{header}: foo=1")], kept("foo=1"));
    }
    state("tracestate_empty_header", &["tracestate: "], State::Dropped);
    state("tracestate_empty_header", &["tracestate: foo=1", "tracestate: "], kept("foo=1"));
    state("tracestate_empty_header", &["tracestate: ", "tracestate: foo=1"], kept("foo=1"));
    state(
        "tracestate_multiple_headers_different_keys",
        &["tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2", "tracestate: baz=3"],
        kept("foo=1,bar=2,rojo=1,congo=2,baz=3"),
    );
    for lines in [
        ["tracestate: foo=1,foo=1"].as_slice(),
        &["tracestate: foo=1,foo=2"],
        &["tracestate: foo=1", "tracestate: foo=1"],
        &["tracestate: foo=1", "tracestate: foo=2"],
    ] {
        state("tracestate_duplicated_keys", lines, State::Dropped);
    }
    let key: String = ('a'..='z').chain('0'..='9').chain("_-*/".chars()).collect();
    let value: String = (' '..='~').filter(|char| !matches!(char, ',' | '=')).collect();
    for key in [key.clone(), format!("{key}@a-z0-9_-*/")] {
        let member = format!("{key}={value}");
        state("tracestate_all_allowed_characters", &[&format!("tracestate: {member}")], kept(&member));
    }
    for member in ["foo=1 \t , \t bar=2, \t baz=3", "foo=1\t \t,\t \tbar=2,\t \tbaz=3"] {
        state("tracestate_ows_handling", &[&format!("tracestate: {member}")], kept("foo=1,bar=2,baz=3"));
    }
    for member in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        state("tracestate_ows_handling", &[&format!("tracestate:{member}")], kept("foo=1"));
    }
    for (name, members) in [
        ("tracestate_key_illegal_characters", ["foo =1", "FOO=1", "foo.bar=1"].as_slice()),
        (
            "tracestate_key_illegal_vendor_format",
            &["foo@=1,bar=2", "@foo=1,bar=2", "foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2"],
        ),
        ("tracestate_value_illegal_characters", &["foo=bar=baz", "foo=,bar=3"]),
    ] {
        for member in members {
            state(name, &[&format!("tracestate: {member}")], State::Dropped);
        }
    }
    let members: Vec<String> = (1..=33).map(|number| format!("bar{number:02}={number:02}")).collect();
    let in_lines = |count: usize| -> Vec<String> {
        members[..count].chunks(10).map(|chunk| format!("tracestate: {}", chunk.join(","))).collect()
    };
    for (count, expected) in [(32, kept(&members[..32].join(","))), (33, State::Dropped)] {
        let lines = in_lines(count);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        state("tracestate_member_count_limit", &lines, expected);
    }
    for (key, fits) in [
        ("z".repeat(256), true),
        ("z".repeat(257), false),
        (format!("{}@{}", "t".repeat(241), "v".repeat(14)), true),
        (format!("{}@v", "t".repeat(242)), false),
        (format!("t@{}", "v".repeat(15)), false),
    ] {
        let expected = if fits { kept(&format!("foo=1,{key}=1")) } else { State::Dropped };
        state(
            "tracestate_key_length_limit",
            &["tracestate: foo=1", &format!("tracestate: {key}=1")],
            expected,
        );
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_relay_many_carry_the_trace_as_the_specification_says() {
    let (_issuer, service) = started().await;
    let upstream = ScriptedUpstream::start().await.unwrap();
    let mut seen = HashSet::new();

    for Case { name, lines, trace, state } in cases() {
        let what = format!("test_{name}: {lines:?}");

        let [sent] = &*relay(&service, &upstream, &lines, 1) else { panic!("{what}: not one call") };

        let found = parent_of(sent, &what);
        assert!(seen.insert(found.span_id.clone()), "{what}: each call has an id of its own");
        let is_continued = found.trace_id == ID;
        assert_eq!(is_continued, matches!(trace, Trace::Continued), "{what}: {found:?}");
        if !is_continued {
            assert!(!lines.iter().any(|line| line.contains(&found.trace_id)), "{what}: {found:?}");
        }
        let states = sent.headers("tracestate");
        match state {
            State::Kept(state) => assert_eq!(states.join(","), state, "{what}"),
            State::Dropped => assert!(states.is_empty(), "{what}: {states:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_are_of_one_trace_and_each_has_an_id_of_its_own() {
    let (_issuer, service) = started().await;
    let upstream = ScriptedUpstream::start().await.unwrap();
    let zero = format!("traceparent: {}", with(&"0".repeat(32), SPAN, "01"));

    for (name, lines, is_continued) in [
        ("multiple_requests_with_valid_traceparent", vec![good()], true),
        ("multiple_requests_without_traceparent", vec![], false),
        ("multiple_requests_with_illegal_traceparent", vec![zero], false),
    ] {
        let sent = relay(&service, &upstream, &lines, 3);

        let parents: Vec<_> = sent.iter().map(|sent| parent_of(sent, name)).collect();
        let of = |part: fn(&Parent) -> &String| parents.iter().map(part).collect::<HashSet<_>>();
        assert_eq!(of(|parent| &parent.span_id).len(), 3, "{name}");
        assert_eq!(of(|parent| &parent.trace_id).len(), 1, "{name}");
        assert_eq!(parents[0].trace_id == ID, is_continued, "{name}");
    }
}

/// Has the service make so many calls, and returns them.
fn relay(service: &Service, upstream: &ScriptedUpstream, lines: &[String], count: usize) -> Vec<SentRequest> {
    let calls: Vec<_> = (0..count)
        .map(|number| json!({"url": format!("{}/{number}", upstream.url()), "arguments": []}))
        .collect();
    let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
    lines.extend([b"host: x".to_vec(), b"content-type: application/json".to_vec()]);
    let (status, answer) = exchange(service, "POST /relay-many", &lines, json!(calls).to_string().as_bytes());
    assert_eq!(status, 200, "{lines:?}: {answer}");
    upstream.take_requests()
}

#[derive(Debug)]
struct Parent {
    trace_id: String,
    span_id: String,
}

/// What the one valid `traceparent` of a call says.
fn parent_of(sent: &SentRequest, what: &str) -> Parent {
    let value = sent.header("traceparent").unwrap_or_else(|| panic!("{what}: no traceparent"));
    let [version, trace_id, span_id, flags] = value.split('-').collect::<Vec<_>>()[..] else {
        panic!("{what}: {value}");
    };
    let is_id = |text: &str, length| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == length && text.bytes().all(is_hex) && text.bytes().any(|byte| byte != b'0')
    };
    assert!(
        version == "00" && is_id(trace_id, 32) && is_id(span_id, 16) && flags.len() == 2,
        "{what}: {value}"
    );
    assert_ne!(span_id, SPAN, "{what}");
    Parent { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() }
}

fn good() -> String {
    format!("traceparent: {PARENT}")
}

fn version(version: &str) -> String {
    format!("{version}{}", &PARENT[2..])
}

fn with(trace_id: &str, span_id: &str, flags: &str) -> String {
    format!("00-{trace_id}-{span_id}-{flags}")
}

const ID: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";
const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-01";
