//! What sources that ask a token endpoint have in common.

use std::time::Duration;

use linchpin_core::{ConfigError, Scope};
use url::Url;

use super::{cached::Terms, tell::Teller};
use crate::TokenEndpoint;

/// What may be set about the tokens of a source.
pub(crate) struct TermsBuilder {
    endpoint: TokenEndpoint,
    scopes: Vec<String>,
    audiences: Vec<String>,
    resources: Vec<String>,
    margin: Duration,
    default_lifetime: Duration,
}

impl TermsBuilder {
    pub(crate) fn new(endpoint: &TokenEndpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            scopes: Vec::new(),
            audiences: Vec::new(),
            resources: Vec::new(),
            margin: Duration::from_secs(30),
            default_lifetime: Duration::from_secs(300),
        }
    }

    pub(crate) fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    pub(crate) fn add_scope(&mut self, scope: impl Into<String>) {
        self.scopes.push(scope.into());
    }

    pub(crate) fn add_audience(&mut self, audience: impl Into<String>) {
        self.audiences.push(audience.into());
    }

    pub(crate) fn add_resource(&mut self, resource: impl Into<String>) {
        self.resources.push(resource.into());
    }

    pub(crate) fn set_margin(&mut self, margin: Duration) {
        self.margin = margin;
    }

    pub(crate) fn set_default_lifetime(&mut self, lifetime: Duration) {
        self.default_lifetime = lifetime;
    }

    /// Whether it is said for whom the tokens are.
    pub(crate) fn names_a_target(&self) -> bool {
        !self.audiences.is_empty() || !self.resources.is_empty()
    }

    pub(crate) fn check(&self, problems: &mut ConfigError) {
        for scope in &self.scopes {
            if let Err(error) = scope.parse::<Scope>() {
                let fix = "give one scope at a time, without spaces, for example invoices:read";
                problems.report("scopes", format!("name {scope:?}, which is no scope: {error}"), fix);
            }
        }
        if self.audiences.iter().any(String::is_empty) {
            problems.report("audience", "is empty", "give the name of the service that the tokens are for");
        }
        for resource in &self.resources {
            // RFC 8707 §2
            if Url::parse(resource).map_or(true, |url| url.fragment().is_some()) {
                let problem = format!("is {resource:?}, which is not an absolute URI, or has a fragment");
                problems.report("resource", problem, "give a URI, for example https://billing.example");
            }
        }
        if self.margin > Duration::from_secs(60 * 60) {
            problems.report("margin", "is above an hour", "give some seconds, for example 30");
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60)).contains(&self.default_lifetime) {
            let problem = "is below a second or above a day";
            problems.report("default_lifetime", problem, "give what the server documents, for example 300");
        }
    }

    pub(crate) fn build(
        self,
        mut parameters: Vec<(&'static str, String)>,
        refreshes_by_itself: bool,
    ) -> Terms {
        if !self.scopes.is_empty() {
            parameters.push(("scope", self.scopes.join(" ")));
        }
        parameters.extend(self.audiences.into_iter().map(|audience| ("audience", audience)));
        parameters.extend(self.resources.into_iter().map(|resource| ("resource", resource)));
        Terms {
            teller: Teller::new(&self.endpoint.shown(), self.endpoint.client_id()),
            endpoint: self.endpoint,
            parameters,
            margin: self.margin,
            default_lifetime: self.default_lifetime,
            refreshes_by_itself,
        }
    }
}
