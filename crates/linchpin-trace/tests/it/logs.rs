//! Lines: their form, their level, and what cannot be done to them.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex},
};

use linchpin_trace::{LogFormat, Logs, Sensitive};
use serde_json::json;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt};

use crate::support::{begin, json, lines, observer};

/// Ends lines, moves the cursor, forges fields, hides text.
const HOSTILE: &str = "a\r\n{\"level\":\"ERROR\"} status=200 \x1b[2J\u{85}\u{2028}\u{202e}\u{7f}\0 \"b\\";

fn text(level: &str, work: impl FnOnce()) -> Vec<String> {
    lines(level, LogFormat::Text, |_| work())
}

#[test]
fn json_keeps_types_and_holds_whatever_comes() {
    let lines = json("info", || {
        tracing::info!(
            number = -1, big = u64::MAX, ratio = 0.5, strange = f64::INFINITY, flag = true, text = HOSTILE,
            shown = ?HOSTILE, nothing = Option::<u8>::None, "{}", HOSTILE
        );
    });

    let line = &lines[0];
    assert_eq!((&line["number"], &line["big"], &line["ratio"]), (&json!(-1), &json!(u64::MAX), &json!(0.5)));
    assert_eq!((&line["strange"], &line["flag"], line.get("nothing")), (&json!(null), &json!(true), None));
    assert_eq!((line["text"].as_str(), line["message"].as_str()), (Some(HOSTILE), Some(HOSTILE)));
    assert_eq!(line["shown"], format!("{HOSTILE:?}"));
}

