//! On axum: nothing, ours, and what teams write by hand.

use std::{
    sync::{Arc, Barrier},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    routing::get,
};
use jsonwebtoken::{DecodingKey, TokenData, Validation};
use linchpin_axum::VerifyLayer;
use linchpin_core::VerifyToken;
use linchpin_jwt::{KeySet, Profile, SigningKey, TokenCache, Verifier};
use tower::{Layer, Service, ServiceExt, layer::layer_fn};

use crate::{
    case::Case,
    contenders::{Calls, Served},
    material::{AUDIENCE, Claims, ISSUER, Tokens},
    worker::timed,
};

/// A service that is called as a connection calls it: a clone for each request.
struct Called<S> {
    service: S,
    /// Where the next call is among the tokens.
    next: usize,
}

pub(super) fn called<S, B>(service: S) -> Box<dyn Served>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ToString,
{
    Box::new(Called { service, next: 0 })
}

async fn call<S, B>(service: &S, value: Option<&HeaderValue>) -> Result<bool, String>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: ToString,
{
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = axum::http::Uri::from_static("/grades");
    request.headers_mut().extend(value.map(|value| (AUTHORIZATION, value.clone())));
    let response = service.clone().oneshot(request).await.map_err(|error| error.to_string())?;
    Ok(response.status() == StatusCode::OK)
}

impl<S, B> Served for Called<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send,
    S::Future: Send,
    S::Error: ToString,
{
    fn calls<'a>(&'a mut self, tokens: &'a Tokens, calls: usize) -> Calls<'a> {
        Box::pin(async move {
            let mut admitted = 0;
            for _ in 0..calls {
                let value = tokens.http[self.next].as_ref();
                self.next = (self.next + 1) % tokens.http.len();
                admitted += usize::from(call(&self.service, value).await?);
            }
            Ok(admitted)
        })
    }

    fn two_threads(&mut self, tokens: &Tokens, long: Duration) -> Result<f64, String> {
        let together = &Barrier::new(2);
        let value = tokens.http[0].as_ref();
        let run = |service: S| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let calls = |calls: usize| {
                runtime.block_on(async {
                    for _ in 0..calls {
                        call(&service, value).await?;
                    }
                    Ok(())
                })
            };
            calls(1000)?;
            together.wait();
            timed(long, calls)
        };
        thread::scope(|scope| {
            let threads =
                [self.service.clone(), self.service.clone()].map(|service| scope.spawn(|| run(service)));
            let nanos =
                threads.map(|thread| thread.join().map_err(|_| "a thread has panicked".to_owned()).flatten());
            let [one, other] = nanos;
            Ok((one? + other?) / 2.0)
        })
    }
}

fn router() -> Router {
    Router::new().route("/grades", get(|| async { "grades" }))
}

pub(super) fn bare() -> Box<dyn Served> {
    called(router())
}

/// What axum itself takes for a layer of a Router.
pub(super) fn layer_that_does_nothing() -> Box<dyn Served> {
    called(router().layer(layer_fn(Untouched)))
}

/// Passes each request on as it is.
#[derive(Clone)]
struct Untouched<S>(S);

impl<S: Service<R>, R> Service<R> for Untouched<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

pub(super) fn verifier(case: Case, key: &SigningKey) -> Arc<dyn VerifyToken> {
    let keys = KeySet::builder([key.algorithm()]).jwk(&key.public_jwk().to_string()).build().expect("a key");
    let verifier = Verifier::builder(ISSUER, Arc::new(keys)).audience(AUDIENCE).profile(Profile::OpenEdx);
    let cache = if case.is_first_sight() { TokenCache::OFF } else { TokenCache::default() };
    Arc::new(verifier.token_cache(cache).build().expect("a sound configuration"))
}

pub(super) fn linchpin_router_layer(case: Case, key: &SigningKey) -> Box<dyn Served> {
    called(router().layer(VerifyLayer::new(verifier(case, key))))
}

pub(super) fn linchpin_around(case: Case, key: &SigningKey) -> Box<dyn Served> {
    called(VerifyLayer::new(verifier(case, key)).layer(router()))
}

/// A key and rules of `jsonwebtoken`, made once.
pub(super) struct Decoder {
    key: DecodingKey,
    validation: Validation,
}

impl Decoder {
    pub(super) fn new(key: &SigningKey) -> Self {
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.public_jwk()).expect("a JWK");
        let mut validation =
            Validation::new(key.algorithm().to_string().parse().expect("it knows the algorithm"));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Self { key: DecodingKey::from_jwk(&jwk).expect("a key"), validation }
    }

    pub(super) fn decode(&self, token: &str) -> Option<Claims> {
        let token: TokenData<Claims> = jsonwebtoken::decode(token, &self.key, &self.validation).ok()?;
        Some(token.claims)
    }
}

pub(super) fn by_hand(key: &SigningKey) -> Box<dyn Served> {
    let decoder = Arc::new(Decoder::new(key));
    called(router().layer(middleware::from_fn_with_state(decoder, verify_by_hand)))
}

async fn verify_by_hand(
    State(decoder): State<Arc<Decoder>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, StatusCode> {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    let claims = decoder.decode(token).ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}
