//! Fetching over HTTP and TLS.

use std::fmt;

use linchpin_core::ConfigError;
use reqwest::{Certificate, Client, ClientBuilder, header, redirect::Policy};
use url::Url;

use crate::{Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse, fetch::Chain};

/// Fetches over HTTP/1.1 and TLS, trusting the roots of the operating system.
///
/// Redirects are not followed: an answer of status 3xx is an answer like any other, and no key set. The usual proxy
/// variables are honoured for `https`; what is fetched over plain `http` goes straight to its host.
#[derive(Clone)]
pub struct HttpFetch {
    tls: Client,
    plain: Client,
}

impl HttpFetch {
    /// A fetcher that trusts the certificates in `extra_roots` (PEM, one or more) beside the system's.
    ///
    /// # Errors
    ///
    /// If the PEM holds no certificate, or a broken one; the setting is called `ca_pem`. If the system's roots cannot be
    /// read; the setting is called `tls`.
    pub fn new(extra_roots: Option<&[u8]>) -> Result<Self, ConfigError> {
        let failed = |error: reqwest::Error| {
            let problem = format!("client cannot be built: {}", Chain(&error));
            ConfigError::single("tls", problem, "install the system's root certificates (ca-certificates)")
        };
        // Plain http is allowed where nobody can tamper with the answer; a proxy could.
        // Built first, and without the PEM, so that the PEM is not blamed for the system's roots.
        let plain = client().no_proxy().build().map_err(failed)?;
        let tls = match extra_roots {
            Some(pem) => trusting(pem)?,
            None => client().build().map_err(failed)?,
        };
        Ok(Self { tls, plain })
    }

    fn client_for(&self, url: &Url) -> &Client {
        if url.scheme() == "http" { &self.plain } else { &self.tls }
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

            let url = Url::parse(url).map_err(|error| FetchError::new("not a URL").with_source(error))?;
            let mut request =
                self.client_for(&url).get(url.clone()).header(header::ACCEPT, "application/json");
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

fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("linchpin-oauth/", env!("CARGO_PKG_VERSION")))
}

fn trusting(pem: &[u8]) -> Result<Client, ConfigError> {
    let wrong = |problem: String| {
        let fix = "give the root certificate of the provider in PEM (-----BEGIN CERTIFICATE-----)";
        ConfigError::single("ca_pem", problem, fix)
    };
    let broken = |error: reqwest::Error| wrong(format!("holds a broken certificate: {}", Chain(&error)));

    let certificates = Certificate::from_pem_bundle(pem).map_err(broken)?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    client().tls_certs_merge(certificates).build().map_err(broken)
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFetch(..)")
    }
}
