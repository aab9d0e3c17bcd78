//! W3C Baggage: names and values that travel with a trace.

use std::{borrow::Cow, fmt};

use crate::random;

/// Names and values that an upstream service has attached to the trace (W3C Baggage).
///
/// At most 64 members and 8,192 bytes are read, in the order in which they come; what is beyond, and each malformed member, is
/// dropped and the rest counts. Values are percent-decoded; the properties of a member are passed on as they came.
///
/// # Examples
///
/// ```
/// use linchpin_trace::Baggage;
///
/// let baggage = Baggage::parse([b"tenant=edX%20Inc;private, junk, plan=free".as_slice()]);
///
/// assert_eq!(baggage.value("tenant"), Some("edX Inc"));
/// assert_eq!(baggage.to_string(), "tenant=edX%20Inc;private,plan=free");
/// ```
///
/// # Security
///
/// Any client can write any baggage. It must not decide what a caller may do, and it is not logged.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Baggage {
    members: Vec<Member>,
}

#[derive(Clone, Eq, PartialEq)]
struct Member {
    name: Box<str>,
    /// Decoded.
    value: Box<str>,
    /// As it stands in the header, so that passing it on makes it no longer.
    encoded: Box<str>,
    /// From the first semicolon on, checked and otherwise untouched.
    properties: Box<str>,
}

impl Baggage {
    /// The most members that are kept.
    pub const MAX_MEMBERS: usize = 64;
    /// The most bytes that are read, all headers together.
    pub const MAX_BYTES: usize = 8192;

    /// The baggage in all the values of `baggage`, in order.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut baggage = Self::default();
        let mut left = Self::MAX_BYTES;
        for value in values {
            let mut members = value.get(..left).unwrap_or(value).split(|byte| *byte == b',').peekable();
            while let Some(member) = members.next() {
                // A member that does not fit as a whole is not read in part.
                let is_cut = value.len() > left && members.peek().is_none();
                if is_cut || baggage.members.len() == Self::MAX_MEMBERS {
                    return baggage;
                }
                baggage.push(Member::parse(member));
            }
            left = left.saturating_sub(value.len() + 1);
        }
        baggage
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|member| &*member.name == name).map(|member| &*member.value)
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|member| (&*member.name, &*member.value))
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Sets a value, and says whether it did.
    ///
    /// It does not if the name is no token (RFC 9110 §5.6.2), or if a limit would be exceeded.
    pub fn insert(&mut self, name: &str, value: &str) -> bool {
        if !is_token(name.as_bytes()) {
            return false;
        }
        let mut changed = self.clone();
        changed.members.retain(|member| &*member.name != name);
        changed.members.push(Member {
            name: name.into(),
            value: value.into(),
            encoded: encode(value).into(),
            properties: "".into(),
        });
        let fits = changed.members.len() <= Self::MAX_MEMBERS && changed.to_string().len() <= Self::MAX_BYTES;
        if fits {
            *self = changed;
        }
        fits
    }

    /// Keeps the members whose names are wanted, with their properties, and drops the others.
    pub fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.members.retain(|member| is_wanted(&member.name));
    }

    /// Of two members of one name the first counts.
    fn push(&mut self, member: Option<Member>) {
        self.members.extend(member.filter(|member| self.value(&member.name).is_none()));
    }
}

impl Member {
    fn parse(member: &[u8]) -> Option<Self> {
        let (pair, properties) = match member.iter().position(|byte| *byte == b';') {
            Some(semicolon) => member.split_at(semicolon),
            None => (member, [].as_slice()),
        };
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let is_well_formed = is_token(name) && value.iter().all(is_octet);
        let properties = properties.trim_ascii_end();
        let are_properties =
            properties.iter().all(|byte| is_octet(byte) || matches!(byte, b';' | b' ' | b'\t'));
        if !is_well_formed || !are_properties {
            return None;
        }
        Some(Self {
            name: std::str::from_utf8(name).ok()?.into(),
            value: decode(value).into(),
            encoded: std::str::from_utf8(value).ok()?.into(),
            properties: std::str::from_utf8(properties).ok()?.into(),
        })
    }
}

impl fmt::Display for Baggage {
    /// The value of the header `baggage`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Member { name, encoded, properties, .. }) in self.members.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{name}={encoded}{properties}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Baggage {
    /// Names only: a value may be anybody's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.members.iter().map(|member| &member.name)).finish()
    }
}

fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte != b'%' && is_octet(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            let mut digits = [0; 2];
            random::write_hex(&mut digits, &[byte]);
            encoded.extend(digits.map(char::from));
        }
    }
    encoded
}

/// Percent-decoding; what is no UTF-8 then is replaced, as the specification asks.
fn decode(value: &[u8]) -> Cow<'_, str> {
    if !value.contains(&b'%') {
        return String::from_utf8_lossy(value);
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let byte = match after {
            [high, low, ..] if *first == b'%' => {
                digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low)
            }
            _ => None,
        };
        // A percent sign that introduces nothing stands for itself.
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// `baggage-octet`: visible ASCII without quotes, comma, semicolon and backslash.
fn is_octet(byte: &u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
