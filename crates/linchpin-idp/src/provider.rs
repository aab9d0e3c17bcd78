//! The provider without its HTTP: who exists, and who is given which token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use linchpin_core::{Clock, Scope, Timestamp};
use linchpin_jwt::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::{
    Client, MintError, MintErrorKind, Shape, TokenRequest, User,
    claims::{Grant, Subject},
    keys::Keys,
};

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) audience: String,
    pub(crate) shape: Shape,
    pub(crate) lifetime: Duration,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<Client>,
    pub(crate) keys: Keys,
    pub(crate) clock: Arc<dyn Clock>,
    /// Together with a number of its own it makes the id of each token unique, also after a restart.
    pub(crate) started_at: Timestamp,
    pub(crate) tokens: AtomicU64,
}

/// A token, and what its owner is told beside it.
pub(crate) struct Minted {
    pub(crate) token: String,
    pub(crate) shape: Shape,
    pub(crate) lifetime: Duration,
    pub(crate) scopes: Vec<String>,
}

impl Provider {
    /// A token for a user.
    pub(crate) fn mint_for_user(&self, request: &TokenRequest) -> Result<Minted, MintError> {
        let shape = request.shape.unwrap_or(self.shape);
        let lifetime = match request.lifetime {
            Some(lifetime) => check_lifetime(lifetime)?,
            None => self.lifetime,
        };
        let place = self.users.iter().position(|user| user.name == request.user).ok_or_else(|| {
            let known: Vec<&str> = self.users.iter().map(|user| &*user.name).collect();
            let message = format!("there is no user {:?}; there are: {}", request.user, known.join(", "));
            MintError::new(MintErrorKind::UnknownUser, message)
        })?;
        let user = &self.users[place];

        let mut held = user.scopes.clone();
        if shape == Shape::OpenEdx {
            ["email", "profile", "user_id"].into_iter().for_each(|scope| add(&mut held, scope));
        }
        let mut scopes = narrow(&user.name, held, request.scope.as_deref())?;
        if shape == Shape::OpenEdx {
            add(&mut scopes, "user_id"); // an LMS does so by itself for the password grant
        }
        let audiences = self.audiences(&request.audiences, &[])?;
        let now = self.clock.now();
        let issued_at =
            if request.expired { now.saturating_sub(lifetime).saturating_sub(LONG_AGO) } else { now };
        Ok(self.mint(Subject::User(user, place + 1), &audiences, scopes, shape, issued_at, lifetime))
    }

    /// A token for a client that has been authenticated.
    pub(crate) fn mint_for_client(
        &self,
        client: &Client,
        scope: Option<&str>,
        audiences: &[String],
    ) -> Result<Minted, MintError> {
        let scopes = narrow(&client.id, client.scopes.clone(), scope)?;
        let audiences = self.audiences(audiences, &client.audiences)?;
        let now = self.clock.now();
        Ok(self.mint(Subject::Client(&client.id), &audiences, scopes, self.shape, now, self.lifetime))
    }

    /// Those that were asked for, else the provider's own, unless only others are allowed.
    fn audiences(&self, wanted: &[String], allowed: &[String]) -> Result<Vec<String>, MintError> {
        let is_allowed = |audience| allowed.is_empty() || allowed.contains(audience);
        let refuse = |message| Err(MintError::new(MintErrorKind::InvalidAudience, message));
        for audience in wanted {
            if audience.is_empty() {
                return refuse("an audience is empty".to_owned());
            }
            if !is_allowed(audience) {
                let allowed = allowed.join(", ");
                return refuse(format!("the audience {audience:?} is not allowed; there are: {allowed}"));
            }
        }
        match (wanted, allowed) {
            ([], [other, ..]) if !is_allowed(&self.audience) => Ok(vec![other.clone()]),
            ([], _) => Ok(vec![self.audience.clone()]),
            (wanted, _) => Ok(wanted.to_vec()),
        }
    }

