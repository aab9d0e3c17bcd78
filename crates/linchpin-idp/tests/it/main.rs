//! The provider over real connections, in this process and as the binary.

mod binary;
mod dev;
mod http;
mod token_endpoint;

use std::{io, net::SocketAddr, sync::Arc};

use linchpin_core::{Caller, Clock, Outcome, Reason, SystemClock, VerifyToken};
use linchpin_idp::{DevIdp, RunningIdp};
use linchpin_jwt::{Algorithm, KeyRules, Profile, Verifier};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A provider with the default users and clients, in an algorithm whose keys are made quickly.
async fn start() -> RunningIdp {
    DevIdp::builder().algorithm(Algorithm::ES256).start().await.unwrap()
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body, which is JSON whatever the status.
    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    /// The status and the code of an error, which also has a description.
    fn error(&self) -> (u16, String) {
        let body = self.json();
        assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        (self.status, body["error"].as_str().unwrap().to_owned())
    }

    fn token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Sends these bytes on a connection of their own and reads to its end.
async fn send(address: SocketAddr, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    // A server that answers before it has read a whole body may reset the connection behind its answer.
    if let Err(error) = stream.read_to_end(&mut response).await
        && response.is_empty()
    {
        return Err(error);
    }
    let response = String::from_utf8(response).map_err(|_| io::ErrorKind::InvalidData)?;

    let (head, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    send(address, &request).await.unwrap()
}

/// Posts a body under these header lines.
async fn post(address: SocketAddr, path: &str, headers: &[&str], body: &str) -> Answer {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    send(address, &request).await.unwrap()
}

async fn post_json(address: SocketAddr, path: &str, body: &str) -> Answer {
    post(address, path, &["content-type: application/json"], body).await
}

/// Verifies as a service does: keys from the provider, the profile's algorithms, the system's time.
async fn verify(
    address: SocketAddr,
    profile: Profile,
    audience: &str,
    token: &str,
) -> Result<Arc<Caller>, Reason> {
    let published = get(address, "/jwks").await.body;
    let keys = KeyRules::new(profile.default_algorithms()).read_jwk_set(published.as_bytes()).unwrap();
    let issuer = format!("http://{address}");
    let verifier =
        Verifier::builder(issuer, Arc::new(keys)).audience(audience).profile(profile).build().unwrap();
    let Outcome::Ready(result) = verifier.verify(token, SystemClock.now()) else {
        panic!("nothing to wait for")
    };
    result.map_err(|refusal| refusal.reason())
}
