//! The service's own token for outgoing calls, from the environment.
//!
//! # Examples
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = linchpin::service_token::from_env()?; // CLIENT_ID, CLIENT_SECRET_FILE, AUTH_ISSUER, …
//! # drop(tokens);
//! # Ok(())
//! # }
//! ```

use std::ffi::OsString;

use linchpin_core::ConfigError;
use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint};

use crate::{
    Setting,
    reader::{Quoted, Settings},
    settings::setting,
    vars::Vars,
};

/// Every variable that [`from_env`] reads, beside `AUTH_ISSUER`, `AUTH_CA_FILE` and `AUTH_ALLOW_HTTP_HOSTS`, which count for
/// the same provider.
///
/// `docs/settings.md` shows this table.
pub const SETTINGS: &[Setting] = &[
    setting(
        "CLIENT_ID",
        "client_id",
        "required",
        "The id under which this service is registered as a client",
    ),
    setting(
        "CLIENT_ISSUER",
        "issuer",
        "AUTH_ISSUER",
        "The authorization server, whose metadata names the token endpoint",
    ),
    setting(
        "CLIENT_TOKEN_URL",
        "token_url",
        "by discovery",
        "The token endpoint, if not where the issuer says",
    ),
    setting(
        "CLIENT_AUTH_METHOD",
        "auth_method",
        "by what else is set",
        "`client_secret_basic`, `client_secret_post`, `private_key_jwt` or `tls_client_auth`",
    ),
    setting(
        "CLIENT_SECRET",
        "client_secret",
        "none",
        "The client's secret; better in a file, since a process shows its environment to others of the same user",
    ),
    setting("CLIENT_SECRET_FILE", "client_secret_file", "none", "The file that holds the client's secret"),
    setting(
        "CLIENT_KEY_FILE",
        "client_key",
        "none",
        "A PEM file with the private key for `private_key_jwt` (PKCS #8)",
    ),
    setting("CLIENT_KEY_ALGORITHM", "client_key_algorithm", "RS256", "The algorithm of that key"),
    setting(
        "CLIENT_KEY_ID",
        "client_key_id",
        "its thumbprint",
        "The `kid` under which that key is registered",
    ),
    setting(
        "CLIENT_ASSERTION_AUDIENCE",
        "assertion_audience",
        "the issuer, or else the token endpoint",
        "The `aud` of what that key signs",
    ),
    setting(
        "CLIENT_CERTIFICATE_FILE",
        "client_certificate",
        "none",
        "A PEM file with certificate and private key for `tls_client_auth`",
    ),
    setting("CLIENT_SCOPES", "scopes", "the server's default", "The scopes to ask for, separated by commas"),
    setting(
        "CLIENT_AUDIENCE",
        "audience",
        "the server's default",
        "The service that the token is for (`audience`)",
    ),
    setting(
        "CLIENT_RESOURCE",
        "resource",
        "none",
        "The URI of the service that the token is for (`resource`)",
    ),
    setting(
        "CLIENT_DEADLINE",
        "deadline",
        "5",
        "How long a fetch may take as a whole, in seconds, 60 at most",
    ),
];

/// Reads the environment; [`SETTINGS`] lists the variables.
///
/// Nothing is fetched before the first call; tokens are fetched on the tokio runtime that this is called on. An empty variable
/// counts as unset.
///
/// # Errors
///
/// Every wrong or missing variable at once, each with what is wrong and what would be right.
pub fn from_env() -> Result<ClientCredentials, ConfigError> {
    from_vars(std::env::vars_os())
}

/// Reads the environment if any variable of [`SETTINGS`] is set; a service that has no token of its own sets none.
///
/// # Errors
///
/// As [`from_env`].
pub fn from_env_if_set() -> Result<Option<ClientCredentials>, ConfigError> {
    from_vars_if_set(std::env::vars_os())
}

/// Reads variables that come from elsewhere if any of [`SETTINGS`] is among them, by the rules of [`from_env`].
///
/// # Examples
///
/// ```
/// use linchpin::service_token::from_vars_if_set;
///
/// assert!(from_vars_if_set([("AUTH_ISSUER", "https://id.example")])?.is_none());
/// assert!(from_vars_if_set([("CLIENT_ID", "grades")]).is_err(), "half of it is not enough");
/// # Ok::<(), linchpin::ConfigError>(())
/// ```
///
/// # Errors
///
/// As [`from_env`].
pub fn from_vars_if_set<N, V>(
    vars: impl IntoIterator<Item = (N, V)>,
) -> Result<Option<ClientCredentials>, ConfigError>
where
    N: Into<OsString>,
    V: Into<OsString>,
{
    let vars: Vec<(OsString, OsString)> =
        vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let is_ours = |name: &OsString| SETTINGS.iter().any(|known| name == known.name);
    let is_set = vars.iter().any(|(name, value)| is_ours(name) && !value.is_empty());
    if is_set { from_vars(vars).map(Some) } else { Ok(None) }
}

