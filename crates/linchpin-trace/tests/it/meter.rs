//! What a meter is told of requests, however they end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use linchpin_core::Reason;
use linchpin_trace::{AuthOutcome, MeterRequests, MeteredHead, Observer, RequestHead, RequestSummary};

use crate::support::{begin, observer};

/// Keeps what it is told, as text.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl MeterRequests for Told {
    fn began(&self, head: MeteredHead) {
        self.0.lock().unwrap().push(format!("began {} {}", head.method, head.scheme));
    }

    fn ended(&self, summary: &RequestSummary<'_>) {
        let RequestSummary { route, status, error, duration, request_bytes, response_bytes, .. } = summary;
        self.0.lock().unwrap().push(format!(
            "ended {route:?} {status:?} {error:?} {} {request_bytes:?} {response_bytes} {} {:?}",
            duration.as_millis(),
            summary.auth.as_str(),
            summary.auth.reason(),
        ));
    }
}

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn metered() -> (Observer, linchpin_core::FakeClock, Told) {
    let ((observer, clock), told) = (observer(), Told::default());
    (observer.meter(told.clone()), clock, told)
}

#[test]
fn a_request_is_told_at_its_beginning_and_with_all_that_is_known_at_its_end() {
    let (observer, clock, told) = metered();

    let observation = begin(&observer, "/grades/7", &[("content-length", "12")]);
    assert_eq!(told.take(), ["began GET http"]);
    observation.context().set_route("/grades/{id}");
    observation.context().refused(Reason::Expired);
    observation.respond(401);
    observation.count(40);
    observation.count(2);
    clock.advance(Duration::from_millis(30));
    observation.complete();

    assert_eq!(
        told.take(),
        [r#"ended Some("/grades/{id}") Some(401) None 30 Some(12) 42 refused Some("expired")"#]
    );
}

#[test]
fn a_cancelled_request_and_one_that_panics_end_too() {
    let (observer, _, told) = metered();

    drop(begin(&observer, "/", &[]));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let observation = begin(&observer, "/", &[]);
        observation.enter(|| panic!("planned"));
    }));

    assert!(panicked.is_err());
    let told = told.take();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[1], r#"ended None None Some("cancelled") 0 None 0 not_asked None"#);
    assert_eq!(told[3], r#"ended None None Some("panic") 0 None 0 not_asked None"#);
}

#[test]
fn methods_and_schemes_are_from_a_closed_list() {
    let (observer, _, told) = metered();

    for (method, scheme) in [("BREW", "gopher"), ("post", "https"), ("POST", "https")] {
        observer.begin(RequestHead::new(method, "/").scheme(scheme), []).complete();
    }

    let began: Vec<String> = told.take().into_iter().step_by(2).collect();
    assert_eq!(began, ["began _OTHER http", "began _OTHER https", "began POST https"]);
    assert_eq!(AuthOutcome::default().as_str(), "not_asked");
}

#[test]
fn a_size_that_is_no_number_or_comes_twice_is_not_known() {
    let (observer, _, told) = metered();
    let length = "content-length";

    for value in ["", "+1", "-1", "1.5", "one", "99999999999999999999999", "1, 1"] {
        begin(&observer, "/", &[(length, value)]).complete();
        assert!(told.take()[1].contains(" None 0 "), "{value}");
    }
    begin(&observer, "/", &[(length, "1"), (length, "1")]).complete();
    assert!(told.take()[1].contains(" None 0 "));
}
