//! The claims of both shapes, as plain data: nothing here looks at a clock or a key.

use serde_json::{Map, Value, json};

use crate::User;

/// Everything that a token says, before it has a shape.
pub(crate) struct Grant<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audiences: &'a [String],
    pub(crate) subject: Subject<'a>,
    pub(crate) scopes: &'a [String],
    /// In seconds since the epoch, as the next.
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) token_id: &'a str,
}

/// For whom a token speaks.
pub(crate) enum Subject<'a> {
    /// A user, with its place in the list, from one.
    User(&'a User, usize),
    /// A client that acts in its own name.
    Client(&'a str),
}

impl Grant<'_> {
    /// The claims of RFC 9068 §2.2.
    pub(crate) fn rfc9068(&self) -> Map<String, Value> {
        let mut claims = self.extra_claims();
        claims.insert("iss".into(), self.issuer.into());
        claims.insert("sub".into(), self.subject.name().into());
        claims.insert("aud".into(), self.audience());
        claims.insert("client_id".into(), self.subject.client_id().into());
        claims.insert("iat".into(), self.issued_at.into());
        claims.insert("exp".into(), self.expires_at.into());
        claims.insert("jti".into(), self.token_id.into());
        if !self.scopes.is_empty() {
            claims.insert("scope".into(), self.scopes.join(" ").into());
        }
        if !self.subject.roles().is_empty() {
            claims.insert("roles".into(), json!(self.subject.roles()));
        }
        if let Some(email) = self.subject.email().filter(|_| self.has("email")) {
            claims.insert("email".into(), email.into());
        }
        claims
    }

    /// The claims of an LMS: no `jti`, no `nbf`, and some by scope.
    pub(crate) fn open_edx(&self) -> Map<String, Value> {
        let mut claims = self.extra_claims();
        let mut take_own = |name: &str, default: Value| claims.remove(name).unwrap_or(default);
        // A user may bring its own values for these along; whether they are told is for the scope to say.
        let profile = [
            ("name", take_own("name", self.subject.name().into())),
            ("family_name", take_own("family_name", "".into())),
            ("given_name", take_own("given_name", "".into())),
            (
                "administrator",
                take_own("administrator", self.subject.roles().iter().any(|r| r == "admin").into()),
            ),
            ("superuser", take_own("superuser", false.into())),
        ];

        claims.insert("iss".into(), self.issuer.into());
        claims.insert("sub".into(), anonymous_id(self.subject.name()).into());
        claims.insert("aud".into(), self.audience());
        claims.insert("iat".into(), self.issued_at.into());
        claims.insert("exp".into(), self.expires_at.into());
        claims.insert("grant_type".into(), self.subject.grant_type().into());
        claims.insert("preferred_username".into(), self.subject.name().into());
        claims.insert("scopes".into(), json!(self.scopes));
        claims.insert("version".into(), "1.2.0".into());
        claims.insert("filters".into(), json!(self.subject.filters()));
        claims.insert("is_restricted".into(), false.into());
        claims.insert("email_verified".into(), true.into());
        if self.has("user_id") {
            claims.insert("user_id".into(), self.subject.user_id().into());
        }
        if self.has("email") {
            claims.insert("email".into(), self.subject.email().unwrap_or_default().into());
        }
        if self.has("profile") {
            claims.extend(profile.map(|(name, value)| (name.to_owned(), value)));
        }
        if !self.subject.roles().is_empty() {
            claims.insert("roles".into(), json!(self.subject.roles()));
        }
        claims
    }

    fn audience(&self) -> Value {
        match self.audiences {
            [one] => one.as_str().into(),
            several => json!(several),
        }
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    fn extra_claims(&self) -> Map<String, Value> {
        match self.subject {
            Subject::User(user, _) => user.claims.clone(),
            Subject::Client(_) => Map::new(),
        }
    }
}

impl<'a> Subject<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::User(user, _) => &user.name,
            Self::Client(id) => id,
        }
    }

    fn client_id(&self) -> &'a str {
        match self {
            Self::User(..) => "linchpin-idp",
            Self::Client(id) => id,
        }
    }

    fn roles(&self) -> &'a [String] {
        match self {
            Self::User(user, _) => &user.roles,
            Self::Client(_) => &[],
        }
    }

    fn email(&self) -> Option<&'a str> {
        match self {
            Self::User(user, _) => user.email.as_deref(),
            Self::Client(_) => None,
        }
    }

    /// The number of a user; the owner of every client is number 0.
    fn user_id(&self) -> usize {
        match self {
            Self::User(_, place) => *place,
            Self::Client(_) => 0,
        }
    }

    fn grant_type(&self) -> &'static str {
        match self {
            Self::User(..) => "password",
            Self::Client(_) => "client_credentials",
        }
    }

    fn filters(&self) -> &'static [&'static str] {
        match self {
            Self::User(..) => &["user:me"],
            Self::Client(_) => &[],
        }
    }
}