/// Reads variables that come from elsewhere, such as a test or a file, by the rules of [`from_env`].
///
/// # Errors
///
/// Every wrong or missing variable at once.
pub fn from_vars<N, V>(vars: impl IntoIterator<Item = (N, V)>) -> Result<ClientCredentials, ConfigError>
where
    N: Into<OsString>,
    V: Into<OsString>,
{
    let mut vars = Vars::starting_with("", vars.into_iter().map(|(name, value)| (name.into(), value.into())));
    let client = client(&mut vars);
    let url = vars.text("CLIENT_TOKEN_URL");
    let own_issuer = vars.text("CLIENT_ISSUER");
    let issuer_variable = if own_issuer.is_some() { "CLIENT_ISSUER" } else { "AUTH_ISSUER" };
    let issuer = own_issuer.or_else(|| vars.text("AUTH_ISSUER"));
    let is_told =
        ["CLIENT_TOKEN_URL", "CLIENT_ISSUER", "AUTH_ISSUER"].iter().any(|name| vars.problems_of(name) > 0);
    if url.is_none() && issuer.is_none() && !is_told {
        let fix = "set it to the issuer's URL, for example https://id.example, or set CLIENT_TOKEN_URL";
        vars.problems.report("CLIENT_ISSUER", "is not set, nor is AUTH_ISSUER", fix);
    }
    let mut endpoint = match (url, issuer) {
        (Some(url), _) => TokenEndpoint::url(url, client),
        (None, issuer) => TokenEndpoint::discovery(issuer.unwrap_or_else(|| PLACEHOLDER.to_owned()), client),
    };
    if let Some(deadline) = vars.seconds("CLIENT_DEADLINE") {
        endpoint = endpoint.deadline(deadline);
    }
    for host in vars.list("AUTH_ALLOW_HTTP_HOSTS") {
        endpoint = endpoint.allow_http_host(host);
    }
    if let Some(pem) = vars.file("AUTH_CA_FILE", "name a PEM file that this process may read") {
        endpoint = endpoint.ca_pem(pem);
    }
    let (scopes, audience, resource) =
        (vars.list("CLIENT_SCOPES"), vars.text("CLIENT_AUDIENCE"), vars.text("CLIENT_RESOURCE"));

    let mut problems = vars.problems;
    let by_variable = |setting: &str| match setting {
        "issuer" => Some(issuer_variable.to_owned()),
        "allow_http_host" => Some("AUTH_ALLOW_HTTP_HOSTS".to_owned()),
        "ca_pem" => Some("AUTH_CA_FILE".to_owned()),
        _ => SETTINGS.iter().find(|known| known.builder == setting).map(|known| known.name.to_owned()),
    };
    let source = problems.take(endpoint.build().map_err(|error| error.rename(by_variable))).map(|endpoint| {
        let source = scopes
            .into_iter()
            .fold(ClientCredentials::builder(&endpoint), |source, scope| source.scope(scope));
        let source = audience.into_iter().fold(source, |source, audience| source.audience(audience));
        let source = resource.into_iter().fold(source, |source, resource| source.resource(resource));
        source.build().map_err(|error| error.rename(by_variable))
    });
    let source = source.and_then(|source| problems.take(source));
    problems.check()?;
    source.ok_or_else(ConfigError::collect)
}

/// Who this service is, as far as that can be read; what cannot is reported.
fn client(vars: &mut Vars) -> ClientAuth {
    let id = required(vars, "CLIENT_ID", "set it to the id under which this service is registered");
    let secret = secret(vars);
    let key = vars.text("CLIENT_KEY_FILE");
    let certificate = vars.text("CLIENT_CERTIFICATE_FILE");
    let by_what_is_set = match (&secret, &key, &certificate) {
        (Some(_), None, None) => Some("client_secret_basic"),
        (None, Some(_), None) => Some("private_key_jwt"),
        (None, None, Some(_)) => Some("tls_client_auth"),
        _ => None,
    };
    let is_told = METHODS.iter().any(|(_, name)| vars.problems_of(name) > 0)
        || vars.problems_of("CLIENT_SECRET_FILE") > 0;
    let method = match vars.text("CLIENT_AUTH_METHOD") {
        Some(method) => match METHODS.iter().find(|(known, _)| *known == method) {
            Some((known, _)) => Some(*known),
            None => {
                let fix = "give client_secret_basic, client_secret_post, private_key_jwt or tls_client_auth";
                vars.problems.report("CLIENT_AUTH_METHOD", format!("is {}", Quoted(&method)), fix);
                return ClientAuth::secret_basic(id, PLACEHOLDER);
            }
        },
        None if by_what_is_set.is_none() && !is_told && vars.problems_of("CLIENT_AUTH_METHOD") == 0 => {
            let problem = match (secret, key, certificate) {
                (None, None, None) => "is not set, nor is CLIENT_KEY_FILE or CLIENT_CERTIFICATE_FILE",
                _ => "is not the only way to authenticate that is set",
            };
            let fix = "set the one that the client is registered with, or say which in CLIENT_AUTH_METHOD";
            vars.problems.report("CLIENT_SECRET_FILE", problem, fix);
            return ClientAuth::secret_basic(id, PLACEHOLDER);
        }
        None => by_what_is_set,
    };
    match method {
        Some("private_key_jwt") => {
            let Some(key) = signing_key(vars, key) else { return ClientAuth::secret_basic(id, PLACEHOLDER) };
            let client = ClientAuth::private_key_jwt(id, key);
            match vars.text("CLIENT_ASSERTION_AUDIENCE") {
                Some(audience) => client.assertion_audience(audience),
                None => client,
            }
        }
        Some("tls_client_auth") => match read_file(vars, "CLIENT_CERTIFICATE_FILE", certificate) {
            Some(pem) => ClientAuth::tls(id, pem),
            None => ClientAuth::secret_basic(id, PLACEHOLDER),
        },
        Some("client_secret_post") => ClientAuth::secret_post(id, needed(vars, secret)),
        _ => ClientAuth::secret_basic(id, needed(vars, secret)),
    }
}

