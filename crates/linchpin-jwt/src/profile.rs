//! What kind of token a verifier expects.

use std::{error::Error, fmt, str::FromStr};

use crate::{Algorithm, Algorithms};

/// The kind of token that a verifier accepts.
///
/// | | `generic` | `rfc9068` | `open_edx` |
/// |---|---|---|---|
/// | `typ` of the header | absent, `JWT` or `at+jwt` | `at+jwt` | absent, `JWT` or `at+jwt` |
/// | demanded beside `iss`, `aud` and `exp` | | `sub`, `client_id`, `iat`, `jti` | |
/// | schemes | `Bearer` | `Bearer` | `JWT`, `Bearer` |
/// | `version` | ignored | ignored | major 1; absent counts as 1.0.0 |
/// | algorithms unless set | RS256, ES256, EdDSA | RS256, ES256, EdDSA | those and RS512 |
///
/// # Security
///
/// An ID token of the same issuer is no proof that its bearer may call an API. `rfc9068` is the only profile that excludes
/// one for certain; the others refuse those that can be told by their claims.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Profile {
    /// Access tokens as most providers issue them.
    #[default]
    Generic,
    /// Access tokens after RFC 9068.
    Rfc9068,
    /// Tokens of an Open edX LMS.
    OpenEdx,
}

impl Profile {
    /// The name in settings: `generic`, `rfc9068` or `open_edx`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Rfc9068 => "rfc9068",
            Self::OpenEdx => "open_edx",
        }
    }

    /// The allow-list where none is set.
    pub fn default_algorithms(self) -> Algorithms {
        use Algorithm::*;
        match self {
            Self::Generic | Self::Rfc9068 => [RS256, ES256, EdDSA].into(),
            Self::OpenEdx => [RS256, RS512, ES256, EdDSA].into(),
        }
    }

    pub(crate) const fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Generic | Self::Rfc9068 => &["Bearer"],
            Self::OpenEdx => &["JWT", "Bearer"],
        }
    }

    /// Whether a token of this `typ` is accepted; it is a media type, so case does not count, nor does `application/`.
    pub(crate) fn accepts_type(self, typ: Option<&str>) -> bool {
        const PREFIX: &str = "application/";
        let Some(typ) = typ else { return self != Self::Rfc9068 };
        let short = match typ.get(..PREFIX.len()) {
            Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &typ[PREFIX.len()..],
            _ => typ,
        };
        short.eq_ignore_ascii_case("at+jwt") || (short.eq_ignore_ascii_case("JWT") && self != Self::Rfc9068)
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let all = [Self::Generic, Self::Rfc9068, Self::OpenEdx];
        all.into_iter().find(|profile| profile.name() == name).ok_or(UnknownProfile)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not that of a profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the profiles are generic, rfc9068 and open_edx")
    }
}

impl Error for UnknownProfile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_media_types() {
        for jwt in ["JWT", "jwt", "application/JWT", "Application/jwt"] {
            assert!(
                Profile::Generic.accepts_type(Some(jwt)) && !Profile::Rfc9068.accepts_type(Some(jwt)),
                "{jwt}"
            );
        }
        for at_jwt in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            assert!(
                Profile::Generic.accepts_type(Some(at_jwt)) && Profile::Rfc9068.accepts_type(Some(at_jwt))
            );
        }
        for other in [
            "",
            "id+jwt",
            "dpop+jwt",
            "logout+jwt",
            "secevent+jwt",
            "JOSE",
            "application/",
            "application/application/jwt",
            "äpplication/jwt",
        ] {
            assert!(
                !Profile::Generic.accepts_type(Some(other)) && !Profile::OpenEdx.accepts_type(Some(other)),
                "{other}"
            );
        }
        assert!(Profile::Generic.accepts_type(None) && !Profile::Rfc9068.accepts_type(None));
    }
}
