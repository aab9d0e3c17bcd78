//! The keys and tokens of a worker.

use std::{collections::HashMap, rc::Rc};

use actix_web::http::header as actix;
use axum::http::HeaderValue;
use linchpin_core::{Clock, SystemClock};
use linchpin_jwt::{Algorithm, SigningKey};
use serde::Deserialize;
use serde_json::json;

use crate::case::Case;

pub(crate) const ISSUER: &str = "https://lms.example/oauth2";
pub(crate) const AUDIENCE: &str = "openedx";

/// The claims as a service of its own would declare them.
#[derive(Clone, Debug, Deserialize)]
#[allow(dead_code, reason = "what counts is that they are read")]
pub(crate) struct Claims {
    pub(crate) sub: String,
    exp: u64,
    preferred_username: String,
    email: String,
    name: String,
    scopes: Vec<String>,
    roles: Vec<String>,
    filters: Vec<String>,
    administrator: bool,
    is_restricted: bool,
}

/// The values of the header `authorization` that are sent in turn, as either framework has them.
pub(crate) struct Tokens {
    pub(crate) http: Vec<Option<HeaderValue>>,
    pub(crate) actix: Vec<Option<actix::HeaderValue>>,
}

/// Made once in each worker, when it is first asked for.
#[derive(Default)]
pub(crate) struct Material {
    keys: HashMap<Algorithm, Rc<SigningKey>>,
    tokens: HashMap<Case, Rc<Tokens>>,
}

impl Material {
    pub(crate) fn key(&mut self, algorithm: Algorithm) -> Rc<SigningKey> {
        let key = || Rc::new(SigningKey::generate(algorithm).expect("the system has randomness"));
        self.keys.entry(algorithm).or_insert_with(key).clone()
    }

    pub(crate) fn tokens(&mut self, case: Case) -> Rc<Tokens> {
        let key = self.key(case.algorithm());
        let tokens = || {
            let values = (0..case.tokens()).map(|number| value(&key, case, number));
            let values: Vec<_> = values.collect();
            let http = values.iter().flatten().map(|value| value.parse().expect("it is visible ASCII"));
            let actix = values.iter().flatten().map(|value| value.parse().expect("it is visible ASCII"));
            let (mut http, mut actix): (Vec<_>, Vec<_>) =
                (http.map(Some).collect(), actix.map(Some).collect());
            if values == [None] {
                http.push(None);
                actix.push(None);
            }
            Rc::new(Tokens { http, actix })
        };
        self.tokens.entry(case).or_insert_with(tokens).clone()
    }
}

fn value(key: &SigningKey, case: Case, number: usize) -> Option<String> {
    let token = match case {
        Case::NoToken => return None,
        Case::Garbage => "2YotnFZFEjr1zCsicMWpAA".to_owned(),
        Case::Expired => token(key, number, -3600),
        Case::BadSignature => {
            let good = token(key, number, 3600);
            format!("{}AAAAAAAA", &good[..good.len() - 8])
        }
        _ => token(key, number, 3600),
    };
    Some(format!("Bearer {token}"))
}

/// The claims of an Open edX token, 1.2 kB when signed with RS256.
fn token(key: &SigningKey, number: usize, expires_in: i64) -> String {
    let now = SystemClock.now().as_unix_seconds();
    key.sign_jwt(&json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": format!("{number:032x}"), "exp": now + expires_in, "iat": now - 7200,
        "version": "1.2.0", "grant_type": "password", "is_restricted": false, "preferred_username": "ann.example",
        "scopes": ["read", "write", "email", "profile", "grades:read", "grades:write"], "email_verified": true,
        "filters": ["user:me", "content_org:edX"], "roles": ["staff", "enterprise_admin:6f9619ff-8b86-d011-b42d"],
        "name": "Ann Example", "family_name": "Example", "given_name": "Ann", "email": "ann@example.org",
        "administrator": false, "superuser": false,
    }))
}
