//! What can be asked of the provider in the name of a user.

use std::{error::Error, fmt, str::FromStr, time::Duration};

/// A wish for a token for one of the users.
///
/// What is not set is the provider's default: all of the user's scopes, the provider's audience, shape and lifetime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_idp::{Shape, TokenRequest};
///
/// let request = TokenRequest::for_user("ann")
///     .scope("grades:read")
///     .audience("grades")
///     .shape(Shape::OpenEdx)
///     .lifetime(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct TokenRequest {
    pub(crate) user: String,
    pub(crate) scope: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) shape: Option<Shape>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) expired: bool,
}

impl TokenRequest {
    /// A token for the user of this name.
    pub fn for_user(name: impl Into<String>) -> Self {
        Self {
            user: name.into(),
            scope: None,
            audiences: Vec::new(),
            shape: None,
            lifetime: None,
            expired: false,
        }
    }

    /// Narrows the scopes down to these, separated by spaces; an empty text is none at all.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds an audience.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the shape.
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = Some(shape);
        self
    }

    /// Makes the token one whose lifetime ended an hour ago, to see how it is refused.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Sets how long the token is valid: whole seconds, from one to thirty days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// What a token looks like.
///
/// | | `rfc9068` | `open-edx` |
/// |---|---|---|
/// | header | `typ` of `at+jwt`, `kid`, the provider's algorithm | `typ` of `JWT`, no `kid`, RS512 |
/// | always | `iss`, `sub` (the name), `aud`, `client_id`, `iat`, `exp`, `jti` | `iss`, `sub` (an opaque id), `aud`, `iat`, `exp`, `grant_type`, `preferred_username`, `scopes`, `version`, `filters`, `is_restricted`, `email_verified` |
/// | if there are any | `scope`, `roles` | `roles` |
/// | with the scope `email` | `email` | `email` |
/// | with the scope `profile` | | `name`, `family_name`, `given_name`, `administrator`, `superuser` |
/// | with the scope `user_id` | | `user_id` |
///
/// Beside its own scopes, an `open-edx` token for a user gets `email`, `profile` and `user_id` unless scopes are named, and
/// `user_id` in any case, as an LMS does for the password grant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// An access token after RFC 9068.
    #[default]
    Rfc9068,
    /// A token as an Open edX LMS issues it.
    OpenEdx,
}

impl Shape {
    /// The name in settings: `rfc9068` or `open-edx`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc9068 => "rfc9068",
            Self::OpenEdx => "open-edx",
        }
    }
}

impl FromStr for Shape {
    type Err = UnknownShape;

    /// Reads a name; also `open_edx`, which is how `linchpin-jwt` spells the profile.
    fn from_str(name: &str) -> Result<Self, UnknownShape> {
        match name {
            "rfc9068" => Ok(Self::Rfc9068),
            "open-edx" | "open_edx" => Ok(Self::OpenEdx),
            _ => Err(UnknownShape),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not that of a token shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownShape;

impl fmt::Display for UnknownShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shapes are rfc9068 and open-edx")
    }
}

impl Error for UnknownShape {}

/// The reason why a token was not made; its message says what would have been right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MintError {
    kind: MintErrorKind,
    message: String,
}

/// The category of a [`MintError`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MintErrorKind {
    /// There is no user of this name.
    UnknownUser,
    /// A scope is none, or the user does not have it.
    InvalidScope,
    /// An audience is empty, or not one that may be asked for.
    InvalidAudience,
    /// The lifetime is out of bounds.
    InvalidLifetime,
}

impl MintError {
    pub(crate) fn new(kind: MintErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The category.
    pub const fn kind(&self) -> MintErrorKind {
        self.kind
    }

    /// The `error` of the JSON answer.
    pub(crate) const fn code(&self) -> &'static str {
        match self.kind {
            MintErrorKind::UnknownUser => "unknown_user",
            MintErrorKind::InvalidScope => "invalid_scope",
            MintErrorKind::InvalidAudience => "invalid_target",
            MintErrorKind::InvalidLifetime => "invalid_request",
        }
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for MintError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_by_their_names() {
        for shape in [Shape::Rfc9068, Shape::OpenEdx] {
            assert_eq!(shape.name().parse(), Ok(shape));
        }
        assert_eq!("open_edx".parse(), Ok(Shape::OpenEdx));
        for other in ["", "RFC9068", "open edx", "generic"] {
            assert_eq!(other.parse::<Shape>(), Err(UnknownShape), "{other}");
        }
    }
}
