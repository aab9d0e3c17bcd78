//! Clients that sign who they are: `private_key_jwt` (RFC 7523 §3).

use serde::Deserialize;

use super::token::Refused;
use crate::{
    Client,
    provider::Provider,
    users::{Credential, client_keys},
};

/// The claims of an assertion that count.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The client that has signed this assertion, `id` being the one that the form names, if it names one.
///
/// An assertion is not remembered: whoever reads one on a developer's machine may use it again until it expires.
pub(super) fn client<'p>(
    provider: &'p Provider,
    assertion: &str,
    id: Option<&str>,
) -> Result<&'p Client, Refused> {
    let refused = |hint| Err(Refused::client(hint));
    // Whoever signs is found by trying: a development provider has a handful of clients.
    let signers = provider.clients.iter().filter_map(|client| {
        let Credential::Key(pem) = &client.credential else { return None };
        let payload = client_keys(pem).ok()?.verify_jws(assertion).ok()?;
        Some((client, serde_json::from_slice::<Claims>(&payload).ok()?))
    });
    let mut signers = signers.filter(|(client, claims)| client.id == claims.sub);
    let Some((client, claims)) = signers.next() else {
        return refused("no client has signed this assertion with `sub`, `iss`, `aud` and `exp`");
    };
    let endpoint = format!("{}/token", provider.issuer);
    let is_ours = |audience: &String| *audience == provider.issuer || *audience == endpoint;
    let is_for_us = match &claims.aud {
        Audience::One(audience) => is_ours(audience),
        Audience::Many(audiences) => audiences.iter().any(is_ours),
    };
    let now = provider.clock.now().as_unix_seconds() as f64;
    match () {
        () if claims.iss != claims.sub => refused("the assertion's `iss` is not its `sub`"),
        () if id.is_some_and(|id| id != client.id) => {
            refused("the form and the assertion name different clients")
        }
        () if !is_for_us => refused("the assertion's `aud` is neither the issuer nor the token endpoint"),
        () if claims.exp <= now => refused("the assertion has expired"),
        () if claims.exp > now + MAX_SECONDS => {
            refused("the assertion's `exp` is more than five minutes away")
        }
        () if claims.jti.is_none_or(|id| id.is_empty()) => refused("the assertion has no `jti`"),
        () => Ok(client),
    }
}

/// How long an assertion may be valid.
const MAX_SECONDS: f64 = 300.0;
