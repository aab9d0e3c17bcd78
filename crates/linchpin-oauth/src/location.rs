//! URLs from which keys may be fetched.

use std::{fmt, sync::Arc};

use url::{Host, Url};

/// Decides which URLs are safe to fetch keys from: those on https, and those on http that cannot be tampered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    http_hosts: Arc<[String]>,
}

impl Transport {
    pub(crate) fn allowing_http_to(hosts: Vec<String>) -> Self {
        Self { http_hosts: hosts.into() }
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
        match host {
            Some(Host::Ipv4(address)) if address.is_loopback() => true,
            Some(Host::Ipv6(address)) if address.is_loopback() => true,
            Some(Host::Domain("localhost")) => true,
            Some(host) => self.http_hosts.contains(&host.to_string()),
            None => false,
        }
    }
}

/// Why keys are not fetched from a URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadUrl {
    NotAUrl,
    NotHttp,
    PlainHttp,
    HasCredentials,
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_for_hosts_allowed_by_name() {
        let strict = Transport::default();
        let relaxed = Transport::allowing_http_to(vec!["keycloak".to_owned()]);

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
}
