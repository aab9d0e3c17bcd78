//! How authentication went, as a line tells it.

use linchpin_core::Reason;

/// How a request fared at the layers that ask who is calling: a closed set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthOutcome {
    /// No layer has asked.
    #[default]
    NotAsked,
    /// Admitted without a credential.
    Anonymous,
    /// Admitted with a valid one.
    Authenticated,
    /// Refused, by a layer or a guard.
    Refused(Reason),
}

impl AuthOutcome {
    /// The word on the line and the span.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::Anonymous => "anonymous",
            Self::Authenticated => "authenticated",
            Self::Refused(_) => "refused",
        }
    }

    /// The code of the reason, if the request was refused.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Refused(reason) => Some(reason.code()),
            _ => None,
        }
    }
}
