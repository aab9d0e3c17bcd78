//! Fetching over HTTP and TLS.

use std::fmt;

use linchpin_core::ConfigError;
use reqwest::{
    Certificate, Client, ClientBuilder,
    header::{self, HeaderValue},
    redirect::Policy,
};
use url::Url;

use crate::{
    Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse, fetch::Chain, location::is_loopback,
};

/// Fetches over HTTP/1.1 and TLS, trusting the roots of the operating system.
///
/// Redirects are not followed: an answer of status 3xx is an answer like any other, and no key set. The usual proxy
/// variables are honoured for `https`; what is fetched over plain `http`, or from this machine, goes straight to its host.
///
/// # Security
///
/// Neither the errors nor `Debug` hold the URL, so a secret in its query, or in a proxy's URL, does not reach a log.
#[derive(Clone)]
pub struct HttpFetch {
    /// For `https` to other machines.
    tls: Client,
    /// For `https` to this one, which no proxy reaches.
    loopback: Client,
    /// For `http`.
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
        let (tls, loopback) = match extra_roots {
            Some(pem) => (trusting(pem, client())?, trusting(pem, client().no_proxy())?),
            None => (client().build().map_err(failed)?, plain.clone()),
        };
        Ok(Self { tls, loopback, plain })
    }

    fn client_for(&self, url: &Url) -> &Client {
        match url.scheme() {
            "http" => &self.plain,
            _ if is_loopback(url.host().as_ref()) => &self.loopback,
            _ => &self.tls,
        }
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
            let headers = response.headers();
            let etag = headers.get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let cache_control = joined(headers.get_all(header::CACHE_CONTROL));

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

/// The lines of a header that is a list, as the one line that they stand for (RFC 9110 §5.3).
fn joined<'h>(lines: impl IntoIterator<Item = &'h HeaderValue>) -> Option<String> {
    let lines: Vec<&str> = lines.into_iter().filter_map(|line| line.to_str().ok()).collect();
    if lines.is_empty() { None } else { Some(lines.join(", ")) }
}

fn trusting(pem: &[u8], client: ClientBuilder) -> Result<Client, ConfigError> {
    let wrong = |problem: String| {
        let fix = "give the root certificate of the provider in PEM (-----BEGIN CERTIFICATE-----)";
        ConfigError::single("ca_pem", problem, fix)
    };
    let broken = |error: reqwest::Error| wrong(format!("holds a broken certificate: {}", Chain(&error)));

    let certificates = Certificate::from_pem_bundle(pem).map_err(broken)?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    client.tls_certs_merge(certificates).build().map_err(broken)
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFetch(..)")
    }
}
