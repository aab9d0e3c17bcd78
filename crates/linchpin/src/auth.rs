//! From settings to a layer.

use std::{fmt, sync::Arc};

use linchpin_core::{Clock, Gate, VerifyToken};
use linchpin_jwt::{Invalidation, Issuers, TooManyInvalidations};

use crate::{AuthBuilder, Health, Several, issuer::Source};

/// Verification as a service needs it: made once at start, from settings to [`layer`](Self::layer) or
/// [`middleware`](Self::middleware).
///
/// Clones are cheap and share the keys; the task that fetches them ends with the last clone.
///
/// # Examples
///
/// With a key of the issuer at hand, nothing is fetched:
///
/// ```
/// use linchpin::{Auth, jwt::Algorithm};
///
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// let auth = Auth::issuer("https://id.example").audience("grades").pem(pem).build()?;
/// assert!(auth.is_ready());
/// # Ok::<(), linchpin::ConfigError>(())
/// ```
///
/// Without one, they are found by discovery and kept fresh. Well-known providers have a constructor each, such as
/// [`keycloak`](Self::keycloak), and [`several`](Self::several) takes any number of issuers:
///
#[cfg_attr(feature = "remote", doc = "```no_run")]
#[cfg_attr(not(feature = "remote"), doc = "```ignore")]
/// use linchpin::Auth;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linchpin::ConfigError> {
/// let auth = Auth::several([
///     Auth::keycloak("https://sso.example", "school").audience("grades"),
///     Auth::issuer("https://id.example").audience("https://grades.example"),
/// ])
/// .build()?;
/// # drop(auth);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Auth {
    pub(crate) issuers: Issuers,
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    /// The issuers as they were configured, tenants together, with the keys that they share.
    pub(crate) sources: Arc<[Source]>,
}

impl Auth {
    /// Starts with the issuer: the `iss` of its tokens, and the base of discovery unless keys are given.
    pub fn issuer(issuer: impl Into<String>) -> AuthBuilder {
        AuthBuilder::new(issuer.into())
    }

    /// Starts with several issuers, each with all of its own settings; a token is led to one of them by its `iss`.
    ///
    /// See [`Issuers`] for how, and `docs/issuers.md` for the same in a file.
    pub fn several(issuers: impl IntoIterator<Item = AuthBuilder>) -> Several {
        Several::new(issuers)
    }

    /// Reads the environment; [`SETTINGS`](crate::SETTINGS) lists the variables.
    ///
    /// `AUTH_ISSUER` and `AUTH_AUDIENCE` (or `AUTH_CLIENT_IDS`) are required, or else `AUTH_CONFIG`, which names a file. An
    /// empty variable counts as unset. Keys are fetched in the background of the tokio runtime that this is called on; a
    /// provider that is down is no error.
    ///
    /// # Errors
    ///
    /// Every wrong or missing variable at once, each with what is wrong and what would be right.
    #[cfg(feature = "remote")]
    pub fn from_env() -> Result<Self, linchpin_core::ConfigError> {
        crate::env::auth(std::env::vars_os())
    }

    /// Reads variables that come from elsewhere, such as a test or a file, by the rules of [`from_env`](Self::from_env).
    ///
    /// # Errors
    ///
    /// Every wrong or missing variable at once.
    #[cfg(feature = "remote")]
    pub fn from_vars<N, V>(vars: impl IntoIterator<Item = (N, V)>) -> Result<Self, linchpin_core::ConfigError>
    where
        N: Into<std::ffi::OsString>,
        V: Into<std::ffi::OsString>,
    {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into()));
        crate::env::auth(vars)
    }

    /// Reads a file in TOML or JSON that declares one issuer or several: what `AUTH_CONFIG` names.
    ///
    /// `docs/issuers.md` describes it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong at once, each under the file's name and the place in it, such as `issuer[1].audience`.
    #[cfg(feature = "config-file")]
    pub fn from_file(path: impl AsRef<std::path::Path>) -> Result<Self, linchpin_core::ConfigError> {
        crate::config_file::auth(path.as_ref())
    }

    /// The layer for axum and tower; refuses every request without a valid token.
    ///
    /// `auth.layer().optional()` lets the anonymous through, and still refuses a token that fails. Under the profile
    /// `open_edx`, `auth.layer().admit_restricted()` lets restricted applications in.
    #[cfg(feature = "tower")]
    pub fn layer(&self) -> linchpin_tower::VerifyLayer {
        self.gate.clone().into()
    }

    /// The middleware for actix; refuses every request without a valid token.
    ///
    /// `auth.middleware().optional()` lets the anonymous through, and still refuses a token that fails. Under the profile
    /// `open_edx`, `auth.middleware().admit_restricted()` lets restricted applications in.
    #[cfg(feature = "actix")]
    pub fn middleware(&self) -> linchpin_actix::VerifyMiddleware {
        self.gate.clone().into()
    }

    /// The decision itself, for a framework that has no adapter.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The verifier, for tokens that come another way than in a header.
    pub fn verifier(&self) -> &Issuers {
        &self.issuers
    }

    /// Refuses these tokens from now on, whether they were seen before or not: after a sign-out, or a theft.
    ///
    /// It counts for this process; see [`Invalidation`].
    ///
    /// # Errors
    ///
    /// If an issuer has too many invalidations to keep another one.
    pub fn invalidate(&self, invalidation: &Invalidation) -> Result<(), TooManyInvalidations> {
        self.issuers.invalidate(invalidation)
    }

    /// Whether a valid token could be accepted now: the readiness probe of the service.
    ///
    /// It is `false` before the first keys have arrived, and once they are too old after a long outage. Of several issuers,
    /// one that has keys is enough: were it all, an outage of one would take the service away from the callers of the others.
    pub fn is_ready(&self) -> bool {
        self.issuers.is_ready(self.clock.now())
    }

    /// How each issuer is: the state of its keys, how many there are, how old, and why the last fetch failed.
    ///
    /// It is a picture of this moment, taken without waiting for anything.
    pub fn health(&self) -> Health {
        Health::of(&self.sources, self.clock.now())
    }

    /// Waits until the first keys are there; at once, if they were given. Of several issuers, one is enough.
    pub async fn ready(&self) {
        #[cfg(feature = "remote")]
        {
            use std::{future::poll_fn, pin::Pin, task::Poll};

            type First<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
            let mut firsts = Vec::new();
            for source in &*self.sources {
                let Some(keys) = source.remote() else { return };
                firsts.push(Box::pin(keys.ready()) as First<'_>);
            }
            poll_fn(|cx| {
                let mut arrived = firsts.iter_mut().map(|first| first.as_mut().poll(cx).is_ready());
                if arrived.any(|arrived| arrived) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}
