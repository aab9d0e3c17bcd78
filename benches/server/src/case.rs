//! The cases: what the requests bring.

use linchpin_jwt::Algorithm;

/// What a request brings.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Case {
    Hot,
    TwoThreads,
    InTurn,
    FirstRs256,
    FirstEs256,
    FirstEdDsa,
    BadSignature,
    Expired,
    Garbage,
    NoToken,
}

impl Case {
    pub(crate) const ALL: [Self; 10] = [
        Self::Hot,
        Self::TwoThreads,
        Self::InTurn,
        Self::FirstRs256,
        Self::FirstEs256,
        Self::FirstEdDsa,
        Self::BadSignature,
        Self::Expired,
        Self::Garbage,
        Self::NoToken,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hot => "one hot token",
            Self::TwoThreads => "one hot token, each of two threads",
            Self::InTurn => "10,000 tokens in turn",
            Self::FirstRs256 => "first sight, RS256",
            Self::FirstEs256 => "first sight, ES256",
            Self::FirstEdDsa => "first sight, EdDSA",
            Self::BadSignature => "bad signature",
            Self::Expired => "expired",
            Self::Garbage => "garbage",
            Self::NoToken => "no token",
        }
    }

    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::FirstEs256 => Algorithm::ES256,
            Self::FirstEdDsa => Algorithm::EdDSA,
            _ => Algorithm::RS256,
        }
    }

    /// Whether a cache of verified tokens is off, so that each request is the first with its token.
    pub(crate) fn is_first_sight(self) -> bool {
        matches!(self, Self::FirstRs256 | Self::FirstEs256 | Self::FirstEdDsa)
    }

    /// Whether the request gets through to the handler.
    pub(crate) fn is_admitted(self) -> bool {
        !matches!(self, Self::BadSignature | Self::Expired | Self::Garbage | Self::NoToken)
    }

    /// How many different tokens there are, after each of which has come once a measurement may begin.
    pub(crate) fn tokens(self) -> usize {
        if self == Self::InTurn { 10_000 } else { 1 }
    }
}
