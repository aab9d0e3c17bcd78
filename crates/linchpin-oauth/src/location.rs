//! URLs from which keys and tokens may be fetched.

use std::{fmt, sync::Arc};

use linchpin_core::ConfigError;
use url::{Host, Url};

/// Decides which URLs are safe to fetch keys or tokens from: those on https, and those on http that cannot be tampered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    http_hosts: Arc<[Host]>,
}

impl Transport {
    /// Allows plain http to these hosts; what is no host is reported.
    pub(crate) fn allowing_http_to(hosts: &[String], problems: &mut ConfigError) -> Self {
        let mut http_hosts = Vec::new();
        for host in hosts {
            match bare_host(host) {
                Some(host) => http_hosts.push(host),
                None => problems.report(
                    "allow_http_host",
                    format!("{host:?} is not a bare host"),
                    "give the host alone, without scheme, port or path, for example keycloak",
                ),
            }
        }
        Self { http_hosts: http_hosts.into() }
    }

    /// Checks the URL of an issuer, which has neither query nor fragment (OpenID Connect Discovery §3, RFC 8414 §2).
    pub(crate) fn check_issuer(&self, url: &str) -> Result<(), BadUrl> {
        self.check(url)?;
        if url.contains(['?', '#']) { Err(BadUrl::HasQuery) } else { Ok(()) }
    }

    /// Checks a URL; the error says what is wrong with it, as the rest of a sentence about it.
    pub(crate) fn check(&self, url: &str) -> Result<(), BadUrl> {
        let parsed = Url::parse(url).map_err(|_| BadUrl::NotAUrl)?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(BadUrl::HasCredentials);
        }
        match parsed.scheme() {
            "https" => Ok(()),
            "http" if self.allows_http_to(parsed.host()) => Ok(()),
            "http" => Err(BadUrl::PlainHttp),
            _ => Err(BadUrl::NotHttp),
        }
    }

    fn allows_http_to(&self, host: Option<Host<&str>>) -> bool {
        is_loopback(host.as_ref())
            || host.is_some_and(|host| self.http_hosts.iter().any(|allowed| *allowed == host))
    }
}

/// Whether a host is this machine, whatever the name service says.
pub(crate) fn is_loopback(host: Option<&Host<&str>>) -> bool {
    match host {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => *name == "localhost",
        None => false,
    }
}

/// A URL as a log may show it: without user, password, query and fragment, any of which may be a secret.
pub(crate) fn without_secrets(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "(not a URL)".to_owned() };
    // Fails only for a URL without a host, which has no user to remove.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Reads a host as it stands in a URL, in the same spelling (lower case, punycode), if it is nothing but a host.
fn bare_host(host: &str) -> Option<Host> {
    // The standard has nothing against an asterisk; whoever writes one means many hosts, and it would match none.
    if host.contains('*') { None } else { Host::parse(host).ok() }
}

/// Why keys are not fetched from a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadUrl {
    NotAUrl,
    NotHttp,
    PlainHttp,
    HasCredentials,
    HasQuery,
}

impl BadUrl {
    pub(crate) fn fix(self) -> &'static str {
        match self {
            Self::NotAUrl | Self::NotHttp => "give a full URL, for example https://id.example",
            Self::PlainHttp => {
                "use https, since whoever can change the answer can sign tokens \
                 (a host on a private network can be allowed by name: allow_http_host, AUTH_ALLOW_HTTP_HOSTS)"
            }
            Self::HasCredentials => "leave user and password out: the documents are public",
            Self::HasQuery => {
                "give the issuer as it stands in `iss`; keys elsewhere have a setting of their own"
            }
        }
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "is not a URL",
            Self::NotHttp => "is not an https URL",
            Self::PlainHttp => "is plain http to another host",
            Self::HasCredentials => "holds a user name or a password",
            Self::HasQuery => "holds a query or a fragment, which no issuer does",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_for_hosts_allowed_by_name() {
        let strict = Transport::default();
        let relaxed = Transport::allowing_http_to(&["Keycloak".to_owned()], &mut ConfigError::collect());

        for good in [
            "https://id.example/x",
            "http://127.0.0.1:9000",
            "http://127.1.2.3",
            "http://[::1]:1",
            "http://localhost:9000/a",
        ] {
            assert_eq!(strict.check(good), Ok(()), "{good}");
        }
        for plain in
            ["http://id.example", "http://10.0.0.1", "http://localhost.evil.example", "http://keycloak:8080"]
        {
            assert_eq!(strict.check(plain), Err(BadUrl::PlainHttp), "{plain}");
        }
        assert_eq!(relaxed.check("http://keycloak:8080/realms/x"), Ok(()));
        assert_eq!(relaxed.check("http://KEYCLOAK:8080/realms/x"), Ok(()));
        assert_eq!(relaxed.check("http://keycloak.evil.example"), Err(BadUrl::PlainHttp));
        for (bad, why) in [
            ("", BadUrl::NotAUrl),
            ("id.example", BadUrl::NotAUrl),
            ("ftp://id.example", BadUrl::NotHttp),
            ("file:///etc/passwd", BadUrl::NotHttp),
            ("https://user:pass@id.example", BadUrl::HasCredentials),
        ] {
            assert_eq!(strict.check(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("https://ann:s3cret@id.example/keys?token=s3cret#s3cret", "https://id.example/keys"),
            ("https://s3cret@id.example:8443/keys?", "https://id.example:8443/keys"),
            ("s3cret", "(not a URL)"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn a_host_is_bare_or_none() {
        for (good, spelled) in [
            ("Keycloak", "keycloak"),
            ("id.example", "id.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("10.0.0.1", "10.0.0.1"),
            ("[FD00::1]", "[fd00::1]"),
        ] {
            assert_eq!(bare_host(good).unwrap().to_string(), spelled);
        }
        for bad in ["", " ", "keycloak ", "keycloak:8080", "http://keycloak:8080", "keycloak/", "*.example"] {
            assert_eq!(bare_host(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_issuer_has_neither_query_nor_fragment() {
        let transport = Transport::default();

        assert_eq!(transport.check_issuer("https://id.example/realms/a"), Ok(()));
        assert_eq!(transport.check_issuer("http://id.example?"), Err(BadUrl::PlainHttp));
        for bad in ["https://id.example?", "https://id.example/?realm=a", "https://id.example/#a"] {
            assert_eq!(transport.check_issuer(bad), Err(BadUrl::HasQuery), "{bad}");
        }
        assert_eq!(transport.check("https://id.example/keys?appid=1"), Ok(()), "a key set may");
    }
}
