//! Settings, and what becomes of them at start-up.

use std::{
    collections::HashSet,
    error::Error,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use linchpin_core::{Clock, ConfigError, SystemClock};
use linchpin_jwt::{Algorithm, KeyError};
use tokio::{net::TcpListener, task::spawn_blocking};

use crate::{
    Client, RunningIdp, Shape, User,
    http::Hosts,
    keys::Keys,
    provider::{Provider, check_lifetime},
    users_file::UsersFile,
};

/// The development identity provider, before it runs.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linchpin_idp::StartError> {
/// use linchpin_idp::DevIdp;
/// # use linchpin_jwt::Algorithm;
///
/// let idp = DevIdp::builder()
///     # .algorithm(Algorithm::ES256)
///     .audience("courses")
///     .users_toml("[[users]]\nname = \"dora\"\nroles = [\"admin\"]\n")
///     .start()
///     .await?;
/// assert!(idp.issuer().starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// For development only; see the [crate's first words](crate).
#[derive(Debug)]
#[non_exhaustive]
pub struct DevIdp {}

impl DevIdp {
    /// Starts a provider with the defaults that [`DevIdpBuilder`] lists.
    pub fn builder() -> DevIdpBuilder {
        DevIdpBuilder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            any_address: false,
            issuer: None,
            audience: "grades".to_owned(),
            algorithm: Algorithm::RS256,
            shape: Shape::Rfc9068,
            lifetime: Duration::from_secs(3600),
            users: None,
            clients: None,
            file: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Puts a development identity provider together.
///
/// | | unless set |
/// |---|---|
/// | address | a free port of `127.0.0.1` |
/// | issuer | the URL of that address |
/// | audience | `grades` |
/// | algorithm | RS256 |
/// | shape | RFC 9068 |
/// | lifetime of tokens | one hour |
/// | users | [`User::defaults`] |
/// | clients | [`Client::default_client`] |
/// | clock | the operating system's |
#[must_use]
pub struct DevIdpBuilder {
    address: SocketAddr,
    any_address: bool,
    issuer: Option<String>,
    audience: String,
    algorithm: Algorithm,
    shape: Shape,
    lifetime: Duration,
    users: Option<Vec<User>>,
    clients: Option<Vec<Client>>,
    file: Option<Source>,
    clock: Arc<dyn Clock>,
}

/// Where the text of users and clients comes from.
enum Source {
    Text(String),
    File(PathBuf),
}

impl DevIdpBuilder {
    /// Sets the address to listen on, which has to be a loopback one; port 0 is any free port.
    pub fn bind(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Lets the provider listen on addresses that others can reach.
    ///
    /// # Security
    ///
    /// Everybody who reaches it is given any token for the asking. It is for containers whose network nobody else is on.
    pub fn allow_any_address(mut self) -> Self {
        self.any_address = true;
        self
    }

    /// Sets the issuer: the URL by which services reach the provider, if that is not its address.
    ///
    /// It is `http://` or `https://`, a host and perhaps a port, and nothing behind them.
    pub fn issuer(mut self, url: impl Into<String>) -> Self {
        self.issuer = Some(url.into());
        self
    }

    /// Sets the audience of tokens that are not asked for another.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Sets the algorithm of RFC 9068 tokens; those of Open edX are in RS512 in any case.
    ///
    /// The keys of the HMAC algorithms cannot be published, so these are an error at start.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the shape of tokens for clients, and of those for users that are not asked for another.
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Sets how long tokens are valid that are not asked for another lifetime: one second to thirty days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the users; they take precedence over those of a text or a file.
    pub fn users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users = Some(users.into_iter().collect());
        self
    }

    /// Sets the clients; they take precedence over those of a text or a file.
    pub fn clients(mut self, clients: impl IntoIterator<Item = Client>) -> Self {
        self.clients = Some(clients.into_iter().collect());
        self
    }

    /// Reads users and clients from a text in TOML; where it has none of one kind, the defaults of that kind stay.
    ///
    /// ```toml
    /// [[users]]
    /// name = "ann"                                # the only member that has to be there
    /// roles = ["instructor"]
    /// scopes = ["grades:read", "grades:write"]
    /// email = "ann@example.com"
    /// claims = { tenant = "acme" }
    ///
    /// [[clients]]
    /// id = "billing"
    /// secret = "billing-secret"                   # or public_key, in PEM, for private_key_jwt
    /// scopes = ["grades:read"]
    /// audiences = ["grades"]                      # any audience without it
    /// ```
    pub fn users_toml(mut self, text: impl Into<String>) -> Self {
        self.file = Some(Source::Text(text.into()));
        self
    }

    /// Reads users and clients from a file, in the same form as [`users_toml`](Self::users_toml).
    pub fn users_file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(Source::File(path.as_ref().to_owned()));
        self
    }

    /// Sets the clock by which tokens are issued.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the provider, within the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// If a setting is wrong (all that are wrong are told at once), the address cannot be had, or no key can be generated.
    pub async fn start(mut self) -> Result<RunningIdp, StartError> {
        self.check().map_err(StartError::Config)?;

        let bound = match TcpListener::bind(self.address).await {
            Ok(listener) => listener.local_addr().map(|address| (listener, address)),
            Err(error) => Err(error),
        };
        let (listener, address) =
            bound.map_err(|source| StartError::Bind { address: self.address, source })?;
        let issuer = self.issuer.unwrap_or_else(|| format!("http://{}", reachable(address)));
        let algorithm = self.algorithm;
        let keys = spawn_blocking(move || Keys::generate(algorithm)).await;
        let keys = keys.map_err(|_| StartError::Stopped)?.map_err(StartError::Key)?;

        let hosts = Hosts::new(address, &issuer);
        let provider = Provider {
            issuer,
            algorithm,
            audience: self.audience,
            shape: self.shape,
            lifetime: self.lifetime,
            users: self.users.unwrap_or_else(|| User::defaults().into()),
            clients: self.clients.unwrap_or_else(|| vec![Client::default_client()]),
            keys,
            started_at: self.clock.now(),
            clock: self.clock,
            tokens: AtomicU64::new(1),
        };
        Ok(RunningIdp::serve(listener, address, Arc::new(provider), hosts))
    }

    /// Reads the users, and finds everything that is wrong.
    fn check(&mut self) -> Result<(), ConfigError> {
        let mut problems = ConfigError::collect();
        if !self.any_address && !self.address.ip().to_canonical().is_loopback() {
            problems.report(
                "bind",
                format!(
                    "is {}, which others can reach, and this provider gives any token to anyone",
                    self.address
                ),
                "bind a loopback address such as 127.0.0.1:9000, or allow any address (allow_any_address, \
                 --allow-any-address) where nobody else is on the network",
            );
        }
        if let Some(issuer) = self.issuer.as_ref().filter(|issuer| authority(issuer).is_none()) {
            problems.report(
                "issuer",
                format!("is {issuer:?}"),
                "give a URL of scheme and authority alone, for example http://idp:9000",
            );
        }
        if self.audience.is_empty() {
            problems.report(
                "audience",
                "is empty",
                "give the `aud` that the services expect, for example grades",
            );
        }
        if self.algorithm.is_symmetric() {
            problems.report(
                "algorithm",
                format!("is {}, whose keys cannot be published", self.algorithm),
                "choose one with public keys, for example RS256, ES256 or EdDSA",
            );
        }
        if let Err(error) = check_lifetime(self.lifetime) {
            problems.report("lifetime", "is out of bounds", error.to_string());
        }

        self.check_people(&mut problems);
        if let Some(file) = problems.take(self.read_file()).flatten() {
            // Without a user in the file there are the default ones, likewise for clients.
            let some_users = Some(file.users).filter(|users| !users.is_empty());
            let some_clients = Some(file.clients).filter(|clients| !clients.is_empty());
            self.users = self.users.take().or(some_users);
            self.clients = self.clients.take().or(some_clients);
        }
        problems.check()
    }

    fn check_people(&self, problems: &mut ConfigError) {
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        for user in self.users.iter().flatten() {
            if let Err((problem, fix)) = user.check(&mut names) {
                problems.report("users", problem, fix);
            }
        }
        for client in self.clients.iter().flatten() {
            if let Err((problem, fix)) = client.check(&mut ids) {
                problems.report("clients", problem, fix);
            }
        }
    }

    fn read_file(&self) -> Result<Option<UsersFile>, ConfigError> {
        match &self.file {
            None => Ok(None),
            Some(Source::Text(text)) => UsersFile::read("users_toml", text).map(Some),
            Some(Source::File(path)) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let problem = format!("cannot be read: {error}");
                    ConfigError::single(&name, problem, "give the path of a file of users in TOML")
                })?;
                UsersFile::read(&name, &text).map(Some)
            }
        }
    }
}

