//! A real receiver of OTLP, collectors that misbehave, and the log of this process.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use linchpin_otel::Telemetry;
use linchpin_trace::{LogFormat, Logs, Observer, RequestHead};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::net::TcpListener;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// How a collector answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// As it should.
    Well,
    /// With this status, and a body of HTML.
    Status(u16),
    /// With status 200 and a page for people.
    Html,
    /// With status 200 and a body without end.
    Endless,
    /// That so many items are refused.
    Partial(i64),
    /// Never.
    Never,
}

/// A collector in a thread of its own.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    manner: Mutex<Manner>,
    requests: Mutex<Vec<Received>>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Collector {
    pub(crate) fn start(manner: Manner) -> Self {
        let inner = Arc::new(Inner { manner: Mutex::new(manner), requests: Mutex::default() });
        let (told, address) = std::sync::mpsc::channel();
        let state = inner.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, Router::new().fallback(receive).with_state(state)).await.unwrap();
            });
        });
        Self { address: address.recv().unwrap(), inner }
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.inner.manner.lock().unwrap() = manner;
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.inner.requests.lock().unwrap().clone()
    }

    /// All spans that have arrived, with the attributes of where they came from.
    pub(crate) fn spans(&self) -> Vec<(HashMap<String, String>, Span)> {
        let mut spans = Vec::new();
        for request in self.requests().into_iter().filter(|request| request.path == "/v1/traces") {
            let message = ExportTraceServiceRequest::decode(request.body).unwrap();
            for part in message.resource_spans {
                let resource = texts(&part.resource.unwrap().attributes);
                let all = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| (resource.clone(), span)));
            }
        }
        spans
    }
}

async fn receive(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    inner.requests.lock().unwrap().push(Received { path: uri.path().to_owned(), headers, body });
    let manner = inner.manner.lock().unwrap().clone();
    let answer = |rejected_spans| {
        let error_message = "no\nroom".to_owned();
        let partial = ExportTracePartialSuccess { rejected_spans, error_message };
        let partial_success = (rejected_spans > 0).then_some(partial);
        let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        ([(header::CONTENT_TYPE, "application/x-protobuf")], body).into_response()
    };
    let page = "<html><body>hunter2 is not shown</body></html>";
    match manner {
        Manner::Well => answer(0),
        Manner::Partial(rejected) => answer(rejected),
        Manner::Status(status) => (StatusCode::from_u16(status).unwrap(), page).into_response(),
        Manner::Html => axum::response::Html(page).into_response(),
        Manner::Endless => {
            let endless = Endless(Bytes::from_static(&[0; 64 * 1024]));
            ([(header::CONTENT_TYPE, "application/x-protobuf")], axum::body::Body::new(endless))
                .into_response()
        }
        Manner::Never => std::future::pending().await,
    }
}

/// A body that never ends.
struct Endless(Bytes);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(self.0.clone()))))
    }
}

/// Text attributes, by name; other values as they are written.
pub(crate) fn texts(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |known: &KeyValue| {
        let value = known.value.as_ref().and_then(|value| value.value.as_ref());
        (known.key.clone(), text(value))
    };
    attributes.iter().map(pair).collect()
}

/// Telemetry by these variables, which logs to [`lines`] and changes no other test's; without metrics and lines unless they say so.
pub(crate) fn telemetry(vars: &[(&str, &str)]) -> Telemetry {
    LazyLock::force(&LINES);
    let vars = [&[("OTEL_METRICS_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")], vars].concat();
    let vars = vars.iter().map(|(name, value)| (name.into(), value.into()));
    Telemetry::builder("grades").version("1.2.3").from_vars(vars).unwrap()
}

/// Serves requests for `/grades/7`, one after the other, with this telemetry.
pub(crate) fn serve(telemetry: &Telemetry, count: usize) {
    let observer: Observer = telemetry.observer();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(telemetry.layer()), || {
        for _ in 0..count {
            let observation = observer.begin(RequestHead::new("GET", "/grades/7"), []);
            observation.context().set_route("/grades/{id}");
            observation.respond(200);
            observation.complete();
        }
    });
}

/// The lines of this process's log that hold a text; the one that sends logs outside of any test's thread.
pub(crate) fn lines(with: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.contains(with)).cloned().collect()
}

/// What all requests in this process that have no subscriber of their own are recorded by.
pub(crate) static GLOBAL: LazyLock<(Collector, Telemetry)> = LazyLock::new(|| {
    let collector = Collector::start(Manner::Well);
    let vars = [("OTEL_EXPORTER_OTLP_ENDPOINT".into(), collector.endpoint().into())];
    let telemetry = Telemetry::builder("grades").from_vars(vars).unwrap();
    (collector, telemetry)
});

static LINES: LazyLock<Arc<Mutex<Vec<String>>>> = LazyLock::new(|| {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = lines.clone();
    let (layer, _) = Logs::new("info")
        .unwrap()
        .format(LogFormat::Json)
        .sink(move |line| sink.lock().unwrap().push(String::from_utf8_lossy(line).into_owned()))
        .layer();
    tracing_subscriber::registry().with(layer).with(GLOBAL.1.layer()).init();
    lines
});

/// Long enough for whatever this process says to itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
