//! The upstream service.

use std::time::Duration;

use bytes::Bytes;
use linchpin::{
    ConfigError,
    client::{Client, Error},
    core::Problem,
    service_token,
};

/// The service behind `UPSTREAM_URL`, if that is set.
///
/// The default is none, and so is its answer: 503.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    client: Option<Client>,
}

impl Upstream {
    /// Reads `UPSTREAM_URL`, and `CLIENT_*` for the token that is sent there; without any of these none is sent.
    ///
    /// # Errors
    ///
    /// Every wrong variable at once.
    pub fn from_env(service: &str) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let tokens = problems.take(service_token::from_env_if_set()).flatten();
        let url = std::env::var_os("UPSTREAM_URL").filter(|url| !url.is_empty());
        let client = url.and_then(|url| {
            // What is not UTF-8 is no URL either.
            let client = Client::builder("upstream", url.to_string_lossy())
                .service(service, env!("CARGO_PKG_VERSION"))
                .total_timeout(TIMEOUT);
            let client = match tokens {
                Some(tokens) => client.token_source(tokens),
                None => client,
            };
            let by_variable = |setting: &str| (setting == "base_url").then(|| "UPSTREAM_URL".to_owned());
            problems.take(client.build().map_err(|error| error.rename(by_variable)))
        });
        problems.check()?;
        Ok(Self { client })
    }

    /// Calls it, with id, trace and deadline of the current request, and takes over its answer.
    ///
    /// The answer is read as a whole, 1 MiB at most: one that breaks off is an error that can still be told.
    ///
    /// # Errors
    ///
    /// 502, 503 or 504 if there is no answer, or none that is a success.
    pub async fn call(&self) -> Result<Relayed, Problem> {
        let Some(client) = &self.client else {
            return Err(Problem::new(503, "Service Unavailable").detail("No upstream service is configured."));
        };
        relayed(client).await.map_err(|error| {
            tracing::warn!(kind = error.kind().name(), %error, "the upstream service gave no answer of use");
            error.into()
        })
    }
}

impl From<Client> for Upstream {
    /// An upstream service by a client that was made elsewhere.
    fn from(client: Client) -> Self {
        Self { client: Some(client) }
    }
}

/// What the upstream service has answered.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// The media type that it names; if it names none, that of any bytes.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

async fn relayed(client: &Client) -> Result<Relayed, Error> {
    let answer = client.get("").send().await?.error_for_status().await?;
    let content_type = answer.header("content-type").unwrap_or("application/octet-stream").to_owned();
    Ok(Relayed { content_type, body: answer.bytes().await? })
}

/// How long a call may take: less than most clients wait for us.
const TIMEOUT: Duration = Duration::from_secs(5);