    fn mint(
        &self,
        subject: Subject<'_>,
        audiences: &[String],
        scopes: Vec<String>,
        shape: Shape,
        issued_at: Timestamp,
        lifetime: Duration,
    ) -> Minted {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let grant = Grant {
            issuer: &self.issuer,
            audiences,
            subject,
            scopes: &scopes,
            issued_at: issued_at.as_unix_seconds(),
            expires_at: issued_at.saturating_add(lifetime).as_unix_seconds(),
            token_id: &format!("{:x}-{number}", self.started_at.as_unix_micros()),
        };
        let key = self.keys.current(shape);
        let token = match shape {
            Shape::Rfc9068 => {
                key.sign_compact(&header(&key, "at+jwt", key.key_id()), &json!(grant.rfc9068()).to_string())
            }
            // JWT_AUTH_ADD_KID_HEADER is off unless an LMS turns it on, so a verifier has to cope without.
            Shape::OpenEdx => {
                key.sign_compact(&header(&key, "JWT", None), &json!(grant.open_edx()).to_string())
            }
        };
        Minted { token, shape, lifetime, scopes }
    }
}

/// How long an expired token has been so: beyond every leeway.
const LONG_AGO: Duration = Duration::from_secs(3600);

fn header(key: &SigningKey, typ: &str, key_id: Option<&str>) -> String {
    let mut header = json!({"alg": key.algorithm().name(), "typ": typ});
    if let Some(key_id) = key_id {
        header["kid"] = Value::from(key_id);
    }
    header.to_string()
}

/// The scopes that were asked for, if `who` holds them all; everything held if none was asked for.
fn narrow(who: &str, held: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>, MintError> {
    let Some(wanted) = wanted else { return Ok(held) };
    let refuse = |message: String| Err(MintError::new(MintErrorKind::InvalidScope, message));
    let mut scopes: Vec<String> = Vec::new();
    for scope in wanted.split(' ').filter(|scope| !scope.is_empty()) {
        if !Scope::is_valid(scope) {
            return refuse(format!("{scope:?} is not a scope"));
        }
        if !held.iter().any(|own| own == scope) {
            let held = if held.is_empty() { "none".to_owned() } else { held.join(" ") };
            return refuse(format!("{who:?} does not have the scope {scope}; it has: {held}"));
        }
        add(&mut scopes, scope);
    }
    Ok(scopes)
}

fn add(scopes: &mut Vec<String>, scope: &str) {
    if !scopes.iter().any(|own| own == scope) {
        scopes.push(scope.to_owned());
    }
}

/// Lets whole seconds pass, from one second to thirty days.
pub(crate) fn check_lifetime(lifetime: Duration) -> Result<Duration, MintError> {
    const LONGEST: u64 = 30 * 24 * 3600;

    match lifetime.as_secs() {
        seconds @ 1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(MintError::new(
            MintErrorKind::InvalidLifetime,
            format!("a token is valid for 1 to {LONGEST} seconds"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Vec<String> {
        ["a", "b"].map(str::to_owned).into()
    }

    #[test]
    fn scopes_are_narrowed_to_those_that_were_asked_for() {
        assert_eq!(narrow("ann", held(), None).unwrap(), ["a", "b"]);
        assert_eq!(narrow("ann", held(), Some("b  b ")).unwrap(), ["b"]);
        assert!(narrow("ann", held(), Some("")).unwrap().is_empty());
        for (wanted, expected) in [
            ("a c", "\"ann\" does not have the scope c; it has: a b"),
            ("a\"", "\"a\\\"\" is not a scope"),
            ("a\tb", "\"a\\tb\" is not a scope"),
        ] {
            let error = narrow("ann", held(), Some(wanted)).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (MintErrorKind::InvalidScope, expected));
        }
    }

    #[test]
    fn lifetimes_are_bounded() {
        for good in [1, 3600, 30 * 24 * 3600] {
            assert_eq!(check_lifetime(Duration::from_secs(good)), Ok(Duration::from_secs(good)));
        }
        for bad in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            assert_eq!(check_lifetime(bad).unwrap_err().kind(), MintErrorKind::InvalidLifetime);
        }
    }
}
