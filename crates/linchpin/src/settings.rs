//! The settings that can be made in the environment, in one table.

/// One variable that [`Auth::from_env`](crate::Auth::from_env) or another reader of the environment reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// What it means, and in which unit.
    pub meaning: &'static str,
    /// What counts if it is not set.
    pub default: &'static str,
    /// The name under which the builders report it.
    pub(crate) builder: &'static str,
}

pub(crate) const fn setting(
    name: &'static str,
    builder: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { name, meaning, default, builder }
}

/// Every variable that [`Auth::from_env`](crate::Auth::from_env) reads.
///
/// `docs/settings.md` shows this table.
pub const SETTINGS: &[Setting] = &[
    setting(
        "AUTH_ISSUER",
        "issuer",
        "required, unless AUTH_CONFIG is set",
        "The `iss` of the tokens, byte for byte, and the base of OIDC discovery",
    ),
    setting(
        "AUTH_AUDIENCE",
        "audience",
        "required, unless AUTH_CLIENT_IDS or AUTH_CONFIG is set",
        "The `aud` of tokens for this service; several separated by commas, of which a token has to name one",
    ),
    setting(
        "AUTH_CLIENT_IDS",
        "client_ids",
        "any client",
        "The `client_id`s that may call, separated by commas; for providers that send no `aud`",
    ),
    setting(
        "AUTH_TENANTS",
        "tenants",
        "none",
        "The tenants that stand for `{tenantid}` in the issuer, separated by commas, as Microsoft Entra has it",
    ),
    setting(
        "AUTH_JWKS_URL",
        "jwks_url",
        "by discovery",
        "Where the keys are fetched, if not where the issuer says; tokens are still checked against the issuer",
    ),
    setting("AUTH_PROFILE", "profile", "generic", "The kind of token: `generic`, `rfc9068` or `open_edx`"),
    setting(
        "AUTH_ALGORITHMS",
        "algorithms",
        "RS256,ES256,EdDSA; open_edx adds RS512",
        "The signature algorithms that are allowed, separated by commas",
    ),
    setting("AUTH_LEEWAY", "leeway", "30", "How far the issuer's clock may be off, in seconds, 600 at most"),
    setting("AUTH_MAX_AGE", "max_age", "no limit", "How long ago a token may have been issued, in seconds"),
    setting(
        "AUTH_MAX_LIFETIME",
        "max_lifetime",
        "no limit",
        "How far a token's `exp` may lie from its `iat`, in seconds",
    ),
    setting(
        "AUTH_ROLES_CLAIM",
        "roles",
        "roles",
        "The claim with the list of roles: a name, or a JSON Pointer such as `/realm_access/roles`",
    ),
    setting(
        "AUTH_MAX_TOKEN_BYTES",
        "max_token_bytes",
        "16384",
        "The size beyond which a token is refused undecoded",
    ),
    setting(
        "AUTH_TOKEN_CACHE",
        "token_cache",
        "16384",
        "How many verified tokens are remembered, so that each is verified once; 0 for none",
    ),
    setting(
        "AUTH_TOKEN_CACHE_BYTES",
        "token_cache_bytes",
        "67108864",
        "How many bytes the remembered tokens may take, 65536 at least",
    ),
    setting(
        "AUTH_REALM",
        "realm",
        "`api`, and only where a challenge has no error",
        "The `realm` of challenges",
    ),
    setting(
        "AUTH_NAME_ROLES",
        "name_roles",
        "false",
        "Whether a caller who lacks a role is told which: `true` or `false`",
    ),
    setting("AUTH_JWKS_REFRESH", "refresh", "300", "How often the keys are fetched, in seconds, 10 at least"),
    setting(
        "AUTH_JWKS_MAX_STALE",
        "max_stale",
        "14400",
        "How old the keys may become while they cannot be fetched, in seconds; beyond it every answer is 503",
    ),
    setting(
        "AUTH_JWKS_FETCH_DEADLINE",
        "fetch_deadline",
        "5",
        "How long a fetch may take as a whole, in seconds",
    ),
    setting("AUTH_JWKS_MAX_BYTES", "max_bytes", "1048576", "How large a document of the provider may be"),
    setting("AUTH_JWKS_MAX_KEYS", "max_keys", "100", "How many keys a set may have"),
    setting(
        "AUTH_JWKS_UNKNOWN_KEY_INTERVAL",
        "unknown_key_interval",
        "10",
        "The pause between fetches for unknown keys, after two at once, in seconds",
    ),
    setting(
        "AUTH_ALLOW_HTTP_HOSTS",
        "allow_http_host",
        "loopback only",
        "Hosts that may be asked over plain http, separated by commas",
    ),
    setting(
        "AUTH_CA_FILE",
        "ca_pem",
        "the system's roots only",
        "A PEM file with further roots for the provider's TLS certificate",
    ),
    setting(
        "AUTH_CONFIG",
        "config",
        "none",
        "A TOML or JSON file with one issuer or several, in place of all other variables ([issuers](issuers.md))",
    ),
];