/// An id that stays the same and tells nothing: 128 bits of FNV-1a, in the form of an LMS's anonymous ids.
///
/// It is no secret, only not a name, so that a service which takes `sub` for a username is found out.
fn anonymous_id(name: &str) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    let hash = name.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant<'a>(subject: Subject<'a>, audiences: &'a [String], scopes: &'a [String]) -> Grant<'a> {
        let (issued_at, expires_at) = (1_000, 4_600);
        Grant { issuer: "http://idp", audiences, subject, scopes, issued_at, expires_at, token_id: "1" }
    }

    fn texts<const N: usize>(texts: [&str; N]) -> [String; N] {
        texts.map(str::to_owned)
    }

    #[test]
    fn an_rfc9068_token_says_what_the_rfc_asks_for() {
        let ann = User::new("ann").roles(["instructor"]).email("ann@example.com").claim("tenant", "acme");
        let (audiences, scopes) = (texts(["grades"]), texts(["grades:read", "grades:write"]));

        assert_eq!(
            json!(grant(Subject::User(&ann, 1), &audiences, &scopes).rfc9068()),
            json!({
                "iss": "http://idp", "sub": "ann", "aud": "grades", "client_id": "linchpin-idp", "iat": 1000, "exp": 4600,
                "jti": "1", "scope": "grades:read grades:write", "roles": ["instructor"], "tenant": "acme",
            })
        );
        let with_email = texts(["email"]);
        let claims = grant(Subject::User(&ann, 1), &audiences, &with_email).rfc9068();
        assert_eq!(claims["email"], "ann@example.com");
    }

    #[test]
    fn a_token_of_a_client_speaks_for_the_client() {
        let audiences = texts(["grades", "reports"]);

        assert_eq!(
            json!(grant(Subject::Client("billing"), &audiences, &[]).rfc9068()),
            json!({
                "iss": "http://idp", "sub": "billing", "aud": ["grades", "reports"], "client_id": "billing", "iat": 1000,
                "exp": 4600, "jti": "1",
            })
        );
    }

    #[test]
    fn an_open_edx_token_says_what_an_lms_says() {
        let ben = User::new("ben").roles(["admin"]).email("ben@example.com").claim("name", "Ben B.");
        let (audiences, scopes) = (texts(["lms-key"]), texts(["email", "profile", "user_id"]));

        assert_eq!(
            json!(grant(Subject::User(&ben, 2), &audiences, &scopes).open_edx()),
            json!({
                "iss": "http://idp", "sub": anonymous_id("ben"), "aud": "lms-key", "iat": 1000, "exp": 4600,
                "grant_type": "password", "preferred_username": "ben", "scopes": ["email", "profile", "user_id"],
                "version": "1.2.0", "filters": ["user:me"], "is_restricted": false, "email_verified": true,
                "user_id": 2, "email": "ben@example.com", "name": "Ben B.", "family_name": "", "given_name": "",
                "administrator": true, "superuser": false, "roles": ["admin"],
            })
        );
    }

    #[test]
    fn an_open_edx_token_without_scopes_keeps_the_person_to_itself() {
        let cleo = User::new("cleo").email("cleo@example.com").claim("name", "Cleo C.");
        let audiences = texts(["lms-key"]);

        let claims = grant(Subject::User(&cleo, 3), &audiences, &[]).open_edx();

        for absent in ["user_id", "email", "name", "administrator", "superuser", "roles", "jti", "nbf"] {
            assert!(!claims.contains_key(absent), "{absent}");
        }
        let of_client = grant(Subject::Client("billing"), &audiences, &[]).open_edx();
        assert_eq!(
            (&of_client["grant_type"], &of_client["filters"]),
            (&json!("client_credentials"), &json!([]))
        );
    }

    #[test]
    fn anonymous_ids_differ_and_stay() {
        assert_eq!(anonymous_id("ann"), anonymous_id("ann"));
        assert_ne!(anonymous_id("ann"), anonymous_id("ben"));
        assert_eq!(anonymous_id(""), "6c62272e07bb014262b821756295c58d");
    }
}
