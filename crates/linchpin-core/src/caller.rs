//! The verified caller.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

use crate::{Reason, Refusal, Role, Scope, SubjectToken, Timestamp, slots::Slots};

/// Who is calling: the claims of a verified token that everybody needs, and a way to those that only one service knows.
///
/// A verifier makes it once per token and shares it, so that extractors, guards and logs read it without a copy. Clones are
/// cheap and share everything.
///
/// # Examples
///
/// ```
/// use linchpin_core::Caller;
///
/// let caller = Caller::builder("https://id.example")
///     .subject("ann")
///     .scopes(["grades:read".parse()?])
///     .build();
///
/// assert_eq!(caller.subject(), Some("ann"));
/// assert!(caller.has_scope("grades:read"));
/// caller.require_scope("grades:write").unwrap_err();
/// # Ok::<(), linchpin_core::InvalidScope>(())
/// ```
///
/// # Security
///
/// `Debug` shows the issuer and the client and nothing else, so that a caller in a log line tells no one's name.
#[derive(Clone)]
pub struct Caller {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: Box<str>,
    subject: Option<Box<str>>,
    client_id: Option<Box<str>>,
    token_id: Option<Box<str>>,
    audience: Vec<Box<str>>,
    expires_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    issued_at: Option<Timestamp>,
    acr: Option<Box<str>>,
    auth_time: Option<Timestamp>,
    scopes: Vec<Scope>,
    roles: Vec<Role>,
    filters: Vec<Box<str>>,
    is_restricted: bool,
    claims_json: Box<str>,
    typed_claims: Slots,
    token: Option<Arc<str>>,
}

impl Caller {
    /// Starts a caller of this issuer, as a verifier makes it.
    pub fn builder(issuer: impl Into<Box<str>>) -> CallerBuilder {
        CallerBuilder {
            caller: Inner {
                issuer: issuer.into(),
                subject: None,
                client_id: None,
                token_id: None,
                audience: Vec::new(),
                expires_at: None,
                not_before: None,
                issued_at: None,
                acr: None,
                auth_time: None,
                scopes: Vec::new(),
                roles: Vec::new(),
                filters: Vec::new(),
                is_restricted: false,
                claims_json: "{}".into(),
                typed_claims: Slots::default(),
                token: None,
            },
        }
    }

    /// Who issued the token (`iss`).
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// Whom the token speaks for (`sub`), unique within the issuer.
    pub fn subject(&self) -> Option<&str> {
        self.inner.subject.as_deref()
    }

    /// The client to which the token was issued (`client_id`, else `azp`).
    pub fn client_id(&self) -> Option<&str> {
        self.inner.client_id.as_deref()
    }

    /// The token's identifier (`jti`).
    pub fn token_id(&self) -> Option<&str> {
        self.inner.token_id.as_deref()
    }

    /// For whom the token is meant (`aud`).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.inner.audience.iter().map(|audience| &**audience)
    }

    /// When the token expires (`exp`).
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.inner.expires_at
    }

    /// From when on the token is valid (`nbf`).
    pub fn not_before(&self) -> Option<Timestamp> {
        self.inner.not_before
    }

    /// When the token was issued (`iat`).
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.inner.issued_at
    }

    /// In which way the user has signed in (`acr`, RFC 9470 §6.2).
    pub fn acr(&self) -> Option<&str> {
        self.inner.acr.as_deref()
    }

    /// When the user has signed in (`auth_time`, RFC 9470 §6.2).
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.inner.auth_time
    }

    /// The scopes that the token grants.
    pub fn scopes(&self) -> &[Scope] {
        &self.inner.scopes
    }

    /// The roles that the issuer gives to the subject.
    pub fn roles(&self) -> &[Role] {
        &self.inner.roles
    }

    /// The filters that narrow the token down to some resources, such as `content_org:edX` (profile `open_edx`).
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.inner.filters.iter().map(|filter| &**filter)
    }

    /// Whether the token belongs to an application that may call only what lets it in (profile `open_edx`).
    pub fn is_restricted(&self) -> bool {
        self.inner.is_restricted
    }

    /// Whether the token grants `scope`, byte for byte.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.inner.scopes.iter().any(|held| held == scope)
    }

    /// Whether the subject has `role`, byte for byte.
    pub fn has_role(&self, role: &str) -> bool {
        self.inner.roles.iter().any(|held| held == role)
    }

    /// Insists on `scope`.
    ///
    /// # Errors
    ///
    /// [`InsufficientScope`](Reason::InsufficientScope), which answers 403 and names the scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Refusal> {
        if self.has_scope(scope) { Ok(()) } else { Err(Refusal::insufficient_scope(scope)) }
    }

    /// Insists on `role`.
    ///
    /// # Errors
    ///
    /// [`InsufficientRole`](Reason::InsufficientRole), which answers 403 and does not name the role.
    pub fn require_role(&self, role: &str) -> Result<(), Refusal> {
        if self.has_role(role) { Ok(()) } else { Err(Refusal::insufficient_role(role)) }
    }

    /// The token that said all this, to act on the caller's behalf; `None` if the verifier did not keep it.
    ///
    /// # Security
    ///
    /// It is the text that was verified, whatever has become of the request's headers since.
    pub fn subject_token(&self) -> Option<SubjectToken> {
        self.inner.token.clone().map(SubjectToken::of_credential)
    }

    pub(crate) fn has_token(&self) -> bool {
        self.inner.token.is_some()
    }

    /// All claims of the token in the shape of the service's own type.
    ///
    /// The claims are read once for each type, on first use, and shared afterwards. A type that names registered claims
    /// (`sub`, `exp`, …) finds them too.
    ///
    /// # Errors
    ///
    /// [`ClaimsShape`](Reason::ClaimsShape) if the claims do not fit; this is remembered as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use linchpin_core::Caller;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Tenant {
    ///     tenant: String,
    /// }
    ///
    /// let caller = Caller::builder("https://id.example").claims_json(r#"{"tenant":"acme"}"#).build();
    /// assert_eq!(caller.claims::<Tenant>()?.tenant, "acme");
    /// # Ok::<(), linchpin_core::Refusal>(())
    /// ```
    pub fn claims<E: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<E>, Refusal> {
        // Serde's message may quote a claim's value, so it does not travel with the refusal.
        self.inner
            .typed_claims
            .get_or_make(|| serde_json::from_str::<E>(&self.inner.claims_json).ok())
            .ok_or_else(|| Reason::ClaimsShape.into())
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("issuer", &self.inner.issuer)
            .field("client_id", &self.inner.client_id)
            .finish_non_exhaustive()
    }
}

