//! OTLP over HTTP, in protobuf.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use linchpin_core::ConfigError;
use prost::Message;
use reqwest::{
    Certificate, Client, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
    redirect::Policy,
};
use url::Url;

use super::{Accepted, Answer, Endpoint, Failure, FailureKind, Sending, Transport, printable};
use crate::vars::Named;

/// Sends requests to one URL.
///
/// Redirects are not followed, since the headers are secrets and meant for this host. Of an answer no more than 64 KiB is read.
pub(crate) struct HttpTransport {
    client: Client,
    url: Url,
    headers: HeaderMap,
    has_gzip: bool,
}

impl HttpTransport {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let mut client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("linchpin-otel/", env!("CARGO_PKG_VERSION")));
        let mut setting = "the telemetry's TLS";
        if let Some(Named { name, value }) = &endpoint.roots {
            setting = name;
            let wrong = |problem| {
                let fix = "give root certificates in PEM (-----BEGIN CERTIFICATE-----)";
                ConfigError::single(name, problem, fix)
            };
            let roots =
                Certificate::from_pem_bundle(value).map_err(|_| wrong("holds a broken certificate"))?;
            if roots.is_empty() {
                return Err(wrong("holds no certificate"));
            }
            client = client.tls_certs_merge(roots);
        }
        // What is sent over plain http, or to this machine, goes through no proxy.
        if endpoint.url.scheme() == "http" {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|_| {
            let fix = "install the system's root certificates (ca-certificates), or check the file";
            ConfigError::single(setting, "cannot be set up", fix)
        })?;
        let mut headers = endpoint.headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        if endpoint.has_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self { client, url: endpoint.url.clone(), headers, has_gzip: endpoint.has_gzip })
    }

    async fn post(&self, message: Vec<u8>) -> Result<Accepted, Failure> {
        let body = if self.has_gzip { gzipped(&message)? } else { message };
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let response = request.send().await.map_err(|error| unreachable_by(&error))?;
        let status = response.status();
        if status == StatusCode::OK {
            return accepted(response).await;
        }
        let told = format!("the collector answered {status}");
        // OTLP names these four; any other answer would be the same a second time.
        if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            return Err(Failure::refused(told));
        }
        let after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        Err(Failure { kind: FailureKind::Transient { after }, told })
    }
}

impl Transport for HttpTransport {
    fn send(&self, message: Vec<u8>) -> Sending<'_> {
        Box::pin(self.post(message))
    }
}

/// What a collector says with status 200. A page for people comes from somebody else.
async fn accepted(mut response: Response) -> Result<Accepted, Failure> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "text/html" {
        return Err(Failure::refused("a page of HTML was answered; is there a collector at this URL?"));
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // Taken is taken: what else it would have said does not matter.
            Ok(Some(_)) | Err(_) => return Ok(Accepted::default()),
        }
    }
    if media_type != PROTOBUF {
        return Ok(Accepted::default());
    }
    Ok(Answer::decode(body.as_slice()).map(Accepted::from).unwrap_or_default())
}

fn gzipped(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 2), Compression::fast());
    let written = encoder.write_all(message).and_then(|()| encoder.finish());
    written.map_err(|error| Failure::refused(format!("the request cannot be compressed: {error}")))
}

/// Why there was no answer, with the causes, which name no URL.
fn unreachable_by(error: &reqwest::Error) -> Failure {
    let mut told =
        if error.is_connect() { "cannot be connected" } else { "the exchange broke off" }.to_owned();
    let mut cause = std::error::Error::source(error);
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    Failure::transient(printable(&told))
}

const PROTOBUF: &str = "application/x-protobuf";
const MAX_ANSWER: usize = 64 * 1024;
const MAX_CAUSES: usize = 8;
