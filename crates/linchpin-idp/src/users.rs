//! Who can get a token: users and clients.

use std::{collections::HashSet, fmt};

use linchpin_core::{ConfigError, Scope};
use linchpin_jwt::{Algorithm, Algorithms, KeySet};
use serde_json::{Map, Value};

/// A user for whom tokens are made.
///
/// # Examples
///
/// ```
/// use linchpin_idp::User;
///
/// let ann = User::new("ann")
///     .roles(["instructor"])
///     .scopes(["grades:read", "grades:write"])
///     .email("ann@example.com")
///     .claim("tenant", "acme");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct User {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) email: Option<String>,
    pub(crate) claims: Map<String, Value>,
}

impl User {
    /// A user of this name, without roles and scopes.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: Vec::new(), scopes: Vec::new(), email: None, claims: Map::new() }
    }

    /// Sets the roles.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the scopes that a token may carry; one that asks for none in particular carries them all.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the address that a token with the scope `email` tells.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Adds a claim to each token; not one of those that the provider decides, such as `exp`.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The users that are there unless others are given.
    ///
    /// | name | roles | scopes |
    /// |---|---|---|
    /// | `ann` | `instructor` | `grades:read`, `grades:write` |
    /// | `ben` | `admin` | `read:reports` |
    /// | `cleo` | | |
    pub fn defaults() -> [Self; 3] {
        [
            Self::new("ann")
                .roles(["instructor"])
                .scopes(["grades:read", "grades:write"])
                .email("ann@example.com"),
            Self::new("ben").roles(["admin"]).scopes(["read:reports"]).email("ben@example.com"),
            Self::new("cleo").email("cleo@example.com"),
        ]
    }

    pub(crate) fn check(&self, seen: &mut HashSet<String>) -> Result<(), Problem> {
        check_name("user", &self.name, seen)?;
        self.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        self.claims.keys().try_for_each(|claim| check_claim(claim))
    }
}

/// A client that gets tokens in its own name, with the grant `client_credentials`.
///
/// # Examples
///
/// ```
/// use linchpin_idp::Client;
///
/// let billing = Client::new("billing", "billing-secret").scopes(["grades:read"]).audiences(["grades"]);
/// assert!(!format!("{billing:?}").contains("billing-secret"));
/// ```
///
/// # Security
///
/// `Debug` does not show the secret.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Client {
    pub(crate) id: String,
    pub(crate) credential: Credential,
    pub(crate) scopes: Vec<String>,
    pub(crate) audiences: Vec<String>,
}

/// What a client proves that it has.
#[derive(Clone, PartialEq)]
pub(crate) enum Credential {
    Secret(String),
    /// A private key, of which this is the public half in PEM.
    Key(String),
}

impl Client {
    /// A client with this id and secret, without scopes, for any audience.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::with_credential(id, Credential::Secret(secret.into()))
    }

    /// A client with this id and key (`private_key_jwt`, RFC 7523), without scopes, for any audience.
    ///
    /// The public half of the key is given in PEM (`-----BEGIN PUBLIC KEY-----`), of RSA, an elliptic curve or Ed25519.
    pub fn with_public_key(id: impl Into<String>, pem: impl Into<String>) -> Self {
        Self::with_credential(id, Credential::Key(pem.into()))
    }

    fn with_credential(id: impl Into<String>, credential: Credential) -> Self {
        Self { id: id.into(), credential, scopes: Vec::new(), audiences: Vec::new() }
    }

    /// Sets the scopes that a token may carry; one that asks for none in particular carries them all.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the audiences for which it may ask; any unless set.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// The client that is there unless others are given: `dev-client` with the secret `dev-secret` and every scope of the
    /// [default users](User::defaults).
    pub fn default_client() -> Self {
        Self::new("dev-client", "dev-secret").scopes(["grades:read", "grades:write", "read:reports"])
    }

    pub(crate) fn check(&self, seen: &mut HashSet<String>) -> Result<(), Problem> {
        check_name("client", &self.id, seen)?;
        match &self.credential {
            Credential::Secret(secret) => check_secret(secret)?,
            Credential::Key(pem) => check_key(pem)?,
        }
        self.scopes.iter().try_for_each(|scope| check_scope(scope))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("credential", &"[redacted]")
            .field("scopes", &self.scopes)
            .field("audiences", &self.audiences)
            .finish()
    }
}

