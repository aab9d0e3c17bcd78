//! Requests to a provider that runs in another process.

use std::{error::Error, fmt, io, str::FromStr, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::Failure;

/// Posts JSON and returns the JSON of a successful answer.
pub(super) async fn post(issuer: &Issuer, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
    timeout(DEADLINE, exchange(issuer, path, body)).await.map_err(|_| CallError::TooSlow(issuer.clone()))?
}

async fn exchange(issuer: &Issuer, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
    let stream = TcpStream::connect(&*issuer.authority_with_port())
        .await
        .map_err(|source| CallError::NotRunning { issuer: issuer.clone(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);

    let request = Request::post(path)
        .header(HOST, &issuer.authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(body.to_string()))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let answer = answer.map_err(|_| Failure("the answer broke off"))?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| Failure(NOT_OURS))?;
    if status.is_success() {
        return Ok(answer);
    }
    let description = answer["error_description"].as_str().ok_or(Failure(NOT_OURS))?;
    // Whatever listens there may not be ours, and its text must not move the terminal's cursor.
    Err(CallError::Refused(description.replace(char::is_control, " ")).into())
}

/// The URL of a provider: `http://`, a host and perhaps a port.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    authority: String,
}

impl Issuer {
    fn authority_with_port(&self) -> String {
        match self.authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => self.authority.clone(),
            _ => format!("{}:80", self.authority),
        }
    }
}

impl FromStr for Issuer {
    type Err = Failure;

    fn from_str(url: &str) -> Result<Self, Failure> {
        const WRONG: Failure =
            Failure("give the issuer that the provider prints, such as http://127.0.0.1:9000");

        let authority = url.strip_prefix("http://").ok_or(WRONG)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if authority.is_empty() || !authority.bytes().all(is_plain) {
            return Err(WRONG);
        }
        Ok(Self { authority: authority.to_owned() })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// Why there is no answer to use.
#[derive(Debug)]
enum CallError {
    NotRunning { issuer: Issuer, source: io::Error },
    TooSlow(Issuer),
    Refused(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { issuer, .. } => {
                let authority = issuer.authority_with_port();
                write!(
                    f,
                    "no provider answers at {issuer}; start one with `linchpin-idp serve --bind {authority}`"
                )
            }
            Self::TooSlow(issuer) => {
                write!(f, "no answer from {issuer} within {} seconds", DEADLINE.as_secs())
            }
            Self::Refused(description) => write!(f, "the provider refused: {description}"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRunning { source, .. } => Some(source),
            Self::TooSlow(_) | Self::Refused(_) => None,
        }
    }
}

const DEADLINE: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 1 << 20;
const NOT_OURS: &str = "whatever listens there is not a linchpin-idp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_plain_url() {
        let authority = |url: &str| url.parse().map(|issuer: Issuer| issuer.authority_with_port()).ok();

        assert_eq!(authority("http://127.0.0.1:9000").as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(authority("http://localhost/").as_deref(), Some("localhost:80"));
        assert_eq!(authority("http://[::1]").as_deref(), Some("[::1]:80"));
        for bad in [
            "",
            "127.0.0.1:9000",
            "https://a",
            "http://",
            "http:///",
            "http://a/b",
            "http://a b",
            "http://u@a",
        ] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
