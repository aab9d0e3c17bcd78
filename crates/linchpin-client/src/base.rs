//! The base URL, and paths below it that cannot leave it.

use std::fmt::Write;

use linchpin_core::ConfigError;
use url::{Host, Url};

/// Where a client calls: one origin, and the path below which everything lies.
#[derive(Debug)]
pub(crate) struct Base {
    /// `scheme://host:port`, the port always written.
    pub(crate) origin: Box<str>,
    /// Parsed once, so that no call reads scheme, host and port again.
    url: Url,
    /// The path, without a slash at the end.
    prefix: Box<str>,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) is_plain: bool,
    pub(crate) is_loopback: bool,
}

impl Base {
    /// Reads a base URL; every problem with it is reported.
    pub(crate) fn parse(text: &str, allow_plain_http: bool, problems: &mut ConfigError) -> Option<Self> {
        let mut report = |problem: &str, fix: &str| problems.report(SETTING, problem, fix);
        let Ok(url) = Url::parse(text) else {
            report("is not a URL", "give scheme and host, for example https://billing.internal");
            return None;
        };
        let is_plain = url.scheme() == "http";
        let is_loopback = is_loopback(url.host());
        if !is_plain && url.scheme() != "https" {
            report("is not an https URL", "give scheme and host, for example https://billing.internal");
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            report("holds a user name or a password", "leave them out; a token source gives credentials");
        }
        if url.query().is_some() || url.fragment().is_some() {
            report("holds a query or a fragment", "leave it out; each request has a query of its own");
        }
        if is_plain && !is_loopback && !allow_plain_http {
            report(
                "is plain http to another host, where anybody on the way can read tokens and change answers",
                "use https, or say allow_plain_http where the network itself is trusted",
            );
        }
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        Some(Self {
            origin: format!("{}://{host}:{port}", url.scheme()).into(),
            prefix: url.path().trim_end_matches('/').into(),
            host: host.into(),
            port,
            is_plain,
            is_loopback,
            url,
        })
    }

    /// The URL of a path and a query, each checked or encoded before.
    pub(crate) fn join(&self, path: &str, query: &str) -> Result<Url, &'static str> {
        if self.origin.len() + self.prefix.len() + path.len() + query.len() > MAX_URL {
            return Err("path and query are longer than a URL may be");
        }
        let mut url = self.url.clone();
        if self.prefix.is_empty() {
            url.set_path(path);
        } else {
            url.set_path(&[&*self.prefix, path].concat());
        }
        if !query.is_empty() {
            url.set_query(Some(query));
        }
        Ok(url)
    }
}

/// Checks a path that is given as one text: it begins with a slash, or is empty, and stays below whatever it is put behind.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Ok(());
    }
    if !path.starts_with('/') {
        return Err("the path does not begin with a slash; a client calls its own base URL alone");
    }
    if path.starts_with("//") {
        return Err("the path begins with two slashes, as another host would");
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let is_pair = |bytes: &mut std::str::Bytes<'_>| {
                    bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
                        && bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
                };
                if !is_pair(&mut bytes) {
                    return Err("the path holds a percent sign that encodes nothing; `segment` encodes");
                }
            }
            b'?' | b'#' => return Err("the path holds a query or a fragment; `query` gives one"),
            b'\\' => return Err("the path holds a backslash, which some read as a slash"),
            // What the URL standard would encode or drop is not guessed at.
            b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => return Err(UNENCODED),
            b'!'..=b'~' => {}
            _ => return Err(UNENCODED),
        }
    }
    if path.as_bytes().split(|byte| *byte == b'/').any(is_dots) {
        return Err("the path holds a segment of dots, which would lead out of it");
    }
    Ok(())
}

/// Appends one segment, percent-encoded, so that whatever it holds it stays one segment.
pub(crate) fn push_segment(path: &mut String, segment: &str) -> Result<(), &'static str> {
    if segment.is_empty() {
        return Err("a segment of the path is empty");
    }
    if is_dots(segment.as_bytes()) {
        return Err("a segment of the path consists of dots, which would lead out of it");
    }
    if !path.ends_with('/') {
        path.push('/');
    }
    for byte in segment.bytes() {
        // `unreserved` of RFC 3986 §2.3 stands for itself everywhere.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // A String takes whatever it is given.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    Ok(())
}

/// `.` or `..`, encoded or not: the URL standard takes `%2e` for a dot.
fn is_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    let mut dots = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return false,
        };
        dots += 1;
    }
    matches!(dots, 1 | 2)
}

