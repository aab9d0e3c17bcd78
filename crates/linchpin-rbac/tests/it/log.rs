//! One line for each decision, with names only where they are switched on.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use linchpin_core::{Caller, Role};
use linchpin_rbac::{
    ContextReq, EngineDecision, EngineFuture, PolicyDoor, PolicyEngine, PolicyQuestion, Rbac, Resource,
    open_edx::{Access, Asked},
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn logged(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn ann() -> Caller {
    Caller::builder("https://id.example")
        .subject("ann")
        .roles(["staff:p\nl\u{202e}ace", "x"].map(Role::new))
        .build()
}

fn staff() -> linchpin_rbac::RbacBuilder {
    Rbac::builder(["reader"]).system_role("staff", ["reader"])
}

#[test]
fn a_decision_is_one_line_without_names() {
    let rbac = staff().build().unwrap();
    let ann = ann();

    let lines = logged(|| {
        rbac.decide(&ann, "reader", "p\nl\u{202e}ace").assert_granted();
        let _ = rbac.decide(&ann, "reader", "elsewhere");
        let _ = rbac.contexts(&ann, "reader");
    });

    assert_eq!(
        lines,
        [
            r#"DEBUG linchpin_rbac::rbac: decision="granted" feature_role="reader" rule="same_context" source="token""#,
            r#"INFO linchpin_rbac::rbac: decision="denied" feature_role="reader" why_not="other_context" roles=2 unknown_roles=1"#,
            r#"DEBUG linchpin_rbac::rbac: decision="granted" feature_role="reader" rule="any_context" source="token""#,
        ]
    );
}

#[test]
fn names_that_are_switched_on_are_escaped_and_capped() {
    let rbac = staff().log_names().build().unwrap();
    let ann = ann();
    let long = "я".repeat(5000);

    let lines = logged(|| {
        rbac.decide(&ann, "reader", "p\nl\u{202e}ace").assert_granted();
        let _ = rbac.decide(&ann, "reader", long.as_str());
    });

    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].ends_with(r"role=staff:p\nl\u{202e}ace context=context p\nl\u{202e}ace"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains(r"context=context \u{44f}") && lines[1].len() < 300, "{}", lines[1]);
}

#[test]
fn a_feature_role_that_is_not_declared_is_an_error_event() {
    let rbac = staff().build().unwrap();
    let ann = ann();

    let lines = logged(|| drop(rbac.require(&ann, "raeder", ContextReq::Any)));

    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("ERROR") && lines[0].contains("feature_role=raeder"), "{}", lines[0]);
}

#[test]
fn rules_of_open_edx_write_one_line_however_many_they_are() {
    let rbac = staff().build().unwrap();
    let ann = ann();
    let course = "course-v1:a+b+c".parse().unwrap();
    let access = Access::any_of([Access::staff(), Access::feature_role(&rbac, "reader")]);

    let lines = logged(|| {
        let decision = access.decide(Asked::by(&ann).course(&course));
        assert!(decision.explain().starts_with("denied: "));
    });

    assert_eq!(
        lines,
        [
            r#"INFO linchpin_rbac::open_edx::access: decision="denied" policy="open_edx" why_not="insufficient_role""#
        ]
    );
}

/// Allows what it is told to, for a reason that somebody else has written.
struct Told(bool);

impl PolicyEngine for Told {
    fn evaluate<'a>(&'a self, _: PolicyQuestion<'a>) -> EngineFuture<'a> {
        let reason = "line\nbreak";
        let decision = if self.0 { EngineDecision::allow(reason) } else { EngineDecision::deny(reason) };
        Box::pin(async move { Ok(decision) })
    }
}

#[test]
fn the_reasons_of_an_engine_are_logged_where_they_are_switched_on() {
    let ann = ann();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ask = |door: &PolicyDoor| {
        logged(|| {
            let question = PolicyQuestion::new(&ann, "read", Resource::new("Report", "r-7"));
            drop(runtime.block_on(door.decide(question)));
        })
    };

    assert_eq!(
        ask(&PolicyDoor::new(Told(true))),
        [r#"DEBUG linchpin_rbac::engine: decision="granted" action=read resource=Report"#]
    );
    assert_eq!(
        ask(&PolicyDoor::new(Told(false)).log_reasons()),
        [r#"INFO linchpin_rbac::engine: decision="denied" action=read resource=Report reason=line\nbreak"#]
    );
}
