//! What is answered where no route is declared.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header::AUTHORIZATION};
use linchpin_core::{Check, Gate, Reason, Undeclared};
use tower_layer::Layer;
use tower_service::Service;

use super::entrance::tell_route;
use crate::Problem;

/// Stands for a service that no table declares, and refuses everybody.
#[derive(Clone)]
pub(super) struct Refuse {
    gate: Gate,
    undeclared: Undeclared,
}

impl Refuse {
    pub(super) fn new(gate: Gate, undeclared: Undeclared) -> Self {
        Self { gate, undeclared }
    }
}

impl<S> Layer<S> for Refuse {
    type Service = Self;

    fn layer(&self, _: S) -> Self {
        self.clone()
    }
}

impl Service<Request> for Refuse {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let reason = Reason::UndeclaredRoute;
        tell_route(request.extensions());
        self.undeclared.count_one();
        // A service that is nested has no matched path of its own; the request's path is cut to what a log can bear.
        let path =
            request.extensions().get::<MatchedPath>().map_or(request.uri().path(), MatchedPath::as_str);
        tracing::error!(
            reason = reason.code(),
            status = reason.status(),
            method = %request.method(),
            path = cut(path),
            "no route table declares this route: declare it with a policy"
        );
        ready(Ok(linchpin_tower::into_response(self.gate.refuse(&reason.into()))))
    }
}

/// Tells those with a valid token that there is nothing, and asks the others for one.
pub(super) fn tell_callers(
    gate: Gate,
    status: u16,
    title: &'static str,
) -> impl Fn(Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Clone {
    move |request| {
        tell_route(request.extensions());
        let check = gate.check(request.headers().get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes));
        Box::pin(async move {
            let admitted = match check {
                Check::Admit(identity) => Ok(identity),
                Check::Refuse(answer) => Err(answer),
                Check::Wait(waiting) => waiting.await,
            };
            match admitted {
                Ok(identity) => {
                    linchpin_trace::note_admitted(identity.caller());
                    Problem::new(status, title).into_response()
                }
                Err(answer) => {
                    let reason = answer.reason().map(Reason::code);
                    tracing::debug!(reason, status = answer.status(), "request refused");
                    linchpin_tower::into_response(answer)
                }
            }
        })
    }
}

/// The beginning of a path, without half a character at its end.
fn cut(path: &str) -> &str {
    let end = (0..=MAX_LOGGED.min(path.len())).rev().find(|&end| path.is_char_boundary(end)).unwrap_or(0);
    &path[..end]
}

/// How much of a path is logged, in bytes.
const MAX_LOGGED: usize = 128;
