//! Where a collector is, and how it is spoken to, by the variables.

use std::{fmt, fs, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{
    Signal,
    vars::{Named, Quoted, Vars, pairs},
};

/// Everything about the way to the collector of one signal.
///
/// Its `Debug` shows neither headers nor what else could be a secret.
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) protocol: Protocol,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) has_gzip: bool,
    /// Further roots, in PEM, and the variable that names their file.
    pub(crate) roots: Option<Named<Vec<u8>>>,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    HttpProtobuf,
    #[cfg(feature = "grpc")]
    Grpc,
}

impl Endpoint {
    /// The endpoint of a signal, if there is one or `is_asked_for`; the problems stay with the variables.
    pub(crate) fn read(signal: Signal, is_asked_for: bool, vars: &mut Vars) -> Option<Self> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.variable());
        let is_set = [own.as_str(), GENERAL].iter().any(|name| vars.text(name).is_some());
        if !is_set && !is_asked_for {
            return None;
        }
        let protocol = protocol(signal, vars);
        let url = match vars.text(&own) {
            Some(text) => parsed(&own, &text, vars),
            None => {
                let text = vars.text(GENERAL).unwrap_or_else(|| protocol.default_endpoint().to_owned());
                parsed(GENERAL, &text, vars).map(|url| protocol.below(url, signal))
            }
        };
        let headers = headers(signal, vars);
        let timeout = vars.exporter(signal, "TIMEOUT").map(|Named { name, .. }| vars.millis(&name, TIMEOUT));
        let has_gzip = gzip(signal, vars);
        let roots = roots(signal, vars);
        let timeout = timeout.unwrap_or(Duration::from_millis(TIMEOUT));
        Some(Self { url: url?, protocol, headers, timeout, has_gzip, roots })
    }

    /// The same, with no batch taking longer than this.
    pub(crate) fn within(mut self, longest: Duration) -> Self {
        self.timeout = self.timeout.min(longest);
        self
    }

    /// The URL for logs: user, password, query and fragment left out.
    pub(crate) fn shown(&self) -> String {
        shown(&self.url)
    }
}

impl Protocol {
    fn default_endpoint(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http://localhost:4318",
            #[cfg(feature = "grpc")]
            Self::Grpc => "http://localhost:4317",
        }
    }

    fn below(self, mut url: Url, signal: Signal) -> Url {
        match self {
            Self::HttpProtobuf => {
                let path = format!("{}/v1/{}", url.path().trim_end_matches('/'), signal.name());
                url.set_path(&path);
                url
            }
            #[cfg(feature = "grpc")]
            Self::Grpc => url,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.shown())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// A URL of the web; what is wrong is told without the text, in which a password may stand.
fn parsed(name: &str, text: &str, vars: &mut Vars) -> Option<Url> {
    let fix = "give a URL, for example http://collector:4318";
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        Ok(url) => {
            vars.problems.report(name, format!("has the scheme {}", Quoted(url.scheme())), fix);
            None
        }
        Err(error) => {
            vars.problems.report(name, format!("is no URL ({error})"), fix);
            None
        }
    }
}

fn protocol(signal: Signal, vars: &mut Vars) -> Protocol {
    let Some(Named { name, value }) = vars.exporter(signal, "PROTOCOL") else {
        return Protocol::HttpProtobuf;
    };
    match value.as_str() {
        "http/protobuf" => return Protocol::HttpProtobuf,
        #[cfg(feature = "grpc")]
        "grpc" => return Protocol::Grpc,
        #[cfg(not(feature = "grpc"))]
        "grpc" => vars.problems.report(
            name,
            "is \"grpc\", and this service was built without it",
            "enable the feature `grpc` of linchpin-otel, or give http/protobuf",
        ),
        _ => vars.problems.report(name, format!("is {}", Quoted(&value)), "give http/protobuf or grpc"),
    }
    Protocol::HttpProtobuf
}

fn headers(signal: Signal, vars: &mut Vars) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(Named { name, value }) = vars.exporter(signal, "HEADERS") else { return headers };
    let fix = "give, for example, authorization=Bearer%20abc,x-tenant=school";
    let pairs = match pairs(&value) {
        Ok(pairs) => pairs,
        Err(problem) => {
            vars.problems.report(name, problem, fix);
            return headers;
        }
    };
    for (index, (header, value)) in pairs.into_iter().enumerate() {
        let header: Option<HeaderName> = header.parse().ok();
        let value = HeaderValue::from_str(&value).ok();
        let (Some(header), Some(mut value)) = (header, value) else {
            let problem = format!("has an item {} that cannot be a header", index + 1);
            vars.problems.report(&name, problem, fix);
            continue;
        };
        // Whatever prints a header map shows none of them.
        value.set_sensitive(true);
        headers.append(header, value);
    }
    headers
}

fn gzip(signal: Signal, vars: &mut Vars) -> bool {
    let Some(Named { name, value }) = vars.exporter(signal, "COMPRESSION") else { return false };
    if !matches!(value.as_str(), "gzip" | "none") {
        vars.problems.report(name, format!("is {}", Quoted(&value)), "give gzip or none");
    }
    value == "gzip"
}

fn roots(signal: Signal, vars: &mut Vars) -> Option<Named<Vec<u8>>> {
    let Named { name, value } = vars.exporter(signal, "CERTIFICATE")?;
    match fs::read(&value) {
        Ok(pem) => Some(Named { name, value: pem }),
        Err(error) => {
            let problem = format!("is {}, which cannot be read: {error}", Quoted(&value));
            vars.problems.report(name, problem, "name a PEM file that this process may read");
            None
        }
    }
}

const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TIMEOUT: u64 = 10_000;
