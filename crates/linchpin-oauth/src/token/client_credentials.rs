//! Tokens of the service's own.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::ConfigError;

use super::{
    cached::{CachedToken, Terms},
    terms::TermsBuilder,
};
use crate::{AccessToken, TokenEndpoint, TokenOutcome, TokenRequest, TokenSource};

/// The service's own token (grant `client_credentials`, RFC 6749 §4.4), fetched when it is needed and kept fresh.
///
/// Calls that need a token wait together for one fetch. After eight to nine tenths of the time until the [margin], another one
/// is fetched in the background, as long as calls use it; a token that nobody has used since it came is not replaced before the next call. While
/// the server is down the token that is there is given out until it expires. A clone shares it.
///
/// [margin]: ClientCredentialsBuilder::margin
///
/// # Examples
///
/// ```no_run
/// use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = "";
/// let server = TokenEndpoint::discovery("https://id.example", ClientAuth::secret_basic("grades", secret)).build()?;
/// let tokens = ClientCredentials::builder(&server).audience("billing").scope("invoices:read").build()?;
/// # drop(tokens);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A fetch that fails is an error for all who wait for it. Then follows a pause, which grows from half a second to ten
/// (from two seconds to a minute if the server refuses) and respects `Retry-After` up to a minute; whoever comes meanwhile hears
/// the same error at once.
#[derive(Clone)]
pub struct ClientCredentials {
    terms: Arc<Terms>,
    cached: Arc<CachedToken>,
}

impl ClientCredentials {
    /// Starts with a server and this service as its client.
    pub fn builder(endpoint: &TokenEndpoint) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder { terms: TermsBuilder::new(endpoint) }
    }
}

impl TokenSource for ClientCredentials {
    fn token(&self, _: &TokenRequest<'_>) -> TokenOutcome {
        self.cached.take()
    }

    fn rejected(&self, token: &AccessToken) {
        self.cached.reject(token);
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.terms.endpoint)
            .field("parameters", &self.terms.parameters)
            .finish_non_exhaustive()
    }
}

/// Puts [`ClientCredentials`] together.
#[must_use]
pub struct ClientCredentialsBuilder {
    terms: TermsBuilder,
}

impl ClientCredentialsBuilder {
    /// Asks for this scope, beside others that are set; the server's default if there is none.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.terms.add_scope(scope);
        self
    }

    /// Asks for a token for this service (`audience`, RFC 8693 §2.1; Auth0 and others take it here, too).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.terms.add_audience(audience);
        self
    }

    /// Asks for a token for the service at this URI (`resource`, RFC 8707 §2).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.terms.add_resource(resource);
        self
    }

    /// Sets how long before it expires a token is no longer given out without asking for another; 30 seconds unless set.
    ///
    /// It is never more than a quarter of the token's life.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.terms.set_margin(margin);
        self
    }

    /// Sets how long a token is valid if the server does not say (`expires_in`); 300 seconds unless set.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.terms.set_default_lifetime(lifetime);
        self
    }

    /// A source of such tokens; nothing is fetched before the first call.
    ///
    /// # Errors
    ///
    /// All wrong settings at once.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        let mut problems = ConfigError::collect();
        self.terms.check(&mut problems);
        problems.check()?;
        let parameters = vec![("grant_type", "client_credentials".to_owned())];
        let terms = Arc::new(self.terms.build(parameters, true));
        Ok(ClientCredentials { cached: Arc::new(CachedToken::new(terms.clone(), None)), terms })
    }
}

impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialsBuilder")
            .field("endpoint", self.terms.endpoint())
            .finish_non_exhaustive()
    }
}
