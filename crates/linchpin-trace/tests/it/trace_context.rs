//! The rules of W3C Trace Context, row by row as the specification's harness asks for them.

use linchpin_trace::{TraceContext, TraceState};

const TRACE: &str = "12345678901234567890123456789012";
const GOOD: &str = "00-12345678901234567890123456789012-1234567890123456-01";

fn parse(traceparent: &[&str], tracestate: &[&str]) -> Option<TraceContext> {
    TraceContext::parse(
        traceparent.iter().map(|value| value.as_bytes()),
        tracestate.iter().map(|value| value.as_bytes()),
    )
}

fn state(values: &[&str]) -> String {
    parse(&[GOOD], values).unwrap().state().to_string()
}

#[test]
fn a_good_traceparent_continues_the_trace() {
    let future = "cc-12345678901234567890123456789012-1234567890123456-01";
    let rows = [
        GOOD.to_owned(),
        format!(" {GOOD}"),
        format!("\t{GOOD}"),
        format!("{GOOD} "),
        format!("{GOOD}\t"),
        format!("\t {GOOD} \t"),
        future.to_owned(),
        format!("{future}-what-the-future-will-be-like"),
        format!("{future}-"),
        GOOD.replace("-01", "-ff"),
    ];
    for row in rows {
        let context = parse(&[&row], &[]).unwrap_or_else(|| panic!("{row:?} restarts"));
        assert_eq!(context.trace_id().to_string(), TRACE, "{row:?}");
        assert_eq!(context.span_id().to_string(), "1234567890123456");
        assert!(context.is_sampled());

        let child = context.child().to_traceparent();
        assert!(child.starts_with(&format!("00-{TRACE}-")), "{child}");
        assert!(!child.contains("1234567890123456-0"), "the child keeps its parent's id: {child}");
    }
}

#[test]
fn a_bad_traceparent_restarts_the_trace_and_takes_the_state_along() {
    let future = "cc-12345678901234567890123456789012-1234567890123456-01";
    let rows = [
        String::new(),
        "00".to_owned(),
        GOOD[..54].to_owned(),
        format!("{GOOD}-"),
        format!("{GOOD}-what-the-future-will-be-like"),
        format!("{GOOD}0"),
        GOOD.replace("00-", "ff-"),
        GOOD.replace("00-", ".0-"),
        GOOD.replace("00-", "0.-"),
        GOOD.replace("00-", "0-"),
        GOOD.replace("00-", "000-"),
        GOOD.replace("00-", "0A-"),
        format!("{future}.what-the-future-will-not-be-like"),
        format!("{future}0"),
        // The ids: zero, too short, too long, of wrong characters.
        GOOD.replace(TRACE, &"0".repeat(32)),
        GOOD.replace("-1234567890123456-", "-0000000000000000-"),
        GOOD.replace(TRACE, &TRACE[..31]),
        GOOD.replace(TRACE, &format!("{TRACE}3")),
        GOOD.replace("90123456-", "9012345-"),
        GOOD.replace("90123456-", "901234567-"),
        GOOD.replace(TRACE, ".2345678901234567890123456789012"),
        GOOD.replace(TRACE, "1234567890123456789012345678901."),
        GOOD.replace(TRACE, "ABCDEF78901234567890123456789012"),
        GOOD.replace("-1234567890123456-", "-.234567890123456-"),
        GOOD.replace("-1234567890123456-", "-123456789012345.-"),
        GOOD.replace("-1234567890123456-", "-ABCDEF7890123456-"),
        // The flags, and the dashes.
        GOOD.replace("-01", "-.0"),
        GOOD.replace("-01", "-0."),
        GOOD.replace("-01", "-1"),
        GOOD.replace("-01", "-001"),
        GOOD.replace("-01", "-0A"),
        GOOD.replace('-', "_"),
        GOOD.replace("56-01", "56_01"),
        format!("\u{e4}{GOOD}"),
        "0".repeat(64 * 1024),
    ];
    for row in rows {
        assert_eq!(parse(&[&row], &["foo=1"]), None, "{:?}", &row[..row.len().min(80)]);
    }
}

#[test]
fn two_traceparents_are_none_even_if_they_agree() {
    assert_eq!(parse(&[GOOD, GOOD], &["foo=1"]), None);
    assert_eq!(parse(&[], &["foo=1"]), None);
    assert_eq!(parse(&[GOOD, "junk"], &[]), None);
    let many = [GOOD; 200];
    assert_eq!(parse(&many, &[]), None);
}

