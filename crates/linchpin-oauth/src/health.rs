//! How the keys of an issuer are, for probes, logs and people.

use std::{fmt, time::Duration};

/// The state of [`RemoteKeys`](crate::RemoteKeys).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyState {
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

impl KeyState {
    /// Whether tokens can be verified in this state.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Fresh | Self::Refreshing | Self::Stale)
    }

    /// The name of the state: `never_loaded`, `fresh`, `refreshing`, `stale` or `too_stale`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverLoaded => "never_loaded",
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::Stale => "stale",
            Self::TooStale => "too_stale",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What [`RemoteKeys::health`](crate::RemoteKeys::health) tells: a picture of one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeysHealth {
    /// The state.
    pub state: KeyState,
    /// How many keys there are, whether they are too old or not.
    pub keys: usize,
    /// How many of the published keys are not used; the log names them.
    pub skipped: usize,
    /// How long ago the fetch began that brought them, or found them unchanged; `None` without keys.
    pub age: Option<Duration>,
    /// How many fetches have succeeded since the start.
    pub succeeded: u64,
    /// How many have failed.
    pub failed: u64,
    /// Why the last fetch failed, if it did; what the provider sent stands in it shortened and escaped, if at all.
    pub last_error: Option<String>,
}