#[test]
fn two_logs_of_one_subscriber_write_the_fields_of_spans_each_in_its_form() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let layers = [LogFormat::Json, LogFormat::Text, LogFormat::Json].map(|format| {
        let written = written.clone();
        let logs = Logs::new("info").unwrap().format(format);
        let logs =
            logs.sink(move |line| written.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap()));
        logs.layer::<Registry>().0.boxed()
    });

    tracing::subscriber::with_default(tracing_subscriber::registry().with(Vec::from(layers)), || {
        let span = tracing::info_span!("load", course = "x", rows = tracing::field::Empty);
        span.record("rows", 7);
        span.in_scope(|| tracing::info!("loaded"));
    });

    let written = written.lock().unwrap();
    let [json, text, again] = &written[..] else { panic!("{written:?}") };
    for json in [json, again] {
        assert!(json.contains(r#""spans":[{"name":"load","course":"x","rows":7}]"#), "{json}");
    }
    assert!(text.contains("load: course=x rows=7"), "{text}");
}

#[test]
fn nothing_in_a_line_is_raw_in_either_form() {
    let (observer, _) = observer();
    let work = || {
        let span = tracing::info_span!("of the user", text = HOSTILE);
        let observation = begin(&observer, HOSTILE, &[("x-request-id", HOSTILE), ("baggage", HOSTILE)]);
        observation.enter(|| {
            linchpin_trace::set_attribute("text", HOSTILE);
            span.in_scope(|| tracing::warn!(target: "bad\ntarget\x1b", text = HOSTILE, "{}", HOSTILE));
        });
        observation.context().set_route(HOSTILE);
        observation.complete();
    };

    for format in [LogFormat::Json, LogFormat::Text] {
        let lines = lines("trace", format, |_| work());
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in &lines {
            let line = line.strip_suffix('\n').unwrap();
            let is_raw = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{202e}');
            assert!(!line.contains(is_raw), "{line:?}");
        }
    }
}

#[test]
fn text_is_read_at_a_glance_and_a_value_forges_no_field() {
    let lines = text("info", || {
        tracing::warn!(target: "grades", status = 200, who = "ann lee", fake = "x status=500", empty = "", "saved");
    });

    assert_eq!(
        lines,
        [
            "2026-01-01T00:00:00.000000Z  WARN grades: saved status=200 who=\"ann lee\" fake=\"x status=500\" empty=\"\"\n"
        ]
    );
}

#[test]
fn a_name_that_the_line_has_already_is_moved_aside() {
    let lines = json("info", || tracing::info!(timestamp = 1, level = "x", request_id = "forged", "m"));

    assert_eq!((&lines[0]["level"], lines[0].get("request_id")), (&json!("INFO"), None));
    assert_eq!((&lines[0]["field.level"], &lines[0]["field.request_id"]), (&json!("x"), &json!("forged")));
}

#[test]
fn attributes_of_somebody_else_are_text() {
    let lines = json("info", || {
        tracing::info!(target: "linchpin::access", attributes = r#"{"a":1},"level":"x""#, "forged");
    });

    assert_eq!(lines[0]["attributes"], r#"{"a":1},"level":"x""#);
}

#[test]
fn long_values_are_cut_and_long_lines_take_no_more() {
    let long = "é".repeat(1_000_000);

    let lines = json("info", || {
        tracing::info!(
            a = long,
            b = long,
            c = long,
            d = long,
            e = long,
            f = long,
            g = long,
            h = long,
            i = long,
            j = long,
            "m"
        );
    });

    assert!(lines[0]["a"].as_str().unwrap().len() <= 8 * 1024 + 3);
    assert!(lines[0]["a"].as_str().unwrap().ends_with('…'));
    assert!(lines[0].get("j").is_none() && lines[0].to_string().len() < 80 * 1024);
}

#[test]
fn spans_of_the_user_stand_on_the_line_outermost_first() {
    let lines = json("info", || {
        let outer = tracing::info_span!("outer", a = 1, name = "n", late = tracing::field::Empty);
        outer.in_scope(|| {
            outer.record("late", true);
            tracing::info_span!("inner").in_scope(|| tracing::info!("m"));
        });
    });

    assert_eq!(
        lines[0]["spans"],
        json!([{"name": "outer", "a": 1, "field.name": "n", "late": true}, {"name": "inner"}])
    );
}

#[test]
fn lines_of_a_request_carry_its_ids_once() {
    let (observer, _) = observer();

    let lines = json("info", || {
        let observation = begin(&observer, "/", &[("x-request-id", "abc")]);
        observation.enter(|| tracing::info!("inside"));
        let span = observation.enter(tracing::Span::current);
        span.in_scope(|| tracing::info!("by its span alone"));
        tracing::info!("outside");
        observation.complete();
    });

    assert_eq!((&lines[0]["request_id"], &lines[1]["request_id"]), (&json!("abc"), &json!("abc")));
    assert_eq!(lines[0]["trace_id"], lines[1]["trace_id"]);
    assert!(lines[2].get("request_id").is_none());
    assert!(lines.iter().all(|line| line.get("spans").is_none()));
}

#[test]
fn the_level_changes_at_run_time() {
    let lines = lines("warn", LogFormat::Json, |handle| {
        tracing::info!("first");
        handle.set_level("debug").unwrap();
        tracing::debug!("second");
        assert!(handle.set_level("wrng").is_err());
        tracing::debug!("third");
        handle.set_level("off").unwrap();
        tracing::error!("fourth");
    });

    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("second") && lines[1].contains("third"));
}

#[test]
fn wrong_variables_are_reported_together_and_empty_ones_are_unset() {
    let read =
        |vars: &[(&str, &str)]| Logs::from_vars(vars.iter().map(|(name, value)| (name.into(), value.into())));

    let error = read(&[("RUST_LOG", "inof"), ("LOG_FORMAT", "xml"), ("OTHER", "x")]).unwrap_err();

    let settings: Vec<_> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["RUST_LOG", "LOG_FORMAT"], "{error}");
    for bad in ["a=b=c", "hyper", "info,hyper", "[", "a=verbose"] {
        assert!(read(&[("RUST_LOG", bad)]).is_err(), "{bad}");
    }
    for good in ["", "info", "INFO,hyper=debug", "off", "grades::db=trace,warn"] {
        assert!(read(&[("RUST_LOG", good), ("LOG_FORMAT", "")]).is_ok(), "{good}");
    }
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug)]
    struct Outer(fmt::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    let error = Outer(fmt::Error);
    let lines = json("info", || tracing::info!(error = &error as &(dyn Error + 'static), "m"));

    assert_eq!(lines[0]["error"], format!("outer: {}", fmt::Error));
}

#[test]
fn a_value_that_logs_while_it_is_logged_does_not_break_the_line() {
    struct Chatty;

    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("meanwhile");
            f.write_str("chatty")
        }
    }

    let lines = json("info", || tracing::info!(value = ?Chatty, "m"));

    assert!(lines.iter().any(|line| line["value"] == "chatty"), "{lines:?}");
}

#[test]
fn a_sensitive_value_is_not_shown() {
    let secret = Sensitive::new("hunter2");

    let lines = lines("trace", LogFormat::Json, |_| tracing::info!(%secret, shown = ?secret, "{secret}"));

    assert!(!lines[0].contains("hunter2") && lines[0].contains("[redacted]"), "{lines:?}");
}