/// The secret, of which a method was chosen that needs it.
fn needed(vars: &mut Vars, secret: Option<String>) -> String {
    if secret.is_none()
        && ["CLIENT_SECRET", "CLIENT_SECRET_FILE"].iter().all(|name| vars.problems_of(name) == 0)
    {
        let fix = "name the file that holds the client's secret, or set CLIENT_SECRET";
        vars.problems.report("CLIENT_SECRET_FILE", "is not set", fix);
    }
    secret.unwrap_or_else(|| PLACEHOLDER.to_owned())
}

fn secret(vars: &mut Vars) -> Option<String> {
    let (secret, path) = (vars.text("CLIENT_SECRET"), vars.text("CLIENT_SECRET_FILE"));
    if secret.is_some() && path.is_some() {
        vars.problems.report("CLIENT_SECRET", "is set, and CLIENT_SECRET_FILE as well", "unset one of them");
        return None;
    }
    let text = match path {
        Some(path) => read_file(vars, "CLIENT_SECRET_FILE", Some(path))?,
        None => return secret,
    };
    // Whoever writes a secret into a file with an editor adds a line end to it.
    let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() || text.contains(['\n', '\r']) {
        let fix = "write the secret alone into it, in one line";
        vars.problems.report("CLIENT_SECRET_FILE", "names a file that is empty or has several lines", fix);
        return None;
    }
    Some(text.to_owned())
}

fn signing_key(vars: &mut Vars, path: Option<String>) -> Option<SigningKey> {
    let pem = read_file(vars, "CLIENT_KEY_FILE", path);
    let fix = "give the algorithm that the key is registered for, for example ES256";
    let algorithm = vars.parse::<Algorithm>("CLIENT_KEY_ALGORITHM", fix);
    if algorithm.is_none() && vars.problems_of("CLIENT_KEY_ALGORITHM") > 0 {
        return None;
    }
    let key_id = vars.text("CLIENT_KEY_ID");
    match SigningKey::from_pkcs8_pem(algorithm.unwrap_or(Algorithm::RS256), &pem?) {
        Ok(key) => Some(match key_id {
            Some(key_id) => key.with_key_id(Some(&key_id)),
            None => key,
        }),
        Err(error) => {
            let fix = "name a PEM file with the client's private key (-----BEGIN PRIVATE KEY-----), and its algorithm \
                       in CLIENT_KEY_ALGORITHM";
            vars.problems.report("CLIENT_KEY_FILE", format!("is of no use: {error}"), fix);
            None
        }
    }
}

fn required(vars: &mut Vars, name: &str, fix: &str) -> String {
    let value = vars.text(name);
    if value.is_none() && vars.problems_of(name) == 0 {
        vars.problems.report(name, "is not set", fix);
    }
    value.unwrap_or_else(|| PLACEHOLDER.to_owned())
}

/// The text of a file, which has to be named.
fn read_file(vars: &mut Vars, name: &str, path: Option<String>) -> Option<String> {
    let fix = "name a file that this process may read";
    let Some(path) = path else {
        if vars.problems_of(name) == 0 {
            vars.problems.report(name, "is not set", fix);
        }
        return None;
    };
    let read = std::fs::read_to_string(&path);
    read.map_err(|error| {
        // Without its name: a secret may have been put where that belongs.
        vars.problems.report(name, format!("names a file that cannot be read: {error}"), fix);
    })
    .ok()
}

/// The ways to authenticate, each with the variable that it needs.
const METHODS: [(&str, &str); 4] = [
    ("client_secret_basic", "CLIENT_SECRET"),
    ("client_secret_post", "CLIENT_SECRET"),
    ("private_key_jwt", "CLIENT_KEY_FILE"),
    ("tls_client_auth", "CLIENT_CERTIFICATE_FILE"),
];

/// Stands in for a value that was reported, so that the builder reports what else is wrong and not the same again.
const PLACEHOLDER: &str = "https://placeholder.invalid";
