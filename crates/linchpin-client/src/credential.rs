//! The token of a call, and the header that carries it.

use std::sync::Arc;

use http::HeaderValue;
use linchpin_core::SubjectToken;
use linchpin_oauth::{AccessToken, TokenOutcome, TokenRequest, TokenSource};
use tokio::time::timeout_at;

use crate::{Error, ErrorKind, client::Shared, limit::Limit};

/// A token, with its header's value.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) token: AccessToken,
    pub(crate) header: HeaderValue,
}

impl Shared {
    /// The token of a source for this client's own origin.
    pub(crate) async fn credential(
        &self,
        source: &dyn TokenSource,
        subject: Option<&SubjectToken>,
        limit: Limit,
    ) -> Result<Credential, Error> {
        let token = match source.token(&TokenRequest::new(&self.base.origin).subject(subject)) {
            TokenOutcome::Ready(result) => result,
            TokenOutcome::Pending(pending) => {
                timeout_at(limit.at, pending).await.map_err(|_| limit.error(&self.name))?
            }
        };
        let token = token.map_err(|error| Error::token(&self.name, error))?;
        // Those of callers are many, and each is short-lived.
        if subject.is_some() {
            return self.header(token);
        }
        let last = self.last_credential.load();
        match last.as_deref() {
            Some(last) if last.token == token => Ok(last.clone()),
            _ => {
                let credential = self.header(token)?;
                self.last_credential.store(Some(Arc::new(credential.clone())));
                Ok(credential)
            }
        }
    }

    fn header(&self, token: AccessToken) -> Result<Credential, Error> {
        let header = HeaderValue::from_str(token.authorization());
        let mut header =
            header.map_err(|_| Error::new(&self.name, ErrorKind::Token, "the token fits into no header"))?;
        // The HTTP client keeps what is sensitive out of its logs and of tables that HTTP/2 shares.
        header.set_sensitive(true);
        Ok(Credential { token, header })
    }
}
