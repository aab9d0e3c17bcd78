//! Fetching over HTTP and TLS.

use std::fmt;

use linchpin_core::ConfigError;
use reqwest::{Certificate, Client, header, redirect::Policy};

use crate::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse, fetch::Chain};

/// Fetches over HTTP/1.1 and TLS, trusting the roots of the operating system.
///
/// Redirects are not followed: an answer of status 3xx is an answer like any other, and no key set. The usual proxy
/// variables are honoured.
#[derive(Clone)]
pub struct HttpFetch {
    client: Client,
}

impl HttpFetch {
    /// A fetcher that trusts the certificates in `extra_roots` (PEM, one or more) beside the system's.
    ///
    /// # Errors
    ///
    /// If the PEM holds no certificate, or the system's roots cannot be read. The setting is called `ca_pem`.
    pub fn new(extra_roots: Option<&[u8]>) -> Result<Self, ConfigError> {
        const CA_PEM: &str = "ca_pem";

        let mut builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("linchpin-oauth/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = extra_roots {
            let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(ConfigError::single(
                    CA_PEM,
                    "holds no certificate",
                    "give the root certificate of the provider in PEM (-----BEGIN CERTIFICATE-----)",
                ));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|error| {
            let problem = format!("does not make a TLS client: {}", Chain(&error));
            ConfigError::single(CA_PEM, problem, "install the system's root certificates (ca-certificates)")
        })?;
        Ok(Self { client })
    }
}

impl Fetch for HttpFetch {
    fn fetch<'a>(
        &'a self,
        FetchRequest { url, if_none_match, max_bytes }: FetchRequest<'a>,
    ) -> FetchFuture<'a> {
        Box::pin(async move {
            // The URL is left out of the cause: whoever logs it has said already what was being fetched.
            let failed =
                |what: &str, error: reqwest::Error| FetchError::new(what).with_source(error.without_url());

            let mut request = self.client.get(url).header(header::ACCEPT, "application/json");
            if let Some(etag) = if_none_match {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            let mut response = request.send().await.map_err(|error| failed("no answer", error))?;
            let text =
                |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (etag, cache_control) = (text(header::ETAG), text(header::CACHE_CONTROL));

            let mut body = Vec::new();
            while let Some(chunk) =
                response.chunk().await.map_err(|error| failed("the answer broke off", error))?
            {
                if body.len() + chunk.len() > max_bytes {
                    return Err(FetchError::new(format!("the answer is larger than {max_bytes} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(FetchResponse { status: response.status().as_u16(), body, etag, cache_control })
        })
    }
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFetch(..)")
    }
}
