//! Both reference services, each on threads of its own with telemetry of its own, as if they were two processes.

use std::{net::TcpListener, sync::Arc, thread};

use linchpin::{Auth, client::Client, metrics, otel::Telemetry};
use linchpin_test::ServedIssuer;
use reference_relay::Upstream;
use tracing_subscriber::{Registry, layer::SubscriberExt};

use crate::receiver::{Protocol, Receiver};

/// A service that runs until the tests end.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// `reference-axum`, which calls the service at `upstream`.
pub(crate) fn axum(issuer: &ServedIssuer, receiver: &Receiver, upstream: &str) -> Running {
    let (running, listener) = prepare("reference-axum", receiver);
    let (telemetry, issuer) = (running.telemetry.clone(), issuer.issuer().to_owned());
    let client = Client::builder("upstream", upstream).build().unwrap();
    thread::spawn(move || {
        let _subscriber = tracing::subscriber::set_default(Registry::default().with(telemetry.layer()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let auth = auth(&issuer, &telemetry);
            let app = reference_axum::app(auth, Upstream::from(client), true);
            let app = app.layer(linchpin::axum::observe(telemetry.observer()));
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app.into_make_service_with_connect_info()).await.unwrap();
        });
    });
    running
}

/// `reference-actix`, which calls nobody.
pub(crate) fn actix(issuer: &ServedIssuer, receiver: &Receiver) -> Running {
    let (running, listener) = prepare("reference-actix", receiver);
    let (telemetry, issuer) = (running.telemetry.clone(), issuer.issuer().to_owned());
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let auth = auth(&issuer, &telemetry);
            let app = reference_actix::app(auth, Upstream::default(), true);
            let factory = move || {
                // A worker's thread makes its application, and keeps the subscriber until it ends.
                let subscriber = Registry::default().with(telemetry.layer());
                std::mem::forget(tracing::subscriber::set_default(subscriber));
                let observe = linchpin::actix::observe(telemetry.observer());
                actix_web::App::new().configure(app.clone()).wrap(observe)
            };
            actix_web::HttpServer::new(factory).workers(1).listen(listener).unwrap().run().await.unwrap();
        });
    });
    running
}

fn prepare(name: &str, receiver: &Receiver) -> (Running, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let protocol = match receiver.protocol {
        Protocol::Http => "http/protobuf",
        Protocol::Grpc => "grpc",
    };
    let endpoint = format!("http://{}", receiver.address);
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
    ];
    let vars = vars.map(|(name, value)| (name.into(), value.into()));
    let telemetry = Arc::new(Telemetry::builder(name).from_vars(vars).unwrap());
    (Running { url, telemetry }, listener)
}

fn auth(issuer: &str, telemetry: &Telemetry) -> Auth {
    let auth = Auth::issuer(issuer).audience("tests").build().unwrap();
    telemetry.watch(metrics::of_auth(&auth));
    auth
}
