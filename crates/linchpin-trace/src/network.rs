//! A range of addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use linchpin_core::ConfigError;

/// A range of IP addresses in CIDR notation (RFC 4632), or one address.
///
/// # Examples
///
/// ```
/// use linchpin_trace::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
///
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?));
/// assert!("10.1.0.0/8".parse::<Network>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    base: IpAddr,
    prefix: u32,
}

impl Network {
    /// Loopback, private, shared and link-local addresses of both versions.
    pub const PRIVATE: [Self; 8] = [
        Self::v4([127, 0, 0, 0], 8),
        Self::v4([10, 0, 0, 0], 8),
        Self::v4([172, 16, 0, 0], 12),
        Self::v4([192, 168, 0, 0], 16),
        Self::v4([169, 254, 0, 0], 16),
        Self::v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
        Self::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
        Self::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ];

    const fn v4([a, b, c, d]: [u8; 4], prefix: u32) -> Self {
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u32) -> Self {
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    /// Whether the address is in the range; an IPv4 address that is mapped into IPv6 counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                shifted(u128::from(base.to_bits() ^ address.to_bits()), 32 - self.prefix) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                shifted(base.to_bits() ^ address.to_bits(), 128 - self.prefix) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ConfigError;

    /// # Errors
    ///
    /// The text is no range, or its address has bits beyond the prefix, which is mostly a slip.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            let fix = "give a range such as 10.0.0.0/8 or fd00::/8, or one address";
            ConfigError::single("network", format!("{:?} {problem}", shortened(text)), fix)
        };
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| wrong("is no address range"))?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                let prefix = digits.parse().ok().filter(|prefix| *prefix <= longest);
                prefix.ok_or_else(|| wrong("has too long a prefix"))?
            }
            Some(_) => return Err(wrong("has a prefix that is no number")),
        };
        // A mapped range would match nothing, because addresses are compared as what they are.
        if base != base.to_canonical() {
            return Err(wrong("is an IPv4 range mapped into IPv6; write it as IPv4"));
        }
        let bits = match base {
            IpAddr::V4(base) => u128::from(base.to_bits()),
            IpAddr::V6(base) => base.to_bits(),
        };
        if shifted(bits, longest - prefix) << (longest - prefix).min(127) != bits && bits != 0 {
            return Err(wrong("has bits beyond its prefix"));
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// A right shift that leaves nothing when all bits are shifted out.
fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

/// The beginning of a value, for an error message.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_ends_where_its_prefix_says() {
        let edge = network("172.16.0.0/12");

        assert!(edge.contains(ip("172.16.0.0")) && edge.contains(ip("172.31.255.255")));
        assert!(!edge.contains(ip("172.15.255.255")) && !edge.contains(ip("172.32.0.0")));
        assert!(
            network("0.0.0.0/0").contains(ip("203.0.113.1")) && !network("0.0.0.0/0").contains(ip("::1"))
        );
        assert!(
            network("::/0").contains(ip("2001:db8::1")) && !network("::/0").contains(ip("::ffff:1.2.3.4"))
        );
        assert!(network("2001:db8::1").contains(ip("2001:db8::1")));
        assert!(!network("2001:db8::1").contains(ip("2001:db8::2")));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_range() {
        let bad = [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "::1/0",
            "010.0.0.0/8",
            "10.0.0/8",
            "fd00::/129",
            "::ffff:10.0.0.0/104",
            "example.org",
            " 10.0.0.0/8",
            "1.2.3.4:80",
        ];
        for bad in bad {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }
}
