//! Fetching over HTTP and TLS.

use std::fmt;

use linchpin_core::ConfigError;
use reqwest::{
    Certificate, Client, ClientBuilder, Identity, RequestBuilder,
    header::{self, HeaderValue},
    redirect::Policy,
};
use url::Url;

use crate::{
    Fetch, FetchError, FetchFuture, FetchRequest, FetchResponse, FormRequest, PostForm, fetch::Chain,
    location::is_loopback,
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
            Some(pem) => {
                let certificates = certificates(pem)?;
                let build = |client: ClientBuilder| {
                    client.tls_certs_merge(certificates.clone()).build().map_err(|error| broken(&error))
                };
                (build(client())?, build(client().no_proxy())?)
            }
            None => (client().build().map_err(failed)?, plain.clone()),
        };
        Ok(Self { tls, loopback, plain })
    }

    /// A fetcher that shows a certificate to whoever asks for one (RFC 8705 §2), over TLS.
    ///
    /// The PEM holds the certificate, those between it and its root, and its private key.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new); also if the PEM lacks a certificate or a key, or they do not belong together. The setting
    /// is called `client_certificate`.
    pub fn with_client_certificate(extra_roots: Option<&[u8]>, pem: &[u8]) -> Result<Self, ConfigError> {
        // What is wrong with the rest is found first, so that the certificate is not blamed for it.
        let Self { plain, .. } = Self::new(extra_roots)?;
        let wrong = |error: reqwest::Error| {
            let problem = format!("is of no use: {}", Chain(&error));
            let fix = "give one PEM with the certificate (-----BEGIN CERTIFICATE-----) and its private key";
            ConfigError::single("client_certificate", problem, fix)
        };
        let identity = Identity::from_pem(pem).map_err(wrong)?;
        let roots = extra_roots.map_or_else(|| Ok(Vec::new()), certificates)?;
        let build = |client: ClientBuilder| {
            client.tls_certs_merge(roots.clone()).identity(identity.clone()).build().map_err(wrong)
        };
        Ok(Self { tls: build(client())?, loopback: build(client().no_proxy())?, plain })
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
            let url = Url::parse(url).map_err(|error| FetchError::new("not a URL").with_source(error))?;
            let mut request =
                self.client_for(&url).get(url.clone()).header(header::ACCEPT, "application/json");
            if let Some(etag) = if_none_match {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            read(request, max_bytes).await
        })
    }
}

impl PostForm for HttpFetch {
    fn post_form<'a>(&'a self, request: FormRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let FormRequest { url, authorization, body, max_bytes } = request;
            let url = Url::parse(url).map_err(|error| FetchError::new("not a URL").with_source(error))?;
            let mut request = self
                .client_for(&url)
                .post(url)
                .header(header::ACCEPT, "application/json")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.to_owned());
            if let Some(authorization) = authorization {
                let mut value = HeaderValue::from_str(authorization)
                    .map_err(|_| FetchError::new("the client's credential fits into no header"))?;
                value.set_sensitive(true);
                request = request.header(header::AUTHORIZATION, value);
            }
            read(request, max_bytes).await
        })
    }
}

/// Sends a request and reads the whole answer, as long as it is not too large.
async fn read(request: RequestBuilder, max_bytes: usize) -> Result<FetchResponse, FetchError> {
    // The URL is left out of the cause: whoever logs it has said already what was being fetched.
    let failed = |what: &str, error: reqwest::Error| FetchError::new(what).with_source(error.without_url());

    let mut response = request.send().await.map_err(|error| failed("no answer", error))?;
    let headers = response.headers();
    let single = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag, retry_after) = (single(header::ETAG), single(header::RETRY_AFTER));
    let cache_control = joined(headers.get_all(header::CACHE_CONTROL));

    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed("the answer broke off", error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(FetchError::too_large(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(FetchResponse { status: response.status().as_u16(), body, etag, cache_control, retry_after })
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

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, ConfigError> {
    let certificates = Certificate::from_pem_bundle(pem).map_err(|error| broken(&error))?;
    if certificates.is_empty() { Err(wrong_pem("holds no certificate".to_owned())) } else { Ok(certificates) }
}

fn broken(error: &reqwest::Error) -> ConfigError {
    wrong_pem(format!("holds a broken certificate: {}", Chain(error)))
}

fn wrong_pem(problem: String) -> ConfigError {
    let fix = "give the root certificate of the provider in PEM (-----BEGIN CERTIFICATE-----)";
    ConfigError::single("ca_pem", problem, fix)
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpFetch(..)")
    }
}
