//! Other crates for axum and tower, each with its keys in memory and its rules made once.

use std::sync::Arc;

use axum::{Router, body::Body, http::Response, response::IntoResponse, routing::get};
use axum_jwt_auth::{JwtDecoder, LocalDecoder};
use jwt_authorizer::{AuthError, IntoLayer, JwtAuthorizer};
use linchpin_jwt::SigningKey;
use serde_json::json;
use tower::{Layer, util::MapResponseLayer};
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

use crate::{
    contenders::{Served, axum::called},
    material::{AUDIENCE, Claims, ISSUER},
};

fn jwks(key: &SigningKey) -> String {
    json!({"keys": [key.public_jwk()]}).to_string()
}

fn router() -> Router {
    Router::new().route("/grades", get(|| async { "grades" }))
}

/// The response of an axum that is newer than the one for which `jwt-authorizer` makes its refusals.
struct Answer(Response<Body>);

impl From<AuthError> for Answer {
    fn from(error: AuthError) -> Self {
        let refusal: Response<_> = error.into();
        Self(refusal.map(|_: axum_07::body::Body| Body::empty()))
    }
}

pub(super) async fn jwt_authorizer(key: &SigningKey) -> Result<Box<dyn Served>, String> {
    let validation = jwt_authorizer::Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer = JwtAuthorizer::<Claims>::from_jwks_text(&jwks(key)).validation(validation).build();
    let layer = authorizer.await.map_err(|error| error.to_string())?.into_layer();
    let router = MapResponseLayer::new(Answer).layer(router());
    Ok(called(MapResponseLayer::new(|Answer(response)| response).layer(layer.layer(router))))
}

pub(super) async fn tower_oauth2(key: &SigningKey) -> Result<Box<dyn Served>, String> {
    let audiences = vec![AUDIENCE.to_owned()];
    let algorithm = key.algorithm().to_string().parse().map_err(|_| "an algorithm it does not know")?;
    let tenant = TenantConfiguration::static_builder(jwks(key))
        .audiences(&audiences)
        .claims_validation(ClaimsValidationSpec::new().iss(ISSUER).aud(&audiences).exp(true))
        .allowed_algorithms(&[algorithm])
        .build()
        .map_err(|error| error.to_string())?;
    let server = <OAuth2ResourceServer<Claims>>::builder().add_tenant(tenant).build().await;
    Ok(called(router().layer(server.map_err(|error| error.to_string())?.into_layer::<Body>())))
}

pub(super) fn axum_jwt_auth(key: &SigningKey) -> Result<Box<dyn Served>, String> {
    let jwk: jsonwebtoken_10::jwk::Jwk =
        serde_json::from_value(key.public_jwk()).map_err(|error| error.to_string())?;
    let algorithm = key.algorithm().to_string().parse().map_err(|_| "an algorithm it does not know")?;
    let mut validation = jsonwebtoken_10::Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let key = jsonwebtoken_10::DecodingKey::from_jwk(&jwk).map_err(|error| error.to_string())?;
    let decoder = LocalDecoder::new(vec![key], validation).map_err(|error| error.to_string())?;
    let decoder: Arc<dyn JwtDecoder<Claims> + Send + Sync> = Arc::new(decoder);
    // It has no layer: the extractor in the handler verifies.
    let handler = |_: axum_jwt_auth::Claims<Claims>| async { "grades".into_response() };
    Ok(called(Router::new().route("/grades", get(handler)).with_state(decoder)))
}