impl fmt::Debug for DevIdpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdpBuilder")
            .field("address", &self.address)
            .field("audience", &self.audience)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The reason why the provider does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Settings are wrong.
    Config(ConfigError),
    /// The address cannot be had.
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No key can be generated.
    Key(KeyError),
    /// The runtime stopped in the middle.
    Stopped,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Bind { address, .. } => write!(f, "cannot listen on {address}"),
            Self::Key(_) => f.write_str("cannot generate a key"),
            Self::Stopped => f.write_str("the runtime stopped while the provider was starting"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Its whole text is this level's already.
            Self::Config(_) | Self::Stopped => None,
            Self::Bind { source, .. } => Some(source),
            Self::Key(source) => Some(source),
        }
    }
}

/// The host and port of a URL that has nothing else.
pub(crate) fn authority(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    (!authority.is_empty() && authority.bytes().all(is_plain)).then_some(authority)
}

/// The same address, or the loopback one in place of "all of them", which nobody can connect to everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(mut builder: DevIdpBuilder) -> String {
        builder.check().unwrap_err().to_string()
    }

    #[test]
    fn only_loopback_addresses_pass_unless_any_is_allowed() {
        for loopback in ["127.0.0.1:0", "127.8.9.1:80", "[::1]:9000", "[::ffff:127.0.0.1]:9000"] {
            let address: SocketAddr = loopback.parse().unwrap();
            assert_eq!(DevIdp::builder().bind(address).check(), Ok(()), "{loopback}");
        }
        for open in ["0.0.0.0:9000", "[::]:9000", "10.0.0.1:9000", "[::ffff:10.0.0.1]:9000", "8.8.8.8:80"] {
            let address: SocketAddr = open.parse().unwrap();
            let error = problems(DevIdp::builder().bind(address));
            assert!(error.contains("bind is") && error.contains("allow any address"), "{error}");
            assert_eq!(DevIdp::builder().bind(address).allow_any_address().check(), Ok(()), "{open}");
        }
    }

    #[test]
    fn all_wrong_settings_are_told_at_once() {
        let builder = DevIdp::builder()
            .bind(([10, 0, 0, 1], 9000))
            .issuer("idp:9000")
            .audience("")
            .algorithm(Algorithm::HS256)
            .lifetime(Duration::ZERO)
            .users([User::new("ann"), User::new("ann")])
            .clients([Client::new("a", "")])
            .users_toml("[[users]]\nname = 7");

        let error = problems(builder);

        let settings: Vec<&str> =
            error.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
        let expected =
            ["bind", "issuer", "audience", "algorithm", "lifetime", "users", "clients", "users_toml,"];
        assert_eq!(settings, expected, "{error}");
    }

    #[test]
    fn what_is_given_in_code_goes_before_what_is_in_the_file() {
        let mut builder = DevIdp::builder()
            .users([User::new("dora")])
            .users_toml("[[users]]\nname = \"ann\"\n[[clients]]\nid = \"a\"\nsecret = \"b\"\n");

        builder.check().unwrap();

        assert_eq!(builder.users, Some(vec![User::new("dora")]));
        assert_eq!(builder.clients, Some(vec![Client::new("a", "b")]));
    }

    #[test]
    fn an_issuer_is_scheme_and_authority() {
        assert_eq!(authority("http://idp:9000"), Some("idp:9000"));
        assert_eq!(authority("https://[::1]"), Some("[::1]"));
        for bad in
            ["", "idp", "http://", "http://idp/", "http://a@idp", "http://idp?x", "ftp://idp", "http://i dp"]
        {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_one_clear_error() {
        let error = problems(DevIdp::builder().users_file("no/such/users.toml"));

        assert!(error.contains("no/such/users.toml cannot be read: "), "{error}");
    }
}
