//! The three servers under observation: the same routes, each framework's own layer around them.

use std::{
    convert::Infallible,
    future::pending,
    net::{IpAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{App, HttpServer, rt::System};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header::ALLOW};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use linchpin_actix::routes as on_actix;
use linchpin_axum::routes as on_axum;
use linchpin_core::{Gate, Identity, Policy, Problem};
use linchpin_tower::{ObserveLayer, VerifyLayer, into_response};
use linchpin_trace::{Observer, RequestContext};
use tokio::runtime::Handle;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    Server, Service,
    service::{AdminRole, SCOPE},
};

/// Starts all three, each with the observer that is made for its name.
pub fn start_observed(
    service: &Service,
    under_way: &UnderWay,
    observer: impl Fn(&'static str) -> Observer,
) -> [Server; 3] {
    let start = |name, serve: fn(TcpListener, Gate, Observer, UnderWay)| {
        let (gate, observer, under_way) = (service.observed(), observer(name), under_way.clone());
        Server::listen(name, move |listener| serve(listener, gate, observer, under_way))
    };
    [start("tower", serve_tower), start("axum", serve_axum), start("actix", serve_actix)]
}

/// How many requests to `/pending/{id}` have begun, and how many are under way.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    runtimes: Arc<Mutex<Vec<Handle>>>,
}

impl UnderWay {
    /// How many have begun since the beginning.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many of them have ended.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// How many tasks the servers on tower and axum have; the connections of actix are no tasks that a runtime counts.
    pub fn tasks(&self) -> usize {
        let runtimes = self.runtimes.lock().expect("nothing panics meanwhile");
        runtimes.iter().map(|runtime| runtime.metrics().num_alive_tasks()).sum()
    }

    /// Counts as under way, until it is dropped.
    async fn stay(self) -> &'static str {
        struct Ended(Arc<AtomicUsize>);

        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }

        let _ended = Ended(self.ended);
        self.begun.fetch_add(1, Ordering::SeqCst);
        pending().await
    }
}

fn serve_axum(listener: TcpListener, gate: Gate, observer: Observer, under_way: UnderWay) {
    use on_axum::{Routes, authenticated, get, public, require};

    let refuses = async |caller: linchpin_axum::Caller| -> Result<&'static str, linchpin_axum::Problem> {
        caller.require_scope(SCOPE)?;
        Ok("the reports")
    };
    let pending = under_way.clone();
    let app = Routes::<()>::new()
        .route("/open", get(public(), async || "open"))
        .route("/healthz", get(public(), async || "ok"))
        .route("/panics", get(public(), panics))
        .route("/pending/{id}", get(public(), move || pending.clone().stay()))
        .route("/grades/{id}", get(authenticated(), async || "a grade"))
        .route("/admin", get(require::<AdminRole>(), async || "admin"))
        .route("/reports", get(authenticated(), refuses))
        .guarded_by(&gate)
        .layer(linchpin_axum::observe(observer));
    block_on(&under_way, async {
        let listener = to_tokio(listener);
        axum::serve(listener, app.into_make_service_with_connect_info()).await.expect("a server");
    });
}

fn serve_actix(listener: TcpListener, gate: Gate, observer: Observer, under_way: UnderWay) {
    use on_actix::{Routes, authenticated, get, public, require};

    let app = move || {
        let refuses =
            async |caller: linchpin_actix::Caller| -> Result<&'static str, linchpin_actix::Problem> {
                caller.require_scope(SCOPE)?;
                Ok("the reports")
            };
        let under_way = under_way.clone();
        let routes = Routes::new()
            .route("/open", get(public(), async || "open"))
            .route("/healthz", get(public(), async || "ok"))
            .route("/panics", get(public(), panics))
            .route("/pending/{id}", get(public(), move || under_way.clone().stay()))
            .route("/grades/{id}", get(authenticated(), async || "a grade"))
            .route("/admin", get(require::<AdminRole>(), async || "admin"))
            .route("/reports", get(authenticated(), refuses));
        App::new().service(routes.guarded_by(&gate)).wrap(linchpin_actix::observe(observer.clone()))
    };
    // As hyper does: a client that has gone is not waited for.
    let server = HttpServer::new(app).workers(1).h1_allow_half_closed(false).disable_signals();
    System::new().block_on(server.listen(listener).expect("a listener").run()).expect("a server");
}

