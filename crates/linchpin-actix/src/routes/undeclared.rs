//! What is answered where no route is declared.

use actix_web::{
    HttpRequest, HttpResponse, Route,
    body::BoxBody,
    dev::ServiceRequest,
    http::header::{ALLOW, AUTHORIZATION, HeaderValue},
    middleware::{Next, from_fn},
};
use linchpin_core::{Answer, Check, Gate, Policy, Problem, Reason, Undeclared};

use crate::response;

/// Answers for every path that no declared route took.
#[derive(Clone)]
pub(super) struct Elsewhere {
    pub(super) gate: Gate,
    pub(super) undeclared: Undeclared,
}

impl Elsewhere {
    /// Refuses if something is mounted there all the same; if nothing is, those with a valid token are told.
    pub(super) async fn answer(self, request: HttpRequest) -> HttpResponse {
        match self.refuse(&request) {
            Some(answer) => response::into_response(answer),
            None => tell_callers(request, self.gate, NOT_FOUND, None).await,
        }
    }

    /// The same before a fallback of the service's own, which answers where nothing is mounted.
    pub(super) fn before(self, fallback: Route) -> Route {
        fallback.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let refused = self.refuse(request.request());
            async move {
                match refused {
                    Some(answer) => Ok(request.into_response(response::into_response(answer))),
                    None => next.call(request).await,
                }
            }
        }))
    }

    fn refuse(&self, request: &HttpRequest) -> Option<Answer> {
        let pattern = request.match_pattern()?;
        let reason = Reason::UndeclaredRoute;
        self.undeclared.count_one();
        tracing::error!(
            reason = reason.code(),
            status = reason.status(),
            method = %request.method(),
            path = cut(&pattern),
            "no route table declares this route: declare it with a policy"
        );
        Some(self.gate.refuse(&reason.into()))
    }
}

/// Tells those with a valid token that there is nothing, and asks the others for one.
pub(super) async fn tell_callers(
    request: HttpRequest,
    gate: Gate,
    (status, title): (u16, &'static str),
    allow: Option<HeaderValue>,
) -> HttpResponse {
    let gate = gate.policy(Policy::authenticated());
    let check = gate.check(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
    let admitted = match check {
        Check::Admit(identity) => Ok(identity),
        Check::Refuse(answer) => Err(answer),
        Check::Wait(waiting) => waiting.await,
    };
    let answer = match admitted {
        Ok(identity) => {
            linchpin_trace::note_admitted(identity.caller());
            Problem::new(status, title).into_answer()
        }
        Err(answer) => {
            let reason = answer.reason().map(Reason::code);
            tracing::debug!(reason, status = answer.status(), "request refused");
            answer
        }
    };
    let mut response = response::into_response(answer);
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// The beginning of a path, without half a character at its end.
fn cut(path: &str) -> &str {
    let end = (0..=MAX_LOGGED.min(path.len())).rev().find(|&end| path.is_char_boundary(end)).unwrap_or(0);
    &path[..end]
}

pub(super) const NOT_FOUND: (u16, &str) = (404, "Not Found");
pub(super) const METHOD_NOT_ALLOWED: (u16, &str) = (405, "Method Not Allowed");
/// How much of a path is logged, in bytes.
const MAX_LOGGED: usize = 128;