#[test]
fn known_flags_are_kept_and_unknown_ones_are_not_passed_on() {
    let flags = |flags: &str| {
        let sent = GOOD.replace("-01", &format!("-{flags}"));
        parse(&[&sent], &[]).unwrap().child().to_traceparent()[53..].to_owned()
    };

    assert_eq!([flags("00"), flags("01"), flags("02"), flags("03")], ["00", "01", "02", "03"]);
    assert_eq!([flags("04"), flags("fd"), flags("ff")], ["00", "01", "03"]);
    assert!(TraceContext::root(true).to_traceparent().ends_with("-03"));
    assert!(TraceContext::root(false).to_traceparent().ends_with("-02"));
}

#[test]
fn a_good_tracestate_is_kept_in_order() {
    let long_key = "z".repeat(256);
    let long_tenant = format!("{}@{}", "t".repeat(241), "v".repeat(14));
    let long_value = "0".repeat(256);
    let full: Vec<String> = (1..=32).map(|i| format!("bar{i:02}={i:02}")).collect();
    let full = full.join(",");
    let rows: &[(&[&str], &str)] = &[
        (&["foo=1,bar=2"], "foo=1,bar=2"),
        (&["foo=1", "bar=2"], "foo=1,bar=2"),
        (&["foo=1", ""], "foo=1"),
        (&["", "foo=1"], "foo=1"),
        (&["foo=1,"], "foo=1"),
        (&[",foo=1,,bar=2,"], "foo=1,bar=2"),
        (&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        (&[" foo=1"], "foo=1"),
        (&["\tfoo=1\t"], "foo=1"),
        (&["a0_-*/=1"], "a0_-*/=1"),
        (&["0a@a=1"], "0a@a=1"),
        (&["foo= a b"], "foo= a b"),
        (&["foo=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"], "foo=!\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"),
        (&[&format!("{long_key}=1")], &format!("{long_key}=1")),
        (&[&format!("{long_tenant}=1")], &format!("{long_tenant}=1")),
        (&[&format!("foo={long_value}")], &format!("foo={long_value}")),
        (&[&full], &full),
    ];
    for (sent, kept) in rows {
        assert_eq!(state(sent), *kept, "{sent:?}");
    }
}

#[test]
fn a_bad_tracestate_is_dropped_as_a_whole_and_the_trace_goes_on() {
    let too_many: Vec<String> = (1..=33).map(|i| format!("bar{i:02}={i:02}")).collect();
    let huge = "a=1,".repeat(16 * 1024);
    let rows = [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "0foo=1",
        "foo@0bar=1",
        "-foo=1",
        "=1",
        "foo",
        "foo=",
        "foo=,bar=3",
        "foo=bar=baz",
        "foo=1\u{1}",
        "foo=\u{e4}",
        "foo=1;bar=2=3",
        "foo=1,foo=2,bar=3",
        "foo=1,bar=3,foo=1",
        "rojo=1",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("{}=1", "z".repeat(257)),
        format!("{}@v=1", "t".repeat(242)),
        format!("t@{}=1", "v".repeat(15)),
        format!("foo={}", "0".repeat(257)),
        too_many.join(","),
        format!("{huge}b="),
    ]);
    for row in rows {
        assert_eq!(state(&["rojo=1", &row]), "", "{:?}", &row[..row.len().min(80)]);
    }
    let (first, second) = too_many.split_at(16);
    assert_eq!(state(&[&first.join(","), &second.join(",")]), "", "33 members over two headers");
}

#[test]
fn a_vendor_that_changes_its_own_note_moves_it_to_the_front() {
    let state = TraceState::parse([b"rojo=1,congo=2,acme=3".as_slice()]);

    assert_eq!(state.with("acme", "9").unwrap().to_string(), "acme=9,rojo=1,congo=2");
    assert_eq!(state.with("new", "4").unwrap().to_string(), "new=4,rojo=1,congo=2,acme=3");
    assert_eq!(state.without("congo").to_string(), "rojo=1,acme=3");
    assert!(
        state.with("Bad", "1").is_err() && state.with("a", "").is_err() && state.with("a", "x,y=z").is_err()
    );

    let full: Vec<String> = (1..=32).map(|i| format!("bar{i:02}={i:02}")).collect();
    let full = TraceState::parse([full.join(",").as_bytes()]).with("own", "1").unwrap();
    assert_eq!((full.iter().count(), full.value("bar31"), full.value("bar32")), (32, Some("31"), None));
}

#[test]
fn outgoing_headers_carry_the_state_only_if_there_is_one() {
    let with = parse(&[GOOD], &["foo=1"]).unwrap();
    let without = TraceContext::root(true);

    assert_eq!(
        with.headers().collect::<Vec<_>>(),
        [("traceparent", GOOD.to_owned()), ("tracestate", "foo=1".to_owned())]
    );
    assert_eq!(without.headers().map(|(name, _)| name).collect::<Vec<_>>(), ["traceparent"]);
}
