//! What does it cost to observe a request: its ids, its span, its access line?

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use linchpin_trace::{LogFormat, Logs, Observer, RequestHead};
use tracing_subscriber::layer::SubscriberExt;

fn observe(c: &mut Criterion) {
    let observer = Observer::new("grades");
    let headers: [(&str, &[u8]); 6] = [
        ("host", b"grades.example"),
        ("user-agent", b"curl/8.5.0"),
        ("accept", b"*/*"),
        ("x-request-id", b"0199f3a0-7c1e-7d52-9a50-5a8f3f8c2b11"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    ];
    let request = |headers: &[(&'static str, &'static [u8])]| {
        let head = RequestHead::new("GET", "/grades/7").peer([192, 0, 2, 7].into());
        let observation = observer.begin(head, headers.iter().copied());
        observation.context().set_route("/grades/{id}");
        observation.enter(|| black_box(()));
        observation.respond(200);
        observation.count(42);
        observation.complete();
    };
    let log = |format| {
        let sink = |line: &[u8]| {
            black_box(line);
        };
        let (layer, _) = Logs::new("info").unwrap().format(format).sink(sink).layer();
        tracing_subscriber::registry().with(layer)
    };

    let mut group = c.benchmark_group("observe");
    group.bench_function("nobody listens", |b| b.iter(|| request(&headers)));
    group.bench_function("nobody listens, ids minted", |b| b.iter(|| request(&headers[..3])));
    for (name, format) in [("line as JSON", LogFormat::Json), ("line as text", LogFormat::Text)] {
        tracing::subscriber::with_default(log(format), || {
            group.bench_function(name, |b| b.iter(|| request(&headers)));
        });
    }
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
