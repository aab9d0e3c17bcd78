//! The closed list of reasons for which a request is refused.

use std::fmt;

/// Defines [`Reason`] from one table, so that a reason cannot exist without a code, a status and a sentence.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $error:expr, $detail:literal;)*) => {
        /// Why a request is refused: the closed list that clients, logs and metrics can rely on.
        ///
        /// A reason fixes the status of the answer and the `error` of its challenge; its [code](Self::code) stands in
        /// the member `reason` of the problem body. Codes never change their meaning; new ones may be added.
        ///
        /// | status | meaning | reasons |
        /// |---|---|---|
        /// | 400 | the credential is malformed or repeated (`invalid_request`) | `repeated_credential`, `malformed_credential` |
        /// | 401 | there is no credential (challenge without `error`) | `missing_credential`, `unsupported_scheme` |
        /// | 401 | the credential is well formed and fails (`invalid_token`) | most others |
        /// | 401 | the user has to sign in again (`insufficient_user_authentication`) | `insufficient_authentication` |
        /// | 403 | the caller is known and may not (`insufficient_scope`) | `insufficient_scope`, `insufficient_role` |
        /// | 403 | and no token would help (no challenge) | `restricted_application`, `undeclared_route`, `not_allowed` |
        /// | 500 | our own mistake | `missing_layer` |
        /// | 503 | it cannot be decided now (`Retry-After`) | `keys_unavailable`, `decision_unavailable` |
        ///
        /// # Examples
        ///
        /// ```
        /// use linchpin_core::Reason;
        ///
        /// assert_eq!(Reason::Expired.code(), "expired");
        /// assert_eq!(Reason::Expired.status(), 401);
        /// assert_eq!(Reason::ALL.iter().filter(|reason| reason.status() == 400).count(), 2);
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The machine-readable code, such as `expired`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The status of the answer: 400, 401, 403, 500 or 503.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// The `error` of the challenge (RFC 6750 §3.1, RFC 9470 §3), if the challenge has one.
            pub const fn error(self) -> Option<&'static str> {
                match self { $(Self::$variant => $error),* }
            }

            /// What the client is told, as one sentence.
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail),* }
            }
        }
    };
}

const BARE: Option<&str> = None;
const INVALID_REQUEST: Option<&str> = Some("invalid_request");
const INVALID_TOKEN: Option<&str> = Some("invalid_token");
const INSUFFICIENT_SCOPE: Option<&str> = Some("insufficient_scope");
const INSUFFICIENT_AUTHENTICATION: Option<&str> = Some("insufficient_user_authentication");

