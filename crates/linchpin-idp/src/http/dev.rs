//! The endpoints that no real provider has: a token for any user, and a new key, for the asking.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{RawQuery, Request, State, rejection::BytesRejection},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{
    answer::{self, error, has_content_type, minted, private},
    form::Form,
    token::Refused,
};
use crate::{Shape, TokenRequest, provider::Provider};

/// Refuses what a page of another origin could send without the browser asking first: a form, or a text.
pub(super) async fn json_only(request: Request, next: Next) -> Response {
    if has_content_type(request.headers(), "application/json") {
        return next.run(request).await;
    }
    let description = "send the header Content-Type: application/json, also without a body";
    error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", description)
}

/// `POST /dev/token`
pub(super) async fn token(
    State(provider): State<Arc<Provider>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match answer::body(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(problem) => {
            let description = format!(
                "{problem}; give an object with `user` and, if wanted, `scope`, `audience`, `shape`, `ttl` in seconds and `expired`"
            );
            return Refused::request(&description).into_response();
        }
    };
    match wanted.try_into() {
        Ok(request) => minted(provider.mint_for_user(&request)),
        Err(refused) => Refused::into_response(refused),
    }
}

/// The body of `POST /dev/token`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: String,
    scope: Option<String>,
    audience: Option<OneOrMany>,
    shape: Option<String>,
    ttl: Option<u64>,
    #[serde(default)]
    expired: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an audience is a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<Wanted> for TokenRequest {
    type Error = Refused;

    fn try_from(wanted: Wanted) -> Result<Self, Refused> {
        let shape: Option<Shape> = match wanted.shape.map(|name| name.parse()).transpose() {
            Ok(shape) => shape,
            Err(unknown) => return Err(Refused::request(&unknown.to_string())),
        };
        Ok(Self {
            user: wanted.user,
            scope: wanted.scope,
            audiences: match wanted.audience {
                None => Vec::new(),
                Some(OneOrMany::One(audience)) => vec![audience],
                Some(OneOrMany::Many(audiences)) => audiences,
            },
            shape,
            lifetime: wanted.ttl.map(Duration::from_secs),
            expired: wanted.expired,
        })
    }
}

/// `POST /dev/rotate`, `POST /dev/rotate?withdraw=true`
pub(super) async fn rotate(State(provider): State<Arc<Provider>>, RawQuery(query): RawQuery) -> Response {
    let withdraw = match read_withdraw(query.as_deref().unwrap_or_default()) {
        Ok(withdraw) => withdraw,
        Err(refused) => return refused.into_response(),
    };
    // An RSA key takes a while, and the other connections of this thread should not have to wait.
    let rotated = spawn_blocking(move || {
        provider.keys.rotate()?;
        if withdraw {
            provider.keys.withdraw_old();
        }
        Ok::<_, linchpin_jwt::KeyError>(provider.keys.published())
    });
    match rotated.await {
        Ok(Ok(published)) => {
            let keys = published["keys"].as_array().into_iter().flatten();
            let key_ids: Vec<_> = keys.map(|key| key["kid"].clone()).collect();
            private(StatusCode::OK, json!({"published": key_ids}))
        }
        _ => error(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no key could be generated"),
    }
}

fn read_withdraw(query: &str) -> Result<bool, Refused> {
    let form = Form::parse(query.as_bytes());
    if form.names().any(|name| name != "withdraw") {
        return Err(Refused::request("the only parameter here is withdraw"));
    }
    match form.single("withdraw")? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refused::request("withdraw is true or false")),
    }
}
