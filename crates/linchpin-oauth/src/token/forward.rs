//! The caller's own token, handed on.

use linchpin_core::ConfigError;
use url::Url;

use crate::{
    AccessToken, TokenError, TokenErrorKind, TokenOutcome, TokenRequest, TokenSource,
    location::{BadUrl, Transport, without_secrets},
};

/// Hands the caller's own token on, to the origins that are named and to no other.
///
/// A call to another origin, or on nobody's behalf, gets an error, and no token.
///
/// # Examples
///
/// ```
/// use linchpin_oauth::ForwardCaller;
///
/// let source = ForwardCaller::to(["https://billing.internal", "https://reports.internal:8443"])?;
/// # drop(source);
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
///
/// # Security
///
/// Each of these services can act as the caller, wherever the token's audience allows. Where the provider can exchange tokens,
/// `TokenExchange` gives each service a token of its own.
#[derive(Clone, Debug)]
pub struct ForwardCaller {
    origins: Vec<String>,
}

impl ForwardCaller {
    /// A source for calls to these origins, each a URL such as `https://billing.internal`, with its port if it is not the
    /// scheme's own.
    ///
    /// # Errors
    ///
    /// If none is named, or one is not an origin, or plain `http` to another host than this one; the setting is called
    /// `forward_to`.
    pub fn to<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        Self::checked(origins, false)
    }

    /// The same, where plain `http` to other hosts is allowed, as inside a container network.
    ///
    /// # Errors
    ///
    /// As for [`to`](Self::to), but for plain `http`.
    ///
    /// # Security
    ///
    /// Whoever can listen on the way can act as the caller.
    pub fn dangerously_to_plain_http<S: AsRef<str>>(
        origins: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        Self::checked(origins, true)
    }

    fn checked<S: AsRef<str>>(
        origins: impl IntoIterator<Item = S>,
        allows_plain_http: bool,
    ) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::collect();
        let mut known = Vec::new();
        for origin in origins {
            let origin = origin.as_ref();
            let problem = match Transport::default().check(origin) {
                Ok(()) => None,
                Err(BadUrl::PlainHttp) if allows_plain_http => None,
                Err(bad) => Some(bad.to_string()),
            };
            match (problem, normal(origin)) {
                (None, Some(origin)) => known.push(origin),
                (problem, _) => problems.report(
                    SETTING,
                    format!("names {:?}, which {}", without_secrets(origin), problem.as_deref().unwrap_or("is more than an origin")),
                    "give scheme and host, and the port if need be, for example https://billing.internal:8443",
                ),
            }
        }
        if known.is_empty() && problems.problems().is_empty() {
            problems.report(SETTING, "names no origin", "name those that may see the caller's token");
        }
        problems.check()?;
        Ok(Self { origins: known })
    }
}

impl TokenSource for ForwardCaller {
    fn token(&self, call: &TokenRequest<'_>) -> TokenOutcome {
        let is_named = |origin: &str| self.origins.iter().any(|named| named == origin);
        // As a rule it is spelled the way it is kept.
        let is_named =
            is_named(call.origin()) || normal(call.origin()).is_some_and(|origin| is_named(&origin));
        TokenOutcome::Ready(match call.on_behalf_of() {
            _ if !is_named => {
                let problem = "the caller's token is not handed on to this origin, which is not named";
                Err(TokenError::new(TokenErrorKind::OtherOrigin, problem))
            }
            None => {
                let problem = "there is no caller whose token could be handed on";
                Err(TokenError::new(TokenErrorKind::NoSubject, problem))
            }
            Some(subject) => AccessToken::new(subject.secret()),
        })
    }
}

/// Scheme, host in lower case, and port, if the text is nothing else.
fn normal(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok()?;
    let is_bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    is_bare.then(|| format!("{}://{host}:{port}", url.scheme()))
}

const SETTING: &str = "forward_to";

#[cfg(test)]
mod tests {
    use linchpin_core::SubjectToken;

    use super::*;

    fn given(source: &ForwardCaller, origin: &str, subject: Option<&str>) -> Result<String, TokenErrorKind> {
        let subject = subject.map(|subject| SubjectToken::new(subject).unwrap());
        match source.token(&TokenRequest::new(origin).subject(subject.as_ref())) {
            TokenOutcome::Ready(result) => {
                result.map(|token| token.secret().to_owned()).map_err(|error| error.kind())
            }
            TokenOutcome::Pending(_) => panic!("it is there"),
        }
    }

    #[test]
    fn only_named_origins_get_the_callers_token() {
        let source = ForwardCaller::to(["https://Billing.internal", "http://127.0.0.1:9000"]).unwrap();

        for named in [
            "https://billing.internal:443",
            "https://billing.internal",
            "https://BILLING.internal/",
            "http://127.0.0.1:9000",
        ] {
            assert_eq!(given(&source, named, Some("abc")).as_deref(), Ok("abc"), "{named}");
        }
        for other in [
            "",
            "https://billing.internal:8443",
            "http://billing.internal:443",
            "http://billing.internal",
            "https://billing.internal.evil.example",
            "https://evil.example/https://billing.internal:443",
            "https://billing.internal@evil.example",
            "https://evil.example#https://billing.internal:443",
            "http://127.0.0.1:9001",
        ] {
            assert_eq!(given(&source, other, Some("abc")), Err(TokenErrorKind::OtherOrigin), "{other}");
        }
    }

    #[test]
    fn without_a_caller_there_is_nothing_to_hand_on() {
        let source = ForwardCaller::to(["https://billing.internal"]).unwrap();

        assert_eq!(given(&source, "https://billing.internal:443", None), Err(TokenErrorKind::NoSubject));
        assert_eq!(given(&source, "https://other.internal:443", None), Err(TokenErrorKind::OtherOrigin));
    }

    #[test]
    fn plain_http_to_another_host_has_a_loud_name() {
        let source = ForwardCaller::dangerously_to_plain_http(["http://billing:8080"]).unwrap();

        assert_eq!(given(&source, "http://billing:8080", Some("abc")).as_deref(), Ok("abc"));
        assert_eq!(given(&source, "https://billing:8080", Some("abc")), Err(TokenErrorKind::OtherOrigin));
        assert!(ForwardCaller::to(["http://billing:8080"]).is_err());
        assert!(ForwardCaller::dangerously_to_plain_http(["ftp://billing"]).is_err());
    }

    #[test]
    fn what_is_no_origin_is_a_mistake() {
        for bad in [
            "",
            "billing",
            "http://billing.internal",
            "https://ann:s3cret@billing.internal",
            "https://billing.internal/x",
            "https://billing.internal?",
            "ftp://billing.internal",
        ] {
            let error = ForwardCaller::to(["https://good.internal", bad]).unwrap_err();
            assert_eq!(error.problems().len(), 1, "{bad}");
            assert_eq!(error.problems()[0].setting, "forward_to");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert!(ForwardCaller::to(Vec::<String>::new()).is_err());
    }
}
