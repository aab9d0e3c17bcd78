//! The reference services in this process, without a socket of their own.

use std::{fmt, future::Future, pin::Pin, rc::Rc};

use actix_web::{App, body::to_bytes, dev::Service as _, test};
use axum::{
    body::Body,
    http::{Request, header::AUTHORIZATION},
};
use http_body_util::BodyExt;
use linchpin::Auth;
use reference_relay::Upstream;
use serde_json::Value;
use tower::ServiceExt;

/// A reference service; clones are the same one.
#[derive(Clone)]
pub struct Service {
    /// The framework.
    pub name: &'static str,
    call: Rc<dyn Fn(Question) -> Local<Answer>>,
}

type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// The path and the token of a request.
type Question = (String, Option<String>);

/// What a client is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The reason in the body of a refusal.
    pub reason: Option<String>,
    /// The seconds after which to try again.
    pub retry_after: Option<u64>,
}

impl Service {
    /// Asks for `path` with this token.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        (self.call)((path.to_owned(), Some(token.to_owned()))).await
    }

    /// Asks for `path` without a credential.
    pub async fn probe(&self, path: &str) -> Answer {
        (self.call)((path.to_owned(), None)).await
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.name).finish()
    }
}

/// Which of the reference services.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framework {
    /// `reference-axum`.
    Axum,
    /// `reference-actix`.
    Actix,
}

impl Framework {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Axum, Self::Actix];

    /// The reference service on this framework.
    pub async fn serve(self, auth: Auth) -> Service {
        match self {
            Self::Axum => axum(auth),
            Self::Actix => actix(auth).await,
        }
    }
}

fn axum(auth: Auth) -> Service {
    let router = reference_axum::app(auth, Upstream::default(), true);
    let call = move |(path, token): Question| -> Local<Answer> {
        let router = router.clone();
        Box::pin(async move {
            let mut request = Request::get(path);
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Body::empty()).expect("a path and a token make a request");
            let Ok(response) = router.oneshot(request).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("a body in memory").to_bytes();
            let retry_after = head.headers.get("retry-after").and_then(|value| value.to_str().ok());
            answer(head.status.as_u16(), retry_after, &body)
        })
    };
    Service { name: "axum", call: Rc::new(call) }
}

async fn actix(auth: Auth) -> Service {
    let app =
        test::init_service(App::new().configure(reference_actix::app(auth, Upstream::default(), true))).await;
    let app = Rc::new(app);
    let call = move |(path, token): Question| -> Local<Answer> {
        let app = app.clone();
        Box::pin(async move {
            let mut request = test::TestRequest::get().uri(&path);
            if let Some(token) = token {
                request = request.insert_header(("authorization", format!("Bearer {token}")));
            }
            let response = app.call(request.to_request()).await.expect("refusals are responses");
            let status = response.status().as_u16();
            let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let retry_after = retry_after.map(str::to_owned);
            let body = to_bytes(response.into_body()).await.expect("a body in memory");
            answer(status, retry_after.as_deref(), &body)
        })
    };
    Service { name: "actix", call: Rc::new(call) }
}

fn answer(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    Answer {
        status,
        reason: body["reason"].as_str().map(str::to_owned),
        retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
    }
}
