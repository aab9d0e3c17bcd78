//! The ways of calling.

use std::{error::Error, net::SocketAddr, time::Duration};

use linchpin_client::Client;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use reqwest_tracing::TracingMiddleware;
use serde::Deserialize;

/// A way of calling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// `reqwest::Client::new()`, which every ratio is to.
    Reqwest,
    /// The same with time-outs, which nobody should go without.
    ReqwestTimeouts,
    Middleware,
    MiddlewareTracing,
    Linchpin,
    LinchpinSpan,
    LinchpinInRequest,
}

impl Way {
    pub(crate) const ALL: [Self; 7] = [
        Self::Reqwest,
        Self::ReqwestTimeouts,
        Self::Linchpin,
        Self::LinchpinSpan,
        Self::LinchpinInRequest,
        Self::Middleware,
        Self::MiddlewareTracing,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reqwest => "reqwest",
            Self::ReqwestTimeouts => "reqwest, time-outs",
            Self::Middleware => "reqwest-middleware, -retry",
            Self::MiddlewareTracing => "reqwest-middleware, -retry, -tracing",
            Self::Linchpin => "linchpin-client, no span",
            Self::LinchpinSpan => "linchpin-client, span",
            Self::LinchpinInRequest => "linchpin-client, span, in a request",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// Whether spans are recorded while it is measured. Where they are not, no way pays for them.
    pub(crate) fn has_subscriber(self) -> bool {
        matches!(self, Self::LinchpinSpan | Self::LinchpinInRequest | Self::MiddlewareTracing)
    }

    pub(crate) fn is_in_request(self) -> bool {
        self == Self::LinchpinInRequest
    }

    pub(crate) fn caller(self, address: SocketAddr) -> Result<Caller, Box<dyn Error>> {
        let url = format!("http://{address}/invoices/7");
        let with_timeouts = || {
            let limits =
                reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(READ).timeout(TOTAL);
            limits.build()
        };
        let middleware = || -> Result<ClientBuilder, reqwest::Error> {
            let policy = ExponentialBackoff::builder().build_with_max_retries(RETRIES);
            let retries = RetryTransientMiddleware::new_with_policy(policy);
            Ok(ClientBuilder::new(with_timeouts()?).with(retries))
        };
        let linchpin =
            |has_spans| Client::builder("billing", format!("http://{address}")).spans(has_spans).build();
        Ok(match self {
            Self::Reqwest => Caller::Reqwest(reqwest::Client::new(), url),
            Self::ReqwestTimeouts => Caller::Reqwest(with_timeouts()?, url),
            Self::Middleware => Caller::Middleware(middleware()?.build(), url),
            Self::MiddlewareTracing => {
                Caller::Middleware(middleware()?.with(TracingMiddleware::default()).build(), url)
            }
            Self::Linchpin => Caller::Linchpin(linchpin(false)?),
            Self::LinchpinSpan | Self::LinchpinInRequest => Caller::Linchpin(linchpin(true)?),
        })
    }
}

/// A client, ready to call.
#[derive(Clone)]
pub(crate) enum Caller {
    Reqwest(reqwest::Client, String),
    Middleware(ClientWithMiddleware, String),
    Linchpin(Client),
}

impl Caller {
    /// One call: a GET request, whose answer is checked for its status and read as JSON.
    pub(crate) async fn call(&self) -> Result<Invoice, Box<dyn Error>> {
        Ok(match self {
            Self::Reqwest(client, url) => client.get(url).send().await?.error_for_status()?.json().await?,
            Self::Middleware(client, url) => client.get(url).send().await?.error_for_status()?.json().await?,
            Self::Linchpin(client) => client.get("/invoices/7").send_json().await?,
        })
    }
}

/// What the server answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: u64,
    pub(crate) currency: String,
    pub(crate) lines: Vec<String>,
    pub(crate) total: u64,
}

impl Invoice {
    /// Read, so that nothing of it can be left out.
    pub(crate) fn is_whole(&self) -> bool {
        self.id == 7 && self.currency == "EUR" && self.lines.len() == 3 && self.total == 123_456
    }
}

// As linchpin-client has them.
const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(30);
const RETRIES: u32 = 2;
