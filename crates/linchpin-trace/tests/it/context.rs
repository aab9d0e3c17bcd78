//! Attributes, and the request that work belongs to.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use linchpin_core::{Caller, Problem, Reason, RequestId};
use linchpin_trace::{
    AttributeValue, CodeOwners, RequestContext, Sampler, accumulate, background_task, in_current_context,
    increment, note_admitted, note_refused, set_attribute,
};
use serde_json::json;

use crate::support::{begin, json, observer};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending once, so that work goes on in a second poll.
async fn pause() {
    let mut is_second = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn attributes_stand_on_the_line_however_the_request_ends() {
    let (observer, _) = observer();
    type End = fn(linchpin_trace::Observation);
    let ends: [(&str, End); 3] = [
        ("completed", |observation| observation.complete()),
        ("service_error", |observation| observation.fail("service_error")),
        ("cancelled", drop),
    ];
    for (error, end) in ends {
        let lines = json("info", || {
            let observation = begin(&observer, "/grades", &[]);
            observation.enter(|| {
                set_attribute("course", "edX \"Demo\"\n");
                set_attribute("is_new", true);
                increment("misses");
                increment("misses");
                accumulate("ratio", 0.5);
                accumulate("ratio", 0.25);
            });
            observation.respond(200);
            end(observation);
        });

        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(
            line["attributes"],
            json!({"course": "edX \"Demo\"\n", "is_new": true, "misses": 2, "ratio": 0.75})
        );
        assert_eq!(line.get("error").and_then(|error| error.as_str()).unwrap_or("completed"), error);
    }
}

#[test]
fn a_wrong_type_is_warned_of_once_and_loses_nothing() {
    let (observer, _) = observer();

    let lines = json("info", || {
        let observation = begin(&observer, "/grades", &[]);
        observation.enter(|| {
            set_attribute("plan", "free");
            increment("plan");
            increment("plan");
            set_attribute("bad name", 1);
        });
        observation.complete();
    });

    let [warning, line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((warning["level"].as_str(), warning["attribute"].as_str()), (Some("WARN"), Some("plan")));
    assert_eq!((&line["attributes"], &line["attribute_errors"]), (&json!({"plan": "free"}), &json!(3)));
}

#[test]
fn outside_a_request_nothing_happens() {
    set_attribute("a", AttributeValue::Integer(1));
    increment("b");
    note_refused(Reason::Expired);
    note_admitted(None);

    assert!(RequestContext::current().is_none());
}

#[test]
fn a_spawned_task_takes_the_request_along_and_leaves_its_thread_clean() {
    let (observer, _) = observer();

    let lines = json("info", || {
        let observation = begin(&observer, "/grades", &[("x-request-id", "abc")]);
        let mut carried = observation.enter(|| {
            Box::pin(in_current_context(async {
                increment("before");
                pause().await;
                increment("after");
                tracing::info!("in the task");
                RequestId::current()
            }))
        });

        assert!(poll(carried.as_mut()).is_pending());
        assert!(RequestContext::current().is_none(), "between polls the thread belongs to nobody");
        let Poll::Ready(id) = poll(carried.as_mut()) else { panic!("pending") };
        assert_eq!(id.unwrap().as_str(), "abc");
        observation.complete();
    });

    assert_eq!(lines[0]["request_id"], "abc");
    assert_eq!(lines[1]["attributes"], json!({"before": 1, "after": 1}));
}

#[test]
fn requests_that_share_a_thread_do_not_mix() {
    let (observer, _) = observer();

    let lines = json("info", || {
        let (a, b) = (
            begin(&observer, "/a", &[("x-request-id", "a")]),
            begin(&observer, "/b", &[("x-request-id", "b")]),
        );
        for _ in 0..3 {
            a.enter(|| {
                increment("of_a");
                b.enter(|| increment("of_b"));
                tracing::info!("after the other");
            });
        }
        a.complete();
        b.complete();
    });

    assert!(lines[..3].iter().all(|line| line["request_id"] == "a"));
    assert_eq!(lines[3]["attributes"], json!({"of_a": 3}));
    assert_eq!(lines[4]["attributes"], json!({"of_b": 3}));
}

#[test]
fn a_background_task_has_a_line_with_ids_and_attributes() {
    let lines = json("info", || {
        let mut task = pin!(background_task("export", async {
            tracing::info!("working");
            pause().await;
            accumulate("rows", 12);
            7
        }));
        assert!(poll(task.as_mut()).is_pending());
        assert_eq!(poll(task.as_mut()), Poll::Ready(7));
    });

    let [working, line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (&line["task"], &line["attributes"], line.get("error")),
        (&json!("export"), &json!({"rows": 12}), None)
    );
    assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    assert_eq!((&line["request_id"], &line["trace_id"]), (&working["request_id"], &working["trace_id"]));
}

#[test]
fn a_background_task_of_an_observer_has_its_clock_and_its_owner() {
    let (observer, clock) = observer();
    let owners = CodeOwners::of([("*", "platform"), ("shop::cart", "@commerce")]).unwrap();
    let observer = observer.code_owners(owners).sampler(Sampler::never());

    let lines = json("info", || {
        let mut task = pin!(observer.background_task("export", async {
            clock.advance(Duration::from_secs(90));
            RequestContext::current().unwrap().trace().is_sampled()
        }));
        assert_eq!(poll(task.as_mut()), Poll::Ready(false));
        let mut task = pin!(observer.background_task("sweep", async {
            RequestContext::current().unwrap().set_module("shop::cart::sweep");
        }));
        assert!(poll(task.as_mut()).is_ready());
    });

    let [export, sweep] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&export["service"], &export["duration_ms"]), (&json!("grades"), &json!(90_000)));
    assert_eq!((&export["owner"], &sweep["owner"]), (&json!("platform"), &json!("@commerce")));
}

