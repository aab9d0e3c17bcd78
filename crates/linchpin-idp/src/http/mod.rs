//! The provider over HTTP.

mod answer;
mod assertion;
mod dev;
mod form;
mod hosts;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware,
    response::Response,
    routing::{get, post},
};
use linchpin_jwt::Algorithm;
use serde_json::json;

use self::answer::{document, error};
pub(crate) use self::hosts::Hosts;
use crate::{keys::OPEN_EDX_ALGORITHM, provider::Provider};

/// All routes, behind the check of the `Host`.
pub(crate) fn router(provider: Arc<Provider>, hosts: Hosts) -> Router {
    let dev = Router::new()
        .route("/dev/token", post(dev::token))
        .route("/dev/rotate", post(dev::rotate))
        .route_layer(middleware::from_fn(dev::json_only));

    Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/jwks", get(jwks))
        .route("/token", post(token::token))
        .merge(dev)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::new(hosts), hosts::check))
        .with_state(provider)
}

/// The metadata of OpenID Connect Discovery 1.0 §3 and RFC 8414 §2, as far as there is something behind them.
async fn metadata(State(provider): State<Arc<Provider>>) -> Response {
    let issuer = &provider.issuer;
    let mut scopes: Vec<&String> = Vec::new();
    for scope in provider.clients.iter().flat_map(|client| &client.scopes) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    document(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "token_endpoint": format!("{issuer}/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": signing_algorithms(),
        "scopes_supported": scopes,
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [provider.algorithm.name(), OPEN_EDX_ALGORITHM.name()],
    }))
}

/// The algorithms in which a client may sign.
fn signing_algorithms() -> Vec<&'static str> {
    let algorithms = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric());
    algorithms.map(Algorithm::name).collect()
}

async fn jwks(State(provider): State<Arc<Provider>>) -> Response {
    document(provider.keys.published())
}

async fn not_found() -> Response {
    let description = "there is nothing here; /.well-known/openid-configuration says what there is";
    error(StatusCode::NOT_FOUND, "not_found", description)
}

async fn method_not_allowed() -> Response {
    let description = "this does not answer to that method; the header Allow says to which it does";
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", description)
}

/// Every request of this provider is a few short parameters.
const MAX_BODY_BYTES: usize = 16 * 1024;