/// What is wrong with a user or client, and what would be right.
pub(crate) type Problem = (String, &'static str);

pub(crate) fn check_name(kind: &str, name: &str, seen: &mut HashSet<String>) -> Result<(), Problem> {
    if name.is_empty() {
        return Err((format!("has a {kind} without a name"), "give each one a name, for example \"ann\""));
    }
    // A client's id is the part before the colon of a Basic credential, but it is form-encoded there (RFC 6749 §2.3.1).
    if name.chars().any(char::is_control) {
        return Err((format!("has a {kind} with a control character in its name"), "use visible characters"));
    }
    if !seen.insert(name.to_owned()) {
        return Err((format!("has the {kind} {name:?} twice"), "leave one of them out, or rename it"));
    }
    Ok(())
}

pub(crate) fn check_secret(secret: &str) -> Result<(), Problem> {
    if secret.is_empty() {
        return Err(("has a client with an empty secret".to_owned(), "give it any text"));
    }
    Ok(())
}

pub(crate) fn check_key(pem: &str) -> Result<(), Problem> {
    client_keys(pem).map(|_| ()).map_err(|_| {
        let fix =
            "give the public half in PEM (-----BEGIN PUBLIC KEY-----), which `openssl pkey -pubout` prints";
        ("has a client whose key is of no use".to_owned(), fix)
    })
}

/// The key of a client, to verify what it has signed.
pub(crate) fn client_keys(pem: &str) -> Result<KeySet, ConfigError> {
    let algorithms = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric());
    KeySet::builder(algorithms.collect::<Algorithms>()).pem(pem).build()
}

pub(crate) fn check_scope(scope: &str) -> Result<(), Problem> {
    if !Scope::is_valid(scope) {
        return Err((
            format!("has the scope {scope:?}, which is none"),
            "give each scope as a text of its own, of visible ASCII without spaces, quotes and backslashes",
        ));
    }
    Ok(())
}

pub(crate) fn check_claim(name: &str) -> Result<(), Problem> {
    if DECIDED_BY_PROVIDER.contains(&name) {
        return Err((
            format!("sets the claim `{name}`, which the provider decides"),
            "leave it out; name, roles, scopes and email of a user have members of their own",
        ));
    }
    Ok(())
}

/// The claims that a user cannot bring along.
const DECIDED_BY_PROVIDER: [&str; 12] =
    ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "scopes", "roles", "email"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_users_and_client_are_in_order() {
        let mut seen = HashSet::new();

        for user in User::defaults() {
            assert_eq!(user.check(&mut seen), Ok(()));
        }
        assert_eq!(Client::default_client().check(&mut seen), Ok(()));
    }

    #[test]
    fn what_cannot_be_a_user_or_a_client_says_so() {
        let problem = |user: User| user.check(&mut HashSet::from(["taken".to_owned()])).unwrap_err().0;

        assert_eq!(problem(User::new("")), "has a user without a name");
        assert_eq!(problem(User::new("a\nb")), "has a user with a control character in its name");
        assert_eq!(problem(User::new("taken")), "has the user \"taken\" twice");
        assert_eq!(problem(User::new("a").scopes(["a b"])), "has the scope \"a b\", which is none");
        assert_eq!(
            problem(User::new("a").claim("exp", 1)),
            "sets the claim `exp`, which the provider decides"
        );
        let keyless = Client::with_public_key("a", "x").check(&mut HashSet::new());
        assert_eq!(keyless.unwrap_err().0, "has a client whose key is of no use");
        let secretless = Client::new("a", "").check(&mut HashSet::new());
        assert_eq!(secretless.unwrap_err().0, "has a client with an empty secret");
    }
}
