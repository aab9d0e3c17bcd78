//! On actix.

use std::{sync::Arc, time::Duration};

use actix_http::Request;
use actix_web::{
    App, Error, HttpMessage,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    error::ErrorUnauthorized,
    http::{StatusCode, Uri, header::AUTHORIZATION},
    test::init_service,
    web,
};
use actix_web_httpauth::{extractors::bearer::BearerAuth, middleware::HttpAuthentication};
use linchpin_actix::VerifyMiddleware;
use linchpin_jwt::SigningKey;

use crate::{
    case::Case,
    contenders::{
        Calls, Served,
        axum::{Decoder, verifier},
    },
    material::Tokens,
};

struct Called<S> {
    service: S,
    /// Where the next call is among the tokens.
    next: usize,
}

fn called<S, B>(service: S) -> Box<dyn Served>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    Box::new(Called { service, next: 0 })
}

impl<S, B> Served for Called<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    fn calls<'a>(&'a mut self, tokens: &'a Tokens, calls: usize) -> Calls<'a> {
        Box::pin(async move {
            let mut admitted = 0;
            for _ in 0..calls {
                let mut request = Request::new();
                request.head_mut().uri = Uri::from_static("/grades");
                if let Some(value) = &tokens.actix[self.next] {
                    request.head_mut().headers.insert(AUTHORIZATION, value.clone());
                }
                self.next = (self.next + 1) % tokens.actix.len();
                // A refusal may be an error here; the server would make a response of it.
                let status = match self.service.call(request).await {
                    Ok(response) => response.status(),
                    Err(error) => error.error_response().status(),
                };
                admitted += usize::from(status == StatusCode::OK);
            }
            Ok(admitted)
        })
    }

    fn two_threads(&mut self, _: &Tokens, _: Duration) -> Result<f64, String> {
        Err("an application of actix belongs to one thread".to_owned())
    }
}

async fn grades() -> &'static str {
    "grades"
}

pub(super) async fn bare() -> Box<dyn Served> {
    called(init_service(App::new().route("/grades", web::get().to(grades))).await)
}

pub(super) async fn linchpin(case: Case, key: &SigningKey) -> Box<dyn Served> {
    let middleware = VerifyMiddleware::new(verifier(case, key));
    called(init_service(App::new().wrap(middleware).route("/grades", web::get().to(grades))).await)
}

pub(super) async fn httpauth(key: &SigningKey) -> Box<dyn Served> {
    let decoder = Arc::new(Decoder::new(key));
    let verify = move |request: ServiceRequest, credentials: BearerAuth| {
        let claims = decoder.decode(credentials.token());
        async move {
            let Some(claims) = claims else { return Err((ErrorUnauthorized("refused"), request)) };
            request.extensions_mut().insert(claims);
            Ok(request)
        }
    };
    let middleware = HttpAuthentication::bearer(verify);
    called(init_service(App::new().wrap(middleware).route("/grades", web::get().to(grades))).await)
}
