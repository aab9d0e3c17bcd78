//! How a subscriber learns of a span's place in a trace.

use std::sync::{Arc, Mutex};

use linchpin_trace::{Sampler, SpanPlace, background_task, outgoing_span};
use tracing::{Subscriber, span};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

use crate::support::{begin, observer};

type Seen = Vec<(&'static str, Option<SpanPlace>)>;

#[derive(Clone, Default)]
struct Places(Arc<Mutex<Seen>>);

impl<S: Subscriber> Layer<S> for Places {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.0.lock().unwrap().push((attributes.metadata().name(), SpanPlace::opening()));
    }
}

fn places(work: impl FnOnce()) -> Seen {
    let places = Places::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(places.clone()), work);
    std::mem::take(&mut *places.0.lock().unwrap())
}

#[test]
fn requests_calls_and_jobs_have_a_place_and_other_spans_have_none() {
    let (observer, _) = observer();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (mut request, mut call) = (None, None);

    let seen = places(|| {
        let observation = begin(&observer, "/", &[("traceparent", traceparent)]);
        request = Some(observation.context().trace().clone());
        observation.enter(|| {
            tracing::info_span!("own").in_scope(|| ());
            let trace = observation.context().trace().child();
            drop(outgoing_span("GET", "grades.example", None, Some(&trace)));
            call = Some(trace);
            drop(background_task("job", async {}));
        });
    });

    let (request, call) = (request.unwrap(), call.unwrap());
    let names: Vec<_> = seen.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["request", "own", "call", "request"]);
    assert!(seen[1].1.is_none());
    let [served, called, job] = [0, 2, 3].map(|at| seen[at].1.unwrap());
    assert_eq!(served.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(served.parent.unwrap().to_string(), "b7ad6b7169203331");
    assert_eq!(served.span_id, request.span_id());
    assert_eq!((called.span_id, called.parent), (call.span_id(), Some(request.span_id())));
    assert_eq!((job.trace_id, job.parent), (request.trace_id(), Some(request.span_id())));
    assert!([served, called, job].iter().all(|place| place.is_sampled));
    assert!(SpanPlace::opening().is_none());
}

#[test]
fn a_trace_that_is_not_recorded_says_so() {
    let (observer, _) = observer();
    let observer = observer.sampler(Sampler::never());

    let seen = places(|| {
        begin(&observer, "/", &[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")])
            .complete();
    });

    assert!(!seen[0].1.unwrap().is_sampled);
}
