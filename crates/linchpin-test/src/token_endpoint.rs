//! The token endpoint of an authorization server, by script.

use std::{
    fmt, io,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use crate::{Reply, ScriptedUpstream, SentRequest};

/// A [`ScriptedUpstream`] that issues a new token for each well-formed request to its token endpoint, and publishes metadata.
///
/// The tokens are `token-1`, `token-2` and so on, valid for an hour, for whoever asks: no credential is looked at, because that
/// is what the test does. Everything else of an upstream is available through `Deref`; what its script holds comes first.
///
/// # Examples
///
/// ```
/// use linchpin_test::{Reply, ScriptedTokenEndpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let endpoint = ScriptedTokenEndpoint::start().await?;
/// endpoint.script([Reply::token("short-lived", 5), Reply::token_error(401, "invalid_client")]);
///
/// // The code under test asks `endpoint.token_url()` for tokens here.
///
/// assert_eq!(endpoint.issued(), 0, "nobody asked");
/// # Ok(())
/// # }
/// ```
pub struct ScriptedTokenEndpoint {
    upstream: ScriptedUpstream,
    issued: Arc<AtomicUsize>,
}

impl ScriptedTokenEndpoint {
    /// Starts a server on a free loopback port.
    ///
    /// # Errors
    ///
    /// If no loopback port can be had.
    pub async fn start() -> io::Result<Self> {
        let upstream = ScriptedUpstream::start().await?;
        let issued = Arc::new(AtomicUsize::new(0));
        let (counter, issuer) = (issued.clone(), upstream.url());
        upstream.answer_with(move |request| match (request.method(), request.path()) {
            ("POST", TOKEN_PATH) if is_well_formed(request) => {
                let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
                Reply::token(&format!("token-{number}"), LIFETIME)
            }
            ("POST", TOKEN_PATH) => Reply::token_error(400, "invalid_request"),
            ("GET", "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server") => {
                Reply::json(json!({
                    "issuer": issuer,
                    "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
                    "jwks_uri": format!("{issuer}/jwks"),
                    "response_types_supported": ["code"],
                }))
            }
            _ => Reply::status(404),
        });
        Ok(Self { upstream, issued })
    }

    /// Where tokens are asked for.
    pub fn token_url(&self) -> String {
        format!("{}{TOKEN_PATH}", self.upstream.url())
    }

    /// The requests for tokens that have arrived, in order, also those that got no token.
    pub fn token_requests(&self) -> Vec<SentRequest> {
        let mut requests = self.upstream.requests();
        requests.retain(|request| request.path() == TOKEN_PATH);
        requests
    }

    /// How many tokens of its own it has issued; those of the script do not count.
    pub fn issued(&self) -> usize {
        self.issued.load(Ordering::Relaxed)
    }
}

impl Deref for ScriptedTokenEndpoint {
    type Target = ScriptedUpstream;

    fn deref(&self) -> &ScriptedUpstream {
        &self.upstream
    }
}

impl DerefMut for ScriptedTokenEndpoint {
    fn deref_mut(&mut self) -> &mut ScriptedUpstream {
        &mut self.upstream
    }
}

impl fmt::Debug for ScriptedTokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTokenEndpoint").field("token_url", &self.token_url()).finish_non_exhaustive()
    }
}

impl Reply {
    /// A bearer token that expires after this many seconds (RFC 6749 §5.1).
    pub fn token(access_token: &str, expires_in: u64) -> Self {
        let answer = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in});
        Self::json(answer).header("cache-control", "no-store")
    }

    /// The refusal of a token with this code (RFC 6749 §5.2).
    pub fn token_error(status: u16, code: &str) -> Self {
        Self::json(json!({"error": code})).with_status(status).header("cache-control", "no-store")
    }
}

/// RFC 6749 §3.2 and §4: a form that names its grant once.
fn is_well_formed(request: &SentRequest) -> bool {
    let names_grant = |(name, _): &(String, String)| name == "grant_type";
    request.headers("content-type") == ["application/x-www-form-urlencoded"]
        && request.form().into_iter().filter(names_grant).count() == 1
}

const TOKEN_PATH: &str = "/token";
const LIFETIME: u64 = 3600;
