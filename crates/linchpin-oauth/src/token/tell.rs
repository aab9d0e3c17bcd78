//! What operators read in the log: when tokens cannot be had, and when they can again, each once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{TokenError, fetch::Chain, printable::printable};

/// Writes about the tokens of one client at one authorization server.
pub(crate) struct Teller {
    server: String,
    client_id: String,
    is_failing: AtomicBool,
}

impl Teller {
    pub(crate) fn new(server: &str, client_id: &str) -> Self {
        Self {
            server: printable(server, MAX_NAME_BYTES),
            client_id: printable(client_id, MAX_NAME_BYTES),
            is_failing: AtomicBool::new(false),
        }
    }

    pub(crate) fn success(&self) {
        let Self { server, client_id, is_failing } = self;
        if is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!(server, client_id, "tokens for outgoing calls can be fetched again");
        }
    }

    /// One caller's token was not exchanged.
    pub(crate) fn refused_for_caller(&self, error: &TokenError) {
        let Self { server, client_id, .. } = self;
        let error = told(error);
        tracing::debug!(server, client_id, error, "a caller's token was not exchanged");
    }

    /// A fetch has failed; `has_token` says whether there is another one to use meanwhile.
    pub(crate) fn failure(&self, error: &TokenError, has_token: bool) {
        let Self { server, client_id, is_failing } = self;
        let error = told(error);
        if is_failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(server, client_id, error, "a token for outgoing calls still cannot be fetched");
        } else if has_token {
            let what = "a token for outgoing calls could not be fetched; the one that is there is used while it is valid";
            tracing::warn!(server, client_id, error, "{what}");
        } else {
            let what = "a token for outgoing calls could not be fetched; they fail, and it is tried again";
            tracing::error!(server, client_id, error, "{what}");
        }
    }
}

/// As much of an error and its causes as is written; what strangers said in it has been escaped.
fn told(error: &TokenError) -> String {
    Chain(error).to_string().chars().take(MAX_ERROR).collect()
}

const MAX_NAME_BYTES: usize = 256;

/// How much of an error is written, in characters.
const MAX_ERROR: usize = 512;
