//! Well-known identity providers: their issuer as it stands in `iss`, their algorithms, and where their roles are.
//!
//! Each constructor is a few settings of [`AuthBuilder`], all of which can be set otherwise afterwards.

use linchpin_jwt::{Algorithm, Profile, RolesClaim};

use crate::{Auth, AuthBuilder};

impl Auth {
    /// Starts with a realm of Keycloak at `base`, such as `https://sso.example`.
    ///
    /// The issuer is `<base>/realms/<realm>`; a Keycloak below a path (`/auth` up to version 16) has it in `base`. Roles are the
    /// realm's, at `realm_access.roles`; those of one client are
    /// [`RolesClaim::keycloak_client`](linchpin_jwt::RolesClaim::keycloak_client).
    ///
    /// Keycloak puts no API into `aud` by itself: add an audience mapper to the client scope.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::keycloak("https://sso.example", "school").audience("grades").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn keycloak(base: impl AsRef<str>, realm: impl AsRef<str>) -> AuthBuilder {
        let base = base.as_ref().trim_end_matches('/');
        Auth::issuer(format!("{base}/realms/{}", realm.as_ref())).roles(RolesClaim::keycloak_realm())
    }

    /// Starts with a tenant of Auth0 by its domain, such as `school.eu.auth0.com` or a custom one.
    ///
    /// The issuer is `https://<domain>/`, final slash included. The audience is the API's identifier. Roles are the
    /// `permissions` that an API with RBAC adds to its tokens; roles proper stand only in a claim that an action of yours adds
    /// under a name of its own, such as `https://school.example/roles`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::auth0("school.eu.auth0.com").audience("https://grades.example").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn auth0(domain: impl AsRef<str>) -> AuthBuilder {
        Auth::issuer(format!("https://{}/", domain.as_ref()))
            .algorithms([Algorithm::RS256])
            .roles(RolesClaim::at(["permissions"]))
    }

    /// Starts with one tenant of Microsoft Entra ID, by its id (a GUID).
    ///
    /// The issuer is `https://login.microsoftonline.com/<tenant>/v2.0`, and the audience is the client id of the API's own
    /// registration, whose manifest has to say `requestedAccessTokenVersion: 2`: tokens of version 1 are from another issuer and
    /// are refused. Roles are the app roles, in `roles`; delegated permissions are the scopes, in `scp`.
    ///
    /// # Security
    ///
    /// Entra's ID tokens cannot be told from access tokens by their claims, only by `aud`. Give the API a registration that no
    /// user signs in to, or demand a scope or a role on every route: an ID token has no scope.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::entra_id("8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11")
    ///     .audience("5d0c9a0e-7c1b-4f0e-8f53-3d1f2b7a9c42")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn entra_id(tenant: impl AsRef<str>) -> AuthBuilder {
        Auth::entra_id_tenants([tenant.as_ref()])
    }

    /// Starts with several tenants of Microsoft Entra ID, by their ids, for an application that is registered as multi-tenant.
    ///
    /// As [`entra_id`](Self::entra_id), but that the issuer is one for each tenant, and no token of a tenant that is not listed is
    /// accepted. Keys are those that all tenants share; one that is published for one issuer verifies no other's tokens.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let tenants = ["8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11", "f3d7c2b8-90a1-4b55-8a64-0b7e5c1d2e33"];
    /// let auth = Auth::entra_id_tenants(tenants).audience("5d0c9a0e-7c1b-4f0e-8f53-3d1f2b7a9c42").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn entra_id_tenants(tenants: impl IntoIterator<Item = impl Into<String>>) -> AuthBuilder {
        Auth::issuer("https://login.microsoftonline.com/{tenantid}/v2.0")
            .tenants(tenants)
            .algorithms([Algorithm::RS256])
    }

    /// Starts with a custom authorization server of Okta, by the organisation's domain and the server's id, such as `default`.
    ///
    /// The issuer is `https://<domain>/oauth2/<server>`. The audience is the server's, `api://default` unless changed. Scopes
    /// are in `scp`, the client is `cid`, and roles are the `groups`, if the server has a claim of that name.
    ///
    /// Tokens of the organisation's own server (`https://<domain>`) are for Okta alone: nobody else can verify them.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::okta("school.okta.com", "default").audience("api://default").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn okta(domain: impl AsRef<str>, server: impl AsRef<str>) -> AuthBuilder {
        Auth::issuer(format!("https://{}/oauth2/{}", domain.as_ref(), server.as_ref()))
            .algorithms([Algorithm::RS256])
            .roles(RolesClaim::at(["groups"]))
    }

    /// Starts with a user pool of Amazon Cognito, by its region and its id, such as `eu-west-1` and `eu-west-1_Ab1Cd2Ef3`.
    ///
    /// The issuer is `https://cognito-idp.<region>.amazonaws.com/<pool>`. Access tokens have no `aud`, so that
    /// [`client_ids`](AuthBuilder::client_ids) stand in for the audience. Roles are the pool's groups, in `cognito:groups`.
    ///
    /// # Security
    ///
    /// ID tokens are refused, by `token_use` and because they name their client in `aud`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::cognito("eu-west-1", "eu-west-1_Ab1Cd2Ef3").client_ids(["1example23456789"]).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cognito(region: impl AsRef<str>, user_pool: impl AsRef<str>) -> AuthBuilder {
        let (region, user_pool) = (region.as_ref(), user_pool.as_ref());
        Auth::issuer(format!("https://cognito-idp.{region}.amazonaws.com/{user_pool}"))
            .algorithms([Algorithm::RS256])
            .roles(RolesClaim::at(["cognito:groups"]))
    }

    /// Starts with Google, for the ID tokens with which its service accounts call services.
    ///
    /// Google's access tokens are opaque to everybody else. What a service on Google Cloud sends to another is an ID token of
    /// its service account, whose `aud` is what it asked for: the URL of this service, as a rule. It has neither scopes nor
    /// roles; who may call is decided by `sub`, the number of the account, or by the claim `email`.
    ///
    /// # Security
    ///
    /// An ID token from a user's sign-in is made for the application where the user signed in. It has an `at_hash` and is
    /// refused; use the application's own session.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "remote", doc = "```no_run")]
    #[cfg_attr(not(feature = "remote"), doc = "```ignore")]
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), linchpin::ConfigError> {
    /// let auth = Auth::google().audience("https://grades-abc123.a.run.app").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn google() -> AuthBuilder {
        Auth::issuer("https://accounts.google.com").algorithms([Algorithm::RS256])
    }

    /// Starts with an Open edX LMS, by its `JWT_ISSUER` and the JSON of its `JWT_PUBLIC_SIGNING_JWK_SET`.
    ///
    /// The LMS publishes no metadata, so its keys are given, and nothing is fetched; its tokens name no key. The audience is its
    /// `JWT_AUDIENCE`. The scheme is `JWT` beside `Bearer`; [`Profile::OpenEdx`] has the rest. Tokens of restricted
    /// applications are refused wherever a layer, a policy or a requirement does not let them in.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use linchpin::Auth;
    /// # fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = std::fs::read_to_string("lms-jwks.json")?;
    /// let auth = Auth::open_edx("https://lms.example/oauth2", keys).audience("openedx").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_edx(issuer: impl Into<String>, jwk_set: impl Into<String>) -> AuthBuilder {
        Auth::issuer(issuer).profile(Profile::OpenEdx).jwk_set(jwk_set)
    }
}
