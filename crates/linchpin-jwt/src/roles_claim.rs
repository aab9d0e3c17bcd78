//! Where the roles stand among the claims.

use std::{error::Error, fmt, str::FromStr};

/// The place of the caller's roles among the claims: a list of strings, at the top or within objects.
///
/// As text it is the name of a claim, or a JSON Pointer (RFC 6901) if it starts with `/`.
///
/// # Examples
///
/// ```
/// use linchpin_jwt::RolesClaim;
///
/// assert_eq!("/realm_access/roles".parse::<RolesClaim>()?, RolesClaim::keycloak_realm());
/// assert_eq!("https://acme.example/roles".parse::<RolesClaim>()?, RolesClaim::at(["https://acme.example/roles"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RolesClaim {
    path: Vec<String>,
}

impl RolesClaim {
    /// The list at the end of this path of member names.
    pub fn at(path: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { path: path.into_iter().map(Into::into).collect() }
    }

    /// Keycloak's realm roles: `realm_access.roles`.
    pub fn keycloak_realm() -> Self {
        Self::at(["realm_access", "roles"])
    }

    /// Keycloak's roles of one client: `resource_access.<client>.roles`.
    pub fn keycloak_client(client: &str) -> Self {
        Self::at(["resource_access", client, "roles"])
    }

    pub(crate) fn path(&self) -> &[String] {
        &self.path
    }
}

impl Default for RolesClaim {
    /// The claim `roles` (RFC 9068 §2.2.3.1).
    fn default() -> Self {
        Self::at(["roles"])
    }
}

impl FromStr for RolesClaim {
    type Err = InvalidRolesClaim;

    fn from_str(text: &str) -> Result<Self, InvalidRolesClaim> {
        let Some(pointer) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(InvalidRolesClaim) } else { Ok(Self::at([text])) };
        };
        let names: Option<Vec<String>> = pointer.split('/').map(unescape).collect();
        names.map(Self::at).ok_or(InvalidRolesClaim)
    }
}

/// RFC 6901 §4: `~1` stands for `/` and `~0` for `~`, and a `~` before anything else is an error.
fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let escaped = if part.starts_with('0') { '~' } else { part.starts_with('1').then_some('/')? };
        name.push(escaped);
        name.push_str(&part[1..]);
    }
    Some(name)
}

/// The text is neither the name of a claim nor a JSON Pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidRolesClaim;

impl fmt::Display for InvalidRolesClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither the name of a claim nor a JSON Pointer such as /realm_access/roles")
    }
}

impl Error for InvalidRolesClaim {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_unescaped() {
        let parse = |text: &str| text.parse::<RolesClaim>();

        assert_eq!(parse("/a~1b/~0c/~01"), Ok(RolesClaim::at(["a/b", "~c", "~1"])));
        assert_eq!(parse("/resource_access/my-app/roles"), Ok(RolesClaim::keycloak_client("my-app")));
        assert_eq!(parse("a~b"), Ok(RolesClaim::at(["a~b"])));
        for bad in ["", "/~", "/a~2", "/a/~/b"] {
            assert_eq!(parse(bad), Err(InvalidRolesClaim), "{bad}");
        }
    }
}
