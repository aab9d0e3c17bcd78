//! Roles, as the issuer names them.

use std::fmt;

/// A role of the caller, as the issuer spells it, such as `admin`.
///
/// Roles are compared byte for byte. What a role allows is the service's decision; `linchpin-rbac` splits contexts off.
///
/// # Examples
///
/// ```
/// use linchpin_core::Role;
///
/// assert_eq!(Role::new("admin"), *"admin");
/// assert_ne!(Role::new("admin"), *"Admin");
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Role(Box<str>);

impl Role {
    /// The role of this name; any text is a name.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// Whether an issuer may mean this name: not empty, without spaces around it, and without control characters.
    ///
    /// It is what names that a service configures have to be; among the claims, any text counts.
    pub const fn is_sound(name: &str) -> bool {
        let bytes = name.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            let at_an_end = i == 0 || i + 1 == bytes.len();
            if bytes[i] < b' ' || bytes[i] == 0x7f || (at_an_end && bytes[i] == b' ') {
                return false;
            }
            i += 1;
        }
        !bytes.is_empty()
    }

    /// The role as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Role {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
