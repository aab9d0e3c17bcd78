//! Addresses as proxies write them: `X-Forwarded-For`, and `Forwarded` (RFC 7239).

use std::net::{IpAddr, Ipv6Addr};

/// The address of one hop: with or without port, IPv6 with or without brackets; `None` for whatever is no client.
///
/// An IPv4 address that is mapped into IPv6 becomes what it is. Unspecified, multicast and broadcast addresses send no
/// requests.
pub(crate) fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    // Longer than any address: not looked at.
    let text = std::str::from_utf8(hop).ok().filter(|text| text.len() <= LONGEST_HOP)?;
    let address = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']')?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return None;
            }
            IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)
        }
        None => match text.split_once(':') {
            // One colon parts an IPv4 address from its port; several are an IPv6 address.
            Some((address, port)) if !port.contains(':') => {
                IpAddr::V4(address.parse().ok().filter(|_| is_port(port))?)
            }
            _ => text.parse().ok()?,
        },
    };
    Some(address.to_canonical()).filter(|address| {
        let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
        !address.is_unspecified() && !address.is_multicast() && !is_broadcast
    })
}

/// The addresses in one value of `Forwarded`, in order: `None` for each hop that names none; no list if it is malformed.
///
/// A quote that does not end makes the whole value malformed, so that a client cannot hide behind one what the proxies add.
pub(crate) fn forwarded_hops(value: &[u8]) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut rest = value.trim_ascii();
    while !rest.is_empty() {
        let (hop, after) = element(rest)?;
        hops.extend(hop);
        rest = after;
    }
    Some(hops)
}

/// One element of the list, and what follows its comma. The element is `None` if it is empty.
fn element(mut rest: &[u8]) -> Option<(Option<Option<IpAddr>>, &[u8])> {
    let mut hop = None;
    let (mut is_first, mut has_address) = (true, false);
    loop {
        rest = rest.trim_ascii_start();
        match rest.split_first() {
            None => return Some((hop, rest)),
            Some((b',', after)) => return Some((hop, after.trim_ascii_start())),
            Some((b';', after)) if !is_first => rest = after,
            Some(_) => {
                let equals = rest.iter().position(|byte| *byte == b'=')?;
                let name = &rest[..equals];
                if !crate::baggage::is_token(name) {
                    return None;
                }
                let (value, after) = pair_value(&rest[equals + 1..])?;
                let known = hop.get_or_insert(None);
                if name.eq_ignore_ascii_case(b"for") {
                    // A name is there once (§4); one of two would be a guess.
                    if std::mem::replace(&mut has_address, true) {
                        return None;
                    }
                    *known = node_address(&value);
                }
                rest = after.trim_ascii_start();
                if !matches!(rest.first(), None | Some(b';' | b',')) {
                    return None;
                }
            }
        }
        is_first = false;
    }
}

/// A token or a quoted string without its quotes, and the rest.
fn pair_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end =
            text.iter().position(|byte| matches!(byte, b';' | b',' | b' ' | b'\t')).unwrap_or(text.len());
        // Many proxies write `1.2.3.4:80` without the quotes that it needs.
        let is_value = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"';
        let (value, rest) = text.split_at(end);
        return (!value.is_empty() && value.iter().all(is_value)).then(|| (value.to_vec(), rest));
    };
    let mut value = Vec::new();
    loop {
        match rest {
            [b'"', after @ ..] => return Some((value, after)),
            [b'\\', escaped, after @ ..] => {
                value.push(*escaped);
                rest = after;
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

/// The address of a node (§6); `unknown` and names that hide one have none, and a hidden port does not matter.
fn node_address(node: &[u8]) -> Option<IpAddr> {
    let hidden_port = node.windows(2).rposition(|pair| pair == b":_");
    hop_address(&node[..hidden_port.unwrap_or(node.len())])
}

fn is_port(digits: &str) -> bool {
    (1..=5).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && digits.parse::<u16>().is_ok()
}

/// An IPv6 address with an IPv4 tail in brackets and a port.
const LONGEST_HOP: usize = 45 + 2 + 6;
