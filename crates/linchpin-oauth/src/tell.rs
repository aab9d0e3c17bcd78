//! What operators read in the log: each change of state once.

use linchpin_jwt::{KeyError, KeySet};

use crate::{KeyState, machine::Change};

/// Writes about the keys of one issuer.
#[derive(Debug)]
pub(crate) struct Teller {
    issuer: String,
    location: String,
}

impl Teller {
    pub(crate) fn new(issuer: &str, location: &str) -> Self {
        let printable = |text: &str| text.chars().take(MAX_NAME).flat_map(char::escape_debug).collect();
        Self { issuer: printable(issuer), location: printable(location) }
    }

    pub(crate) fn success(&self, change: Option<Change>, keys: usize) {
        let (Self { issuer, location }, state) = (self, KeyState::Fresh.name());
        match change {
            Some(Change::Healed { failures }) => {
                tracing::info!(
                    issuer,
                    location,
                    state,
                    keys,
                    failures,
                    "the issuer's keys can be fetched again"
                );
            }
            Some(_) => tracing::info!(issuer, location, state, keys, "the issuer's keys are there"),
            None => tracing::trace!(issuer, location, keys, "the issuer's keys are as fresh as before"),
        }
    }

    pub(crate) fn failure(&self, change: Option<Change>, keys: usize, failures: u32, error: &str) {
        let Self { issuer, location } = self;
        match change {
            Some(Change::TooStale) => {
                let state = KeyState::TooStale.name();
                tracing::error!(
                    issuer,
                    location,
                    state,
                    keys,
                    error,
                    "the issuer's keys are too old to be used; its tokens are answered 503 until newer ones are there"
                );
            }
            Some(Change::Stale) => {
                let state = KeyState::Stale.name();
                tracing::warn!(
                    issuer,
                    location,
                    state,
                    keys,
                    error,
                    "the issuer's keys could not be fetched; those that are there are used, and it is tried again"
                );
            }
            Some(_) => {
                let state = KeyState::NeverLoaded.name();
                tracing::warn!(
                    issuer,
                    location,
                    state,
                    error,
                    "the issuer's keys could not be fetched; its tokens are answered 503, and it is tried again"
                );
            }
            None => {
                tracing::debug!(
                    issuer,
                    location,
                    failures,
                    error,
                    "the issuer's keys still cannot be fetched"
                );
            }
        }
    }

    /// Names the keys that are not used, unless the last set had the same ones.
    pub(crate) fn skipped(&self, before: Option<&KeySet>, keys: &KeySet) {
        let errors =
            |keys: &KeySet| keys.skipped().iter().map(|skipped| skipped.error).collect::<Vec<KeyError>>();
        if before.map_or_else(Vec::new, errors) == errors(keys) {
            return;
        }
        let Self { issuer, location } = self;
        for skipped in keys.skipped() {
            tracing::warn!(
                issuer, location, key = skipped.index, reason = %skipped.error, "a published key is not used"
            );
        }
    }
}

/// How much of a name is written, in characters, before it is escaped.
const MAX_NAME: usize = 256;