/// Who opened the connection; a stack of its own has its own place for it.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

fn serve_tower(listener: TcpListener, gate: Gate, observer: Observer, under_way: UnderWay) {
    let observe = ObserveLayer::new(observer).peer(|extensions| extensions.get::<Peer>().map(|peer| peer.0));
    block_on(&under_way, async {
        let listener = to_tokio(listener);
        loop {
            let (stream, peer) = listener.accept().await.expect("a connection");
            let (gate, under_way) = (gate.clone(), under_way.clone());
            let routed = service_fn(move |request| route(gate.clone(), under_way.clone(), request));
            let observed = observe.layer(routed);
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer.ip()));
                observed.clone().oneshot(request)
            });
            let service = TowerToHyperService::new(service);
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

type Body = Full<Bytes>;

/// Routes by hand, and says so where the request is observed.
async fn route(
    gate: Gate,
    under_way: UnderWay,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let (route, policy) = match path {
        "/open" | "/healthz" | "/panics" => (Some(path), Policy::public()),
        "/admin" => (Some(path), Policy::require::<AdminRole>()),
        "/reports" => (Some(path), Policy::authenticated()),
        _ if path.starts_with("/grades/") => (Some("/grades/{id}"), Policy::authenticated()),
        _ if path.starts_with("/pending/") => (Some("/pending/{id}"), Policy::public()),
        _ => (None, Policy::authenticated()),
    };
    if let (Some(route), Some(context)) = (route, request.extensions().get::<RequestContext>()) {
        context.set_route(route);
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let policy = if is_read { policy } else { Policy::authenticated() };
    let route = route.map(str::to_owned);
    let handler = service_fn(move |request: Request<Incoming>| {
        let (route, under_way) = (route.clone(), under_way.clone());
        async move { Ok::<_, Infallible>(handle(route.as_deref(), is_read, under_way, &request).await) }
    });
    VerifyLayer::from(gate.policy(policy)).layer(handler).oneshot(request).await
}

async fn handle(
    route: Option<&str>,
    is_read: bool,
    under_way: UnderWay,
    request: &Request<Incoming>,
) -> Response<Body> {
    let refusal = || {
        let caller = request.extensions().get::<Identity>().and_then(Identity::caller)?;
        caller.require_scope(SCOPE).err()
    };
    let text = match route {
        None => return into_response(Problem::new(404, "Not Found").into_answer()),
        Some(_) if !is_read => {
            let mut response = into_response(Problem::new(405, "Method Not Allowed").into_answer());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
            return response;
        }
        Some("/pending/{id}") => under_way.stay().await,
        Some("/reports") => match refusal() {
            Some(refusal) => return into_response(Problem::from(refusal).into_answer()),
            None => "the reports",
        },
        Some("/grades/{id}") => "a grade",
        Some("/healthz") => "ok",
        Some("/panics") => panics().await,
        Some(other) => other.trim_start_matches('/'),
    };
    Response::new(Full::from(text.to_owned()))
}

/// A handler with a mistake in it.
async fn panics() -> &'static str {
    panic!("on purpose")
}

fn block_on(under_way: &UnderWay, server: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    under_way.runtimes.lock().expect("nothing panics meanwhile").push(runtime.handle().clone());
    runtime.block_on(server);
}

fn to_tokio(listener: TcpListener) -> tokio::net::TcpListener {
    listener.set_nonblocking(true).expect("a socket can be made non-blocking");
    tokio::net::TcpListener::from_std(listener).expect("a listener")
}
