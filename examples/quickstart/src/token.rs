//! Tokens: good ones from the provider, bad ones of our own making.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use linchpin_jwt::{Algorithm, SigningKey};
use reqwest::{Client, header};
use serde_json::{Value, json};

use crate::{Result, process::Process};

/// Asks the provider for a token.
pub(crate) async fn mint(client: &Client, provider: &Process, request: Value) -> Result<String> {
    let response = post(client, provider, "/dev/token", request).await?;
    let answer: Value = serde_json::from_str(&response)?;
    let token = answer["access_token"].as_str().ok_or("the provider gave no token")?;
    Ok(token.to_owned())
}

/// Has the provider sign with a new key from now on.
pub(crate) async fn rotate(client: &Client, provider: &Process) -> Result<()> {
    post(client, provider, "/dev/rotate", json!({})).await.map(drop)
}

async fn post(client: &Client, provider: &Process, path: &str, body: Value) -> Result<String> {
    let request =
        client.post(format!("{}{path}", provider.url)).header(header::CONTENT_TYPE, "application/json");
    Ok(request.body(body.to_string()).send().await?.error_for_status()?.text().await?)
}

/// The same claims, and a header that says that no signature is needed.
pub(crate) fn unsigned(good: &str) -> Result<String> {
    let claims = good.split('.').nth(1).ok_or("not a token")?;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    Ok(format!("{header}.{claims}."))
}

/// The same claims, signed with HMAC under the issuer's public key, which everybody knows.
pub(crate) async fn confused(client: &Client, provider: &Process, good: &str) -> Result<String> {
    let published: Value =
        serde_json::from_str(&client.get(format!("{}/jwks", provider.url)).send().await?.text().await?)?;
    let public_key = &published["keys"][0];
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": public_key["kid"]}).to_string();
    let claims = URL_SAFE_NO_PAD.decode(good.split('.').nth(1).ok_or("not a token")?)?;
    let forger = SigningKey::from_secret(Algorithm::HS256, public_key.to_string().as_bytes())?;
    Ok(forger.sign_compact(&header, std::str::from_utf8(&claims)?))
}

/// The same header and signature over claims that say `admin`.
pub(crate) fn tampered(good: &str) -> Result<String> {
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        return Err("not a token".into());
    };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    claims["roles"] = json!(["admin"]);
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}
