//! Which host a client has asked for.

use std::net::Ipv6Addr;

/// Host and port of an authority (RFC 9110 §7.2), if the host is a plain name or an address.
///
/// Anything else counts as none: what is recorded needs no escaping, and a client cannot make it long.
pub(crate) fn server(authority: &[u8]) -> Option<(&str, Option<u16>)> {
    if authority.len() > MAX_AUTHORITY {
        return None;
    }
    let authority = std::str::from_utf8(authority).ok()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name = !host.is_empty() && host.bytes().all(is_of_a_name);
            (is_name.then_some(host)?, port)
        }
    };
    match port.strip_prefix(':') {
        // `u16` would take a sign.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, digits.parse().ok())),
        None if port.is_empty() => Some((host, None)),
        _ => None,
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// A domain name has 255 bytes at most; a port and brackets come on top.
const MAX_AUTHORITY: usize = 264;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken_with_their_port() {
        for (authority, expected) in [
            ("grades.example", Some(("grades.example", None))),
            ("Grades.Example:8080", Some(("Grades.Example", Some(8080)))),
            ("192.0.2.7:80", Some(("192.0.2.7", Some(80)))),
            ("[2001:db8::7]:443", Some(("2001:db8::7", Some(443)))),
            ("[::1]", Some(("::1", None))),
            ("grades.example:", Some(("grades.example", None))),
            ("grades.example:99999", Some(("grades.example", None))),
        ] {
            assert_eq!(server(authority.as_bytes()), expected, "{authority}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = "a".repeat(300);
        let bad = [
            "",
            ":80",
            "a b",
            "a\n",
            "a\"",
            "a\u{1b}",
            "ä",
            "a:+80",
            "a:b",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[]",
            "[a]",
            "[::1%eth0]",
            "user@host",
            "a/b",
            &long,
        ];
        for authority in bad {
            assert_eq!(server(authority.as_bytes()), None, "{authority:?}");
        }
        assert_eq!(server(b"\xff"), None);
    }
}
