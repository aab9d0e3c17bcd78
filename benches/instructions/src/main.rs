//! One path of a request, run so often: `bench-instructions CASE TIMES`. `cargo xtask gate` counts the instructions of both
//! a short and a long run, whose difference is what the path costs.
//!
//! Time stands still, and the tokens are signed with HMAC before the path begins: what is counted is this workspace's code.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    process::ExitCode,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use linchpin_core::{Caller, Clock, Facts, FakeClock, Role, roles};
use linchpin_jwt::{Algorithm, KeySet, Profile, SigningKey, Verifier};
use linchpin_tower::VerifyLayer;
use linchpin_trace::{Observer, RequestHead, TraceContext};
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

/// Runs a path so many times.
type Run = fn(usize);

const CASES: [(&str, Run); 7] = [
    ("hot token", |times| with_header(&format!("Bearer {}", token()), 200, times)),
    ("garbage", |times| with_header("Bearer 2YotnFZFEjr1zCsicMWpAA", 401, times)),
    ("half a token", |times| with_header(&format!("Bearer {}", &token()[..600]), 401, times)),
    ("no token", |times| requests(None, 401, times)),
    ("role requirement", role_requirement),
    ("observe, begin to complete", observe),
    ("trace context", trace_context),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--list"] => {
            CASES.iter().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        [name, times] => match (CASES.iter().find(|case| case.0 == name), times.parse()) {
            (Some((_, run)), Ok(times)) => {
                run(times);
                ExitCode::SUCCESS
            }
            _ => ExitCode::from(2),
        },
        _ => ExitCode::from(2),
    }
}

const ISSUER: &str = "https://lms.example/oauth2";
const SECRET: &[u8] = b"a secret of bytes enough for HMAC with SHA-256";

/// The claims of an Open edX token.
fn token() -> String {
    let key = SigningKey::from_secret(Algorithm::HS256, SECRET).expect("a secret of sound length");
    let now = FakeClock::default().now().as_unix_seconds();
    key.sign_jwt(&json!({
        "iss": ISSUER, "aud": "openedx", "sub": "0123456789abcdef0123456789abcdef", "exp": now + 3600, "iat": now,
        "version": "1.2.0", "grant_type": "password", "is_restricted": false, "preferred_username": "ann.example",
        "scopes": ["read", "write", "email", "profile", "grades:read", "grades:write"], "email_verified": true,
        "filters": ["user:me", "content_org:edX"], "roles": ["staff", "enterprise_admin:6f9619ff-8b86-d011-b42d"],
        "name": "Ann Example", "family_name": "Example", "given_name": "Ann", "email": "ann@example.org",
        "administrator": false, "superuser": false,
    }))
}

fn with_header(value: &str, status: u16, times: usize) {
    requests(Some(value.parse().expect("it is visible ASCII")), status, times);
}

/// Requests through the layer, to a service that does nothing.
fn requests(value: Option<HeaderValue>, status: u16, times: usize) {
    let keys = KeySet::builder([Algorithm::HS256]).secret(SECRET).build().expect("a key");
    let verifier = Verifier::builder(ISSUER, Arc::new(keys)).audience("openedx").profile(Profile::OpenEdx);
    let verifier = verifier.clock(FakeClock::default()).build().expect("a sound configuration");
    let layer = VerifyLayer::new(Arc::new(verifier)).clock(FakeClock::default());
    let service = layer.layer(Inner);
    for _ in 0..times {
        let mut request = Request::new(String::new());
        request.headers_mut().extend(value.clone().map(|value| (AUTHORIZATION, value)));
        // A connection calls a clone for each request.
        let future = service.clone().call(black_box(request));
        let mut future = std::pin::pin!(future);
        let Poll::Ready(Ok(response)) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("not ready at once")
        };
        assert_eq!(response.status().as_u16(), status);
    }
}

#[derive(Clone)]
struct Inner;

impl Service<Request<String>> for Inner {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        black_box(request);
        ready(Ok(Response::new(String::new())))
    }
}

roles! { Last = "role-number-9"; }

fn role_requirement(times: usize) {
    let roles = (0..10).map(|number| Role::new(format!("role-number-{number}")));
    let caller = Caller::builder(ISSUER).roles(roles).build();
    let clock = FakeClock::default();
    for _ in 0..times {
        assert!(Facts::new(black_box(&caller), &clock).meet::<Last>().is_ok());
    }
}

const TRACEPARENT: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACESTATE: &[u8] = b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

fn observe(times: usize) {
    let observer = Observer::new("grades").clock(FakeClock::default());
    let headers: [(&str, &[u8]); 5] = [
        ("host", b"grades.example"),
        ("user-agent", b"curl/8.5.0"),
        ("x-request-id", b"0199f3a0-7c1e-7d52-9a50-5a8f3f8c2b11"),
        ("traceparent", TRACEPARENT),
        ("tracestate", TRACESTATE),
    ];
    for _ in 0..times {
        let head = RequestHead::new("GET", "/grades/7").peer([192, 0, 2, 7].into());
        let observation = observer.begin(head, black_box(headers));
        observation.context().set_route("/grades/{id}");
        observation.enter(|| black_box(()));
        observation.respond(200);
        observation.complete();
    }
}

fn trace_context(times: usize) {
    for _ in 0..times {
        assert!(black_box(TraceContext::parse([black_box(TRACEPARENT)], [black_box(TRACESTATE)])).is_some());
    }
}
