//! Tokens on behalf of callers.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::ConfigError;

use super::{cached::Terms, per_subject::PerSubject, terms::TermsBuilder};
use crate::{
    AccessToken, TokenEndpoint, TokenError, TokenErrorKind, TokenOutcome, TokenRequest, TokenSource,
};

/// Exchanges the caller's token for one with which the next service is called on the caller's behalf (RFC 8693).
///
/// Each caller's token is kept by the whole of the token that it was exchanged for, and under the same rules as those of
/// [`ClientCredentials`](crate::ClientCredentials), except that it is replaced only when it is used. There are a thousand
/// unless set otherwise; beyond that, the one goes that was used longest ago. A clone shares them.
///
/// # Examples
///
/// ```no_run
/// use linchpin_oauth::{ClientAuth, TokenEndpoint, TokenExchange};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = "";
/// let server = TokenEndpoint::discovery("https://id.example", ClientAuth::secret_basic("grades", secret)).build()?;
/// let tokens = TokenExchange::builder(&server).audience("billing").scope("invoices:read").build()?;
/// # drop(tokens);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A call on nobody's behalf gets [`NoSubject`](TokenErrorKind::NoSubject); all else is as for
/// [`ClientCredentials`](crate::ClientCredentials), for each caller.
///
/// # Security
///
/// A token that was exchanged is given out until it expires, even if the caller's own has been withdrawn since; a request with
/// that one has to be refused before.
#[derive(Clone)]
pub struct TokenExchange {
    terms: Arc<Terms>,
    tokens: Arc<PerSubject>,
}

impl TokenExchange {
    /// Starts with a server and this service as its client.
    pub fn builder(endpoint: &TokenEndpoint) -> TokenExchangeBuilder {
        TokenExchangeBuilder {
            terms: TermsBuilder::new(endpoint),
            subject_token_type: ACCESS_TOKEN.to_owned(),
            max_callers: 1000,
        }
    }
}

impl TokenSource for TokenExchange {
    fn token(&self, call: &TokenRequest<'_>) -> TokenOutcome {
        let Some(subject) = call.on_behalf_of() else {
            let problem = "there is no caller whose token could be exchanged";
            return TokenOutcome::Ready(Err(TokenError::new(TokenErrorKind::NoSubject, problem)));
        };
        self.tokens.get_or_make(subject).take()
    }

    fn rejected(&self, token: &AccessToken) {
        self.tokens.each(|cached| cached.reject(token));
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("endpoint", &self.terms.endpoint)
            .field("parameters", &self.terms.parameters)
            .finish_non_exhaustive()
    }
}

/// Puts a [`TokenExchange`] together.
#[must_use]
pub struct TokenExchangeBuilder {
    terms: TermsBuilder,
    subject_token_type: String,
    max_callers: usize,
}

impl TokenExchangeBuilder {
    /// Asks for this scope, beside others that are set.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.terms.add_scope(scope);
        self
    }

    /// Asks for tokens for this service (`audience`); one is required, or a [`resource`](Self::resource).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.terms.add_audience(audience);
        self
    }

    /// Asks for tokens for the service at this URI (`resource`).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.terms.add_resource(resource);
        self
    }

    /// Sets what the callers' tokens are (RFC 8693 §3); `urn:ietf:params:oauth:token-type:access_token` unless set.
    pub fn subject_token_type(mut self, token_type: impl Into<String>) -> Self {
        self.subject_token_type = token_type.into();
        self
    }

    /// Sets for how many callers tokens are kept; 1000 unless set, 10,000 at most.
    pub fn max_callers(mut self, max_callers: usize) -> Self {
        self.max_callers = max_callers;
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
    pub fn build(self) -> Result<TokenExchange, ConfigError> {
        let mut problems = ConfigError::collect();
        self.terms.check(&mut problems);
        if !self.terms.names_a_target() {
            let fix = "name the service that is called, so that the token is of use there only";
            problems.report("audience", "is not set, nor is a resource", fix);
        }
        if self.subject_token_type.is_empty() {
            problems.report("subject_token_type", "is empty", "leave it out, or name the type");
        }
        if !(1..=MAX_CALLERS).contains(&self.max_callers) {
            problems.report(
                "max_callers",
                "is zero or above 10000",
                "give a number of callers, for example 1000",
            );
        }
        problems.check()?;
        let parameters = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
            ("requested_token_type", ACCESS_TOKEN.to_owned()),
            ("subject_token_type", self.subject_token_type),
        ];
        let terms = Arc::new(self.terms.build(parameters, false));
        Ok(TokenExchange { tokens: Arc::new(PerSubject::new(terms.clone(), self.max_callers)), terms })
    }
}

impl fmt::Debug for TokenExchangeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchangeBuilder")
            .field("endpoint", self.terms.endpoint())
            .finish_non_exhaustive()
    }
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A new caller copies the list of all, which has to stay a matter of microseconds.
const MAX_CALLERS: usize = 10_000;
