//! How the issuers are, for probes and people.

use std::fmt;

use linchpin_core::Timestamp;
use linchpin_jwt::KeySource;
use serde::Serialize;

use crate::issuer::{Held, Source};

/// The state of every issuer at one moment; [`Auth::health`](crate::Auth::health) takes it.
///
/// It serializes to what a readiness probe or a page for operators may say:
///
/// ```
/// # let pem = "-----BEGIN PUBLIC KEY-----
/// # MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// # -----END PUBLIC KEY-----";
/// let auth = linchpin::Auth::issuer("https://id.example").audience("grades").pem(pem).build()?;
///
/// assert_eq!(
///     serde_json::to_string(&auth.health())?,
///     r#"{"ready":true,"issuers":[{"issuer":"https://id.example","state":"given","keys":1}]}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// It holds no secret, but it names the issuers and tells how their providers fail: serve it where operators look, or only
/// its states.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Health {
    ready: bool,
    issuers: Vec<IssuerHealth>,
}

impl Health {
    pub(crate) fn of(sources: &[Source], now: Timestamp) -> Self {
        let issuers: Vec<IssuerHealth> = sources.iter().map(|source| IssuerHealth::of(source, now)).collect();
        Self { ready: issuers.iter().any(|issuer| issuer.state.is_usable()), issuers }
    }

    /// Whether at least one issuer's tokens can be verified, as [`Auth::is_ready`](crate::Auth::is_ready) has it.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether every issuer's tokens can be verified.
    pub fn is_complete(&self) -> bool {
        self.issuers.iter().all(|issuer| issuer.state.is_usable())
    }

    /// The issuers, in the order in which they were configured.
    pub fn issuers(&self) -> &[IssuerHealth] {
        &self.issuers
    }
}

/// How one issuer is: part of a [`Health`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IssuerHealth {
    /// The issuer; with tenants, the template of their issuers, since they share their keys.
    pub issuer: String,
    /// The state of its keys.
    pub state: IssuerState,
    /// How many keys there are.
    pub keys: usize,
    /// How many seconds ago they were last known to be current, if they are fetched and have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// Why the last fetch failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How many of the published keys are not used; no part of what is serialized, as what follows.
    #[serde(skip)]
    pub skipped: usize,
    /// How many fetches have succeeded since the start.
    #[serde(skip)]
    pub succeeded: u64,
    /// How many have failed.
    #[serde(skip)]
    pub failed: u64,
}

impl IssuerHealth {
    fn of(Source { issuer, keys }: &Source, now: Timestamp) -> Self {
        let (state, count) = match (keys.keys(now), keys) {
            (Ok(set), Held::Static(_)) => (IssuerState::Given, set.len()),
            (Ok(set), _) => (IssuerState::Available, set.len()),
            (Err(_), _) => (IssuerState::Unavailable, 0),
        };
        let health = Self {
            issuer: issuer.clone(),
            state,
            keys: count,
            age_seconds: None,
            last_error: None,
            skipped: 0,
            succeeded: 0,
            failed: 0,
        };
        #[cfg(feature = "remote")]
        if let Held::Remote(keys) = keys {
            let fetched = keys.health(now);
            return Self {
                state: fetched.state.into(),
                keys: fetched.keys,
                age_seconds: fetched.age.map(|age| age.as_secs()),
                last_error: fetched.last_error,
                skipped: fetched.skipped,
                succeeded: fetched.succeeded,
                failed: fetched.failed,
                ..health
            };
        }
        health
    }
}

/// The state of an issuer's keys.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IssuerState {
    /// They were given, and nothing is fetched.
    Given,
    /// A source of the service's own has keys.
    Available,
    /// A source of the service's own has none.
    Unavailable,
    /// No fetch has succeeded yet.
    NeverLoaded,
    /// The last fetch succeeded.
    Fresh,
    /// There are keys, and newer ones are being fetched.
    Refreshing,
    /// There are keys that are used, and the last fetch failed.
    Stale,
    /// There are keys, and they are so old that they are not used any more.
    TooStale,
}

impl IssuerState {
    /// Whether tokens of the issuer can be verified in this state.
    pub const fn is_usable(self) -> bool {
        !matches!(self, Self::Unavailable | Self::NeverLoaded | Self::TooStale)
    }
}

impl fmt::Display for IssuerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(feature = "remote")]
impl From<linchpin_oauth::KeyState> for IssuerState {
    fn from(state: linchpin_oauth::KeyState) -> Self {
        use linchpin_oauth::KeyState;
        match state {
            KeyState::NeverLoaded => Self::NeverLoaded,
            KeyState::Fresh => Self::Fresh,
            KeyState::Refreshing => Self::Refreshing,
            KeyState::Stale => Self::Stale,
            KeyState::TooStale => Self::TooStale,
            // A state of a later version; that its keys can be used is not to be taken for granted.
            _ => Self::Unavailable,
        }
    }
}
