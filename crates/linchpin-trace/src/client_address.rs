//! Who is at the other end, when proxies stand between.

use std::{fmt, net::IpAddr, str::FromStr};

use linchpin_core::ConfigError;

use crate::{
    Network,
    baggage::is_token,
    forwarded::{forwarded_hops, hop_address},
    network::shortened,
};

/// Which proxies are believed, and thereby whose address counts as the client's.
///
/// Nobody is by default: the client is whoever opened the connection. Else the chain of hops is walked from the right, where
/// the nearest proxy has written, to the first hop that is no trusted proxy. What cannot be read (junk, `unknown`, an
/// address that sends no requests) ends the walk at the last trusted hop before it, and so does the 64th hop.
///
/// # Examples
///
/// ```
/// use linchpin_trace::ProxyTrust;
///
/// let trust: ProxyTrust = "10.0.0.0/8, 127.0.0.1".parse()?;
/// let peer = Some("10.0.3.0".parse()?);
///
/// let client = trust.client_address(peer, [b"6.6.6.6, 1.2.3.4:5678, 10.9.9.9".as_slice()], [], []);
///
/// assert_eq!(client, Some("1.2.3.4".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// A proxy that is trusted has to write the header itself. One that lets the client's pass lets the client choose its address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProxyTrust {
    proxies: Proxies,
    header: AddressHeader,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Proxies {
    #[default]
    Nobody,
    Networks(Vec<Network>),
    /// How many there are, the one that opens the connection included.
    Hops(usize),
}

/// Which header tells the hops.
///
/// Unset, `X-Forwarded-For` and `Forwarded` count alike; where both are there and do not lead to the same client, neither
/// is believed and the connection's own address counts. As text: `x-forwarded-for`, `forwarded`, or any other name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressHeader {
    /// Whichever of the two is there.
    #[default]
    Either,
    /// `X-Forwarded-For` alone.
    XForwardedFor,
    /// `Forwarded` (RFC 7239) alone.
    Forwarded,
    /// A header with the client's address and nothing else, such as `cf-connecting-ip`, which every trusted proxy
    /// overwrites; by its lower-case name. Repeated or unreadable, it does not count.
    Named(Box<str>),
}

impl ProxyTrust {
    /// Believes proxies at these addresses; an empty list is nobody.
    pub fn networks(networks: impl IntoIterator<Item = Network>) -> Self {
        let networks: Vec<_> = networks.into_iter().collect();
        let proxies = if networks.is_empty() { Proxies::Nobody } else { Proxies::Networks(networks) };
        Self { proxies, header: AddressHeader::default() }
    }

    /// Believes this many hops, the one that opens the connection included; none at zero.
    ///
    /// Where there are fewer, the leftmost is the client.
    ///
    /// # Security
    ///
    /// The service must not be reachable past the proxies: a client that connects to it could otherwise write any hop.
    pub fn hops(count: usize) -> Self {
        let proxies = if count == 0 { Proxies::Nobody } else { Proxies::Hops(count) };
        Self { proxies, header: AddressHeader::default() }
    }

    /// Reads the hops from another header.
    #[must_use]
    pub fn header(mut self, header: AddressHeader) -> Self {
        self.header = header;
        self
    }

    /// Whether any proxy is believed.
    pub fn trusts_anyone(&self) -> bool {
        self.proxies != Proxies::Nobody
    }

