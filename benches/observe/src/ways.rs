//! The ways to observe a request.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use linchpin_tower::ObserveLayer;
use linchpin_trace::{LogFormat, Logs, Observer};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::{
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};
use tracing::Span;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Bare,
    Linchpin,
    TowerHttp,
}

impl Way {
    /// The one that the others are compared with comes first.
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Linchpin, Self::TowerHttp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "the service alone",
            Self::Linchpin => "linchpin: ObserveLayer and Logs",
            Self::TowerHttp => "tower-http: request id, TraceLayer, JSON",
        }
    }

    pub(crate) fn has_lines(self) -> bool {
        self != Self::Bare
    }

    /// Makes the log of the process, and counts its lines.
    pub(crate) fn log_to_nowhere(self) -> Sink {
        let sink = Sink::default();
        match self {
            Self::Bare => {}
            Self::Linchpin => {
                let counted = sink.clone();
                let logs = Logs::new("info").expect("a level").format(LogFormat::Json);
                logs.sink(move |line| counted.count(line)).init().expect("the only log");
            }
            Self::TowerHttp => {
                let json = tracing_subscriber::fmt().json().with_max_level(LevelFilter::INFO);
                json.with_writer(sink.clone()).init();
            }
        }
        sink
    }

    /// What makes so many requests, one after the other.
    pub(crate) fn requests(self) -> Box<dyn Fn(u32)> {
        match self {
            Self::Bare => Box::new(|count| run(service_fn(answer), count)),
            Self::Linchpin => {
                let layer = ObserveLayer::new(Observer::new("bench"));
                Box::new(move |count| run(layer.layer(service_fn(answer)), count))
            }
            Self::TowerHttp => Box::new(|count| {
                let span = |request: &Request<Full<Bytes>>| {
                    let id = request
                        .extensions()
                        .get::<RequestId>()
                        .and_then(|id| id.header_value().to_str().ok());
                    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), request_id = id)
                };
                let line = |response: &Response<Full<Bytes>>, taken: Duration, _: &Span| {
                    tracing::info!(
                        status = response.status().as_u16(),
                        duration_ms = taken.as_secs_f64() * 1e3,
                        "request"
                    );
                };
                let trace = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(line);
                let traced = trace.layer(PropagateRequestIdLayer::x_request_id().layer(service_fn(answer)));
                run(SetRequestIdLayer::x_request_id(MakeRequestUuid).layer(traced), count);
            }),
        }
    }
}

fn answer(_: Request<Full<Bytes>>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"the grades")))))
}

fn run<S, B>(mut service: S, count: u32)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: BodyExt + Unpin,
    B::Error: std::fmt::Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for _ in 0..count {
            let request = Request::get("/grades/7").header("host", "grades.example").header("accept", "*/*");
            let request = request.body(Full::default()).expect("a request");
            let Ok(response) = service.ready().await.expect("it is always ready").call(request).await;
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(body.len(), 10);
        }
    });
}

/// Counts lines, and keeps none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink {
    lines: Arc<AtomicU64>,
}

impl Sink {
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    fn count(&self, line: &[u8]) {
        if line.ends_with(b"\n") {
            self.lines.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