reasons! {
    /// The request carries more than one `Authorization` header.
    RepeatedCredential = "repeated_credential", 400, INVALID_REQUEST,
        "The request carries more than one Authorization header.";
    /// The `Authorization` header is not a scheme, a space and one token.
    MalformedCredential = "malformed_credential", 400, INVALID_REQUEST,
        "The Authorization header is not a scheme, a space and one token.";

    /// The request carries no credential.
    MissingCredential = "missing_credential", 401, BARE,
        "The request carries no credential.";
    /// The credential is of a scheme that is not accepted here, such as `Basic`.
    UnsupportedScheme = "unsupported_scheme", 401, BARE,
        "The credential is of an authentication scheme that is not accepted here.";

    /// The token is larger than the limit; nothing of it was decoded.
    TokenTooLarge = "token_too_large", 401, INVALID_TOKEN,
        "The token is larger than this service accepts.";
    /// The token is not three dot-separated parts of canonical base64url without padding (RFC 7515 §3.1).
    MalformedToken = "malformed_token", 401, INVALID_TOKEN,
        "The token is not three parts of unpadded base64url.";
    /// The token's header is not a JSON object with unique names, a string `alg`, and strings for `kid` and `typ`.
    MalformedHeader = "malformed_header", 401, INVALID_TOKEN,
        "The token's header is not a well-formed JOSE header.";
    /// The token's header asks for an extension that changes its meaning: `crit`, `b64` or `zip` (RFC 7515 §4.1.11).
    CriticalHeader = "critical_header", 401, INVALID_TOKEN,
        "The token's header asks for an extension that is not supported.";
    /// The token is not an access token of the accepted kind, by the `typ` of its header or by its claims (RFC 8725 §3.11).
    WrongTokenType = "wrong_token_type", 401, INVALID_TOKEN,
        "The token is not of the kind that this service accepts.";
    /// The token's `alg` is not on the allow-list, or not that of the key which `kid` names (RFC 8725 §3.1).
    AlgorithmNotAllowed = "algorithm_not_allowed", 401, INVALID_TOKEN,
        "The token's algorithm is not allowed here.";
    /// The issuer publishes no key of this `kid`, or without a `kid` none for this `alg`, and a recent fetch brought none.
    UnknownKey = "unknown_key", 401, INVALID_TOKEN,
        "The token was signed with a key that the issuer does not publish.";
    /// The token names no key, and more of the issuer's keys fit than are tried.
    AmbiguousKey = "ambiguous_key", 401, INVALID_TOKEN,
        "The token names no key, and too many of the issuer's keys fit.";
    /// The signature does not verify.
    BadSignature = "bad_signature", 401, INVALID_TOKEN,
        "The token's signature does not verify.";
    /// The payload is not a JSON object in UTF-8 with unique names at every depth.
    MalformedClaims = "malformed_claims", 401, INVALID_TOKEN,
        "The token's claims are not a well-formed JSON object.";

    /// The token has no `iss`.
    MissingIssuer = "missing_issuer", 401, INVALID_TOKEN,
        "The token names no issuer.";
    /// `iss` is not a string.
    MalformedIssuer = "malformed_issuer", 401, INVALID_TOKEN,
        "The token's issuer is not a string.";
    /// `iss` is not the configured issuer, byte for byte.
    WrongIssuer = "wrong_issuer", 401, INVALID_TOKEN,
        "The token is from another issuer.";
    /// The token has no `aud`.
    MissingAudience = "missing_audience", 401, INVALID_TOKEN,
        "The token names no audience.";
    /// `aud` is neither a string nor a list of strings.
    MalformedAudience = "malformed_audience", 401, INVALID_TOKEN,
        "The token's audience is neither a string nor a list of strings.";
    /// `aud` names none of the configured audiences.
    WrongAudience = "wrong_audience", 401, INVALID_TOKEN,
        "The token is meant for another audience.";
    /// The token has no `client_id`, and one is demanded.
    MissingClientId = "missing_client_id", 401, INVALID_TOKEN,
        "The token names no client.";
    /// `client_id` or `azp` is not a string.
    MalformedClientId = "malformed_client_id", 401, INVALID_TOKEN,
        "The token's client is not a string.";
    /// `client_id` is none of the configured clients.
    WrongClientId = "wrong_client_id", 401, INVALID_TOKEN,
        "The token was issued to another client.";
    /// The token has no `exp`.
    MissingExpiry = "missing_expiry", 401, INVALID_TOKEN,
        "The token has no expiry.";
    /// `exp` is not a number, or lies beyond every calendar.
    MalformedExpiry = "malformed_expiry", 401, INVALID_TOKEN,
        "The token's expiry is not a point in time.";
    /// `exp` has passed.
    Expired = "expired", 401, INVALID_TOKEN,
        "The token has expired.";
    /// `nbf` is not a number, or lies beyond every calendar.
    MalformedNotBefore = "malformed_not_before", 401, INVALID_TOKEN,
        "The start of the token's validity is not a point in time.";
    /// `nbf` has not come yet.
    NotYetValid = "not_yet_valid", 401, INVALID_TOKEN,
        "The token is not valid yet.";
    /// The token has no `iat`, and its profile, a maximum age or a maximum lifetime demands one.
    MissingIssuedAt = "missing_issued_at", 401, INVALID_TOKEN,
        "The token does not say when it was issued.";
    /// `iat` is not a number, or lies beyond every calendar.
    MalformedIssuedAt = "malformed_issued_at", 401, INVALID_TOKEN,
        "The token's time of issue is not a point in time.";
    /// `iat` lies in the future.
    IssuedInFuture = "issued_in_future", 401, INVALID_TOKEN,
        "The token's time of issue lies in the future.";
    /// `iat` lies further back than the configured maximum age.
    TokenTooOld = "token_too_old", 401, INVALID_TOKEN,
        "The token was issued too long ago.";
    /// `exp` lies further from `iat` than the configured maximum lifetime.
    LifetimeTooLong = "lifetime_too_long", 401, INVALID_TOKEN,
        "The token is valid for longer than this service accepts.";
    /// The token has no `sub`, and its profile demands one.
    MissingSubject = "missing_subject", 401, INVALID_TOKEN,
        "The token names no subject.";
    /// `sub` is not a string.
    MalformedSubject = "malformed_subject", 401, INVALID_TOKEN,
        "The token's subject is not a string.";
    /// The token has no `jti`, and its profile demands one.
    MissingTokenId = "missing_token_id", 401, INVALID_TOKEN,
        "The token has no identifier.";
    /// `jti` is not a string.
    MalformedTokenId = "malformed_token_id", 401, INVALID_TOKEN,
        "The token's identifier is not a string.";
    /// The token is bound to a key (`cnf`, RFC 7800), so that it is worth nothing as a bearer token.
    KeyBoundToken = "key_bound_token", 401, INVALID_TOKEN,
        "The token is bound to a key and cannot be used as a bearer token.";
    /// `acr` is not a string.
    MalformedAcr = "malformed_acr", 401, INVALID_TOKEN,
        "The token does not say as a string how the user signed in.";
    /// `auth_time` is not a number, or lies beyond every calendar.
    MalformedAuthTime = "malformed_auth_time", 401, INVALID_TOKEN,
        "The token's time of sign-in is not a point in time.";
    /// `version` is not a version, or its major is not 1 (profile `open_edx`).
    UnsupportedVersion = "unsupported_version", 401, INVALID_TOKEN,
        "The token's version is not supported.";
    /// The service was told to accept the token no longer.
    Revoked = "revoked", 401, INVALID_TOKEN,
        "The token has been revoked.";
    /// The claims do not have the shape that the service's own claims type asks for.
    ClaimsShape = "claims_shape", 401, INVALID_TOKEN,
        "The token lacks claims that this service needs.";

    /// The caller does not hold the scope; the challenge names it (RFC 6750 §3.1).
    InsufficientScope = "insufficient_scope", 403, INSUFFICIENT_SCOPE,
        "The token does not carry the scope that this needs.";
    /// The caller does not hold the role.
    InsufficientRole = "insufficient_role", 403, INSUFFICIENT_SCOPE,
        "The caller does not hold the role that this needs.";

    /// The token belongs to a restricted application, and the route does not let those in (profile `open_edx`).
    RestrictedApplication = "restricted_application", 403, BARE,
        "The application may not call this.";
    /// The user has to sign in anew or otherwise; the challenge says how (RFC 9470).
    InsufficientAuthentication = "insufficient_authentication", 401, INSUFFICIENT_AUTHENTICATION,
        "The user has to sign in more recently, or in another way.";
    /// The route is in no route table, so that nobody may call it.
    UndeclaredRoute = "undeclared_route", 403, BARE,
        "Nobody may call this.";

    /// A policy of the service does not allow it, whatever the token carries.
    NotAllowed = "not_allowed", 403, BARE,
        "The caller may not do this.";

    /// What decides about it cannot be reached: a role store or a policy engine.
    DecisionUnavailable = "decision_unavailable", 503, BARE,
        "Whether this is allowed cannot be decided at the moment.";
    /// The issuer's keys are not there: not fetched yet, or too old after an outage.
    KeysUnavailable = "keys_unavailable", 503, BARE,
        "The issuer's keys are not available at the moment.";
    /// An extractor ran on a route that no layer protects.
    MissingLayer = "missing_layer", 500, BARE,
        "This service is misconfigured.";
}

impl Reason {
    /// The phrase that HTTP gives to the status, used as the problem's title.
    pub const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();

        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn status_and_challenge_error_agree() {
        for reason in Reason::ALL {
            let expected = match reason.status() {
                400 => &[Some("invalid_request")][..],
                401 => &[None, Some("invalid_token"), Some("insufficient_user_authentication")],
                403 => &[None, Some("insufficient_scope")],
                500 | 503 => &[None],
                other => panic!("{reason} has status {other}"),
            };
            assert!(expected.contains(&reason.error()), "{reason}");
        }
    }
}