#[test]
fn a_background_task_that_is_dropped_or_panics_says_so() {
    let lines = json("info", || {
        let mut task = Box::pin(background_task("export", pause()));
        assert!(poll(task.as_mut()).is_pending());
        drop(task);

        let mut task = Box::pin(background_task("export", async { panic!("on purpose") }));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(task.as_mut())));
        assert!(caught.is_err());
        drop(task);
    });

    assert_eq!(lines.iter().map(|line| &line["error"]).collect::<Vec<_>>(), ["cancelled", "panic"]);
}

#[test]
fn a_background_task_of_a_request_stays_in_its_trace() {
    let (observer, _) = observer();

    let lines = json("info", || {
        let observation = begin(&observer, "/grades", &[("x-request-id", "abc")]);
        let mut task = observation.enter(|| Box::pin(background_task("mail", async {})));
        observation.complete();
        assert!(poll(task.as_mut()).is_ready());
    });

    let [request, task] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&task["request_id"], &task["trace_id"]), (&json!("abc"), &request["trace_id"]));
}

#[test]
fn the_outcome_of_authentication_is_told_by_issuer_and_client_alone() {
    let (observer, _) = observer();
    let issuer = format!("https://id.example/{}", "x".repeat(200));
    let caller = Caller::builder(issuer).subject("secret-subject").client_id("app\n1").build();

    let lines = json("trace", || {
        let observation = begin(&observer, "/grades", &[]);
        observation.enter(|| note_admitted(Some(&caller)));
        observation.respond(200);
        observation.complete();

        let observation = begin(&observer, "/grades", &[]);
        observation.enter(|| {
            note_admitted(None);
            note_refused(Reason::MissingCredential);
            let body = Problem::from(Reason::MissingCredential).into_answer().into_body();
            assert!(body.contains(observation.request_id().as_str()), "{body}");
        });
        observation.respond(401);
        observation.complete();
    });

    let [admitted, refused] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&admitted["auth"], &admitted["client_id"]), (&json!("authenticated"), &json!("app\n1")));
    assert_eq!(admitted["issuer"].as_str().unwrap().len(), 128);
    assert!(!admitted.to_string().contains("secret-subject"));
    assert_eq!((&refused["auth"], &refused["reason"]), (&json!("refused"), &json!("missing_credential")));
    assert!(refused.get("issuer").is_none());
}