fn is_loopback(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

const SETTING: &str = "base_url";
/// A little less than the `http` crate takes for a URI: beyond it a call would fail later, as if the upstream had failed.
const MAX_URL: usize = 65_000;
const UNENCODED: &str = "the path holds a character that has to be encoded; `segment` encodes";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(text: &str) -> Base {
        Base::parse(text, false, &mut ConfigError::collect()).unwrap()
    }

    fn problems(text: &str) -> Vec<String> {
        let mut problems = ConfigError::collect();
        Base::parse(text, false, &mut problems);
        problems.problems().iter().map(|problem| problem.problem.clone()).collect()
    }

    #[test]
    fn a_base_url_is_https_or_loopback_and_nothing_but_a_base() {
        for good in [
            "https://billing.internal",
            "https://billing.internal:8443/api/v1/",
            "http://127.0.0.1:9000",
            "http://[::1]:1",
            "http://localhost/x",
        ] {
            assert_eq!(problems(good), Vec::<String>::new(), "{good}");
        }
        for (bad, count) in [
            ("", 1),
            ("billing.internal", 1),
            ("//billing.internal", 1),
            ("ftp://billing.internal", 1),
            ("file:///etc/passwd", 1),
            ("http://billing.internal", 1),
            ("http://10.0.0.1", 1),
            ("http://localhost.evil.example", 1),
            ("https://ann:s3cret@billing.internal", 1),
            ("https://s3cret@billing.internal", 1),
            ("https://billing.internal?a", 1),
            ("https://billing.internal#", 1),
            ("http://ann@billing.internal?x#y", 3),
        ] {
            let found = problems(bad);
            assert_eq!(found.len(), count, "{bad}: {found:?}");
            assert!(!found.concat().contains("s3cret"));
        }
    }

    #[test]
    fn plain_http_elsewhere_has_to_be_allowed() {
        let mut problems = ConfigError::collect();

        let base = Base::parse("http://billing:8080", true, &mut problems).unwrap();

        assert!(problems.problems().is_empty());
        assert_eq!((&*base.origin, base.is_plain, base.is_loopback), ("http://billing:8080", true, false));
    }

    #[test]
    fn a_path_is_put_behind_that_of_the_base() {
        for (text, path, query, expected) in [
            ("https://h.example", "", "", "https://h.example/"),
            ("https://h.example", "/", "", "https://h.example/"),
            ("https://h.example/api/", "/invoices/7", "", "https://h.example/api/invoices/7"),
            ("https://h.example/api", "/invoices/", "a=b", "https://h.example/api/invoices/?a=b"),
            ("https://h.example/api", "", "a=b", "https://h.example/api?a=b"),
            ("https://h.example", "/users/@me;v=1", "", "https://h.example/users/@me;v=1"),
            ("https://h.example", "/a%2Fb", "", "https://h.example/a%2Fb"),
        ] {
            check_path(path).unwrap();
            assert_eq!(base(text).join(path, query).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn a_url_that_cannot_be_sent_is_refused() {
        let (long, too_long) = ("a".repeat(MAX_URL - 100), "a".repeat(MAX_URL));
        let base = base("https://h.example/api");

        assert!(base.join(&format!("/{long}"), "").unwrap().as_str().parse::<http::Uri>().is_ok());
        assert!(base.join(&format!("/{too_long}"), "").is_err());
        assert!(base.join("/", &too_long).is_err());
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_refused() {
        for bad in [
            "invoices",
            "@evil.example/",
            ":80/",
            ".evil.example",
            "//evil.example/x",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\..\\b",
            "https://evil.example/",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2E/b",
            "/.%2e",
            "/%2E",
            "/a?b",
            "/a#b",
            "/a b",
            "/a\tb",
            "/a\nb",
            "/a\0",
            "/ä",
            "/%",
            "/%2",
            "/%zz",
            "/{id}",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_path_that_is_accepted_leaves_the_base(path in "[/a-z.%2eE\\\\@:?#\\t ]{0,24}") {
            let base = base("https://h.example:8443/api");
            if check_path(&path).is_ok() {
                let url = base.join(&path, "").unwrap();
                prop_assert_eq!(url.host_str(), Some("h.example"));
                prop_assert_eq!(url.port(), Some(8443));
                prop_assert_eq!(url.path(), format!("/api{path}"));
            }
        }

        #[test]
        fn a_segment_stays_one_segment_whatever_it_holds(segment in any::<String>()) {
            let mut path = "/invoices".to_owned();
            if push_segment(&mut path, &segment).is_ok() {
                let url = base("https://h.example/api").join(&path, "").unwrap();
                let segments: Vec<&str> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 3, "{}", url);
                let decoded = form_urlencoded::parse(format!("k={}", segments[2].replace('+', "%2B")).as_bytes())
                    .next()
                    .unwrap()
                    .1
                    .into_owned();
                prop_assert_eq!(decoded, segment);
            } else {
                prop_assert!(["", ".", "..", "%2e", "%2E"].contains(&&*segment) || segment.to_lowercase().contains("%2e"));
            }
        }
    }

    #[test]
    fn segments_of_dots_and_empty_ones_are_refused() {
        for bad in ["", ".", "..", "%2e", ".%2E"] {
            assert!(push_segment(&mut String::new(), bad).is_err(), "{bad}");
        }
        let mut path = "/a/".to_owned();
        push_segment(&mut path, "b/../c?d#e").unwrap();
        assert_eq!(path, "/a/b%2F..%2Fc%3Fd%23e");
    }
}