    /// Whether whoever opened the connection is a trusted proxy.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        match &self.proxies {
            Proxies::Nobody => false,
            Proxies::Networks(networks) => {
                peer.is_some_and(|peer| networks.iter().any(|network| network.contains(peer)))
            }
            Proxies::Hops(_) => true,
        }
    }

    /// The name of the header that is asked for instead of the two usual ones.
    pub(crate) fn named_header(&self) -> Option<&str> {
        match &self.header {
            AddressHeader::Named(name) => Some(name),
            _ => None,
        }
    }

    /// The client's address, from all values of `X-Forwarded-For`, `Forwarded` and the named header.
    ///
    /// `peer` is who opened the connection, if it has an address; without one there is no client address either, unless a
    /// count of hops is believed.
    pub fn client_address<'a>(
        &self,
        peer: Option<IpAddr>,
        x_forwarded_for: impl IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
        forwarded: impl IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
        named: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<IpAddr> {
        let peer = peer.map(|peer| peer.to_canonical());
        if !self.trusts(peer) {
            return peer;
        }
        let mut x_forwarded_for = x_forwarded_for.into_iter().rev().peekable();
        let mut forwarded = forwarded.into_iter().rev().peekable();
        let (has_one, has_other) = (x_forwarded_for.peek().is_some(), forwarded.peek().is_some());
        let by_x_forwarded_for = || self.walk(peer, x_forwarded_for.flat_map(x_forwarded_for_hops));
        let by_forwarded = || self.walk(peer, forwarded.flat_map(forwarded_from_the_right));
        match &self.header {
            AddressHeader::XForwardedFor => by_x_forwarded_for(),
            AddressHeader::Forwarded => by_forwarded(),
            AddressHeader::Either if has_one && has_other => {
                let client = by_x_forwarded_for();
                if client == by_forwarded() { client } else { peer }
            }
            AddressHeader::Either if has_other => by_forwarded(),
            AddressHeader::Either => by_x_forwarded_for(),
            AddressHeader::Named(_) => {
                let mut values = named.into_iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => hop_address(value.trim_ascii()).or(peer),
                    _ => peer,
                }
            }
        }
    }

    /// The first hop from the right that is not trusted, or the last that could be read.
    fn walk(&self, peer: Option<IpAddr>, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut nearest = peer;
        for (passed, hop) in hops.take(MAX_HOPS).enumerate() {
            let Some(address) = hop else { break };
            nearest = Some(address);
            let goes_on = match &self.proxies {
                Proxies::Hops(count) => passed + 1 < *count,
                _ => self.trusts(nearest),
            };
            if !goes_on {
                break;
            }
        }
        nearest
    }
}

impl FromStr for ProxyTrust {
    type Err = ConfigError;

    /// Reads a count of hops (`2`), or ranges separated by commas, among which `private` stands for
    /// [`Network::PRIVATE`].
    ///
    /// # Errors
    ///
    /// All items that are neither.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if let Ok(count) = text.parse() {
            return if count <= MAX_HOPS {
                Ok(Self::hops(count))
            } else {
                Err(ConfigError::single("proxies", format!("is {count}"), "give a count of at most 64 hops"))
            };
        }
        let mut problems = ConfigError::collect();
        let mut networks = Vec::new();
        for item in text.split(',').map(str::trim) {
            match item {
                "private" => networks.extend(Network::PRIVATE),
                _ => networks.extend(problems.take(item.parse::<Network>())),
            }
        }
        problems.rename(|_| Some("proxies".to_owned())).check().map(|()| Self::networks(networks))
    }
}

impl FromStr for AddressHeader {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            name if is_token(name.as_bytes()) => Ok(Self::Named(name.into())),
            _ => {
                let problem = format!("is {:?}", shortened(text));
                let fix = "give x-forwarded-for, forwarded, or the name of a header with one address";
                Err(ConfigError::single("header", problem, fix))
            }
        }
    }
}

impl fmt::Display for AddressHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Either => "x-forwarded-for or forwarded",
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::Named(name) => name,
        })
    }
}

/// The hops of one header line from the right. Nothing is read further than the walk goes.
fn x_forwarded_for_hops(value: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let hops = value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    hops.filter(|hop| !hop.is_empty()).map(hop_address)
}

/// Likewise; a line that is malformed is one hop that cannot be read.
fn forwarded_from_the_right(value: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let hops = if value.len() <= MAX_FORWARDED_BYTES { forwarded_hops(value) } else { None };
    hops.unwrap_or_else(|| vec![None]).into_iter().rev()
}

const MAX_HOPS: usize = 64;
/// `Forwarded` has to be read from the left, because of its quotes.
const MAX_FORWARDED_BYTES: usize = 16 * 1024;