/// Puts a [`Caller`] together; whatever is not set is absent.
#[must_use]
pub struct CallerBuilder {
    caller: Inner,
}

impl CallerBuilder {
    /// Sets `sub`.
    pub fn subject(mut self, subject: impl Into<Box<str>>) -> Self {
        self.caller.subject = Some(subject.into());
        self
    }

    /// Sets the client.
    pub fn client_id(mut self, client_id: impl Into<Box<str>>) -> Self {
        self.caller.client_id = Some(client_id.into());
        self
    }

    /// Sets `jti`.
    pub fn token_id(mut self, token_id: impl Into<Box<str>>) -> Self {
        self.caller.token_id = Some(token_id.into());
        self
    }

    /// Sets `aud`.
    pub fn audience(mut self, audience: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.caller.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// Sets `exp`.
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.caller.expires_at = Some(at);
        self
    }

    /// Sets `nbf`.
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.caller.not_before = Some(at);
        self
    }

    /// Sets `iat`.
    pub fn issued_at(mut self, at: Timestamp) -> Self {
        self.caller.issued_at = Some(at);
        self
    }

    /// Sets `acr`.
    pub fn acr(mut self, acr: impl Into<Box<str>>) -> Self {
        self.caller.acr = Some(acr.into());
        self
    }

    /// Sets `auth_time`.
    pub fn auth_time(mut self, at: Timestamp) -> Self {
        self.caller.auth_time = Some(at);
        self
    }

    /// Sets the scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.caller.scopes = scopes.into_iter().collect();
        self
    }

    /// Sets the roles.
    pub fn roles(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.caller.roles = roles.into_iter().collect();
        self
    }

    /// Sets the filters.
    pub fn filters(mut self, filters: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.caller.filters = filters.into_iter().map(Into::into).collect();
        self
    }

    /// Marks the token as that of a restricted application.
    pub fn restricted(mut self, is_restricted: bool) -> Self {
        self.caller.is_restricted = is_restricted;
        self
    }

    /// Sets all claims as the JSON object that [`Caller::claims`] reads; `{}` unless set.
    ///
    /// # Security
    ///
    /// It is read with the usual leniency of JSON parsers: refusing repeated names is the verifier's duty.
    pub fn claims_json(mut self, json: impl Into<Box<str>>) -> Self {
        self.caller.claims_json = json.into();
        self
    }

    /// Sets the token that was verified, which [`Caller::subject_token`] gives to those who act on the caller's behalf.
    ///
    /// It has to be a `b64token` (RFC 6750 §2.1), as those are that a [`Gate`](crate::Gate) hands to its verifier.
    pub fn token(mut self, token: impl Into<Arc<str>>) -> Self {
        self.caller.token = Some(token.into());
        self
    }

    /// The finished caller.
    pub fn build(self) -> Caller {
        Caller { inner: Arc::new(self.caller) }
    }
}

impl fmt::Debug for CallerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerBuilder").field("issuer", &self.caller.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Tenant {
        tenant: String,
        sub: String,
    }

    #[derive(Debug, Deserialize)]
    struct Numbers {
        #[expect(dead_code, reason = "only its absence is looked at")]
        tenant: u64,
    }

    fn caller() -> Caller {
        Caller::builder("https://id.example")
            .subject("ann-the-subject")
            .roles([Role::new("admin-the-role")])
            .claims_json(r#"{"sub":"ann-the-subject","tenant":"acme"}"#)
            .build()
    }

    #[test]
    fn several_claim_types_read_the_same_token() {
        let caller = caller();

        let tenant = caller.claims::<Tenant>().unwrap();

        assert_eq!((tenant.tenant.as_str(), tenant.sub.as_str()), ("acme", "ann-the-subject"));
        assert!(Arc::ptr_eq(&tenant, &caller.claims::<Tenant>().unwrap()));
        assert_eq!(caller.claims::<Numbers>().unwrap_err().reason(), Reason::ClaimsShape);
    }

    #[test]
    fn debug_tells_no_names() {
        let shown = format!("{:?}", caller());

        assert!(shown.contains("https://id.example"), "{shown}");
        assert!(!shown.contains("ann-the-subject") && !shown.contains("admin-the-role"), "{shown}");
    }

    #[test]
    fn scopes_and_roles_are_compared_byte_for_byte() {
        let caller =
            Caller::builder("i").scopes(["a:b".parse().unwrap()]).roles([Role::new("admin")]).build();

        assert!(caller.has_scope("a:b") && caller.has_role("admin"));
        for near in ["", "a", "a:B", "a:b ", "a:bc", "*"] {
            assert!(!caller.has_scope(near), "{near}");
        }
        for near in ["", "Admin", "admin ", "administrator", "аdmin", "*"] {
            assert!(!caller.has_role(near), "{near}");
        }
    }
}
