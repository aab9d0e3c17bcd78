//! The list that vendors keep in `tracestate`.

use std::{error::Error, fmt, sync::Arc};

/// What vendors have noted along a trace: at most 32 pairs of key and value, the latest first (W3C Trace Context §3.3).
///
/// Clones share the text.
///
/// # Examples
///
/// ```
/// use linchpin_trace::TraceState;
///
/// let state = TraceState::parse([b"rojo=1, congo=2".as_slice(), b"acme=3".as_slice()]);
/// let state = state.with("congo", "9")?;
///
/// assert_eq!(state.to_string(), "congo=9,rojo=1,acme=3");
/// assert_eq!(state.value("acme"), Some("3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TraceState {
    /// Members in canonical form: no white space around them, no key twice. `None` when there are none.
    members: Option<Arc<str>>,
}

impl TraceState {
    /// The state in all the values of `tracestate`, in order; empty if any of it is malformed.
    ///
    /// More than 32 members are malformed too, and so is a key that is repeated: nobody can say which value counts.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut members: Vec<&str> = Vec::new();
        for value in values {
            for member in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                // Empty members are allowed, and mean nothing (§3.3.1.1).
                if member.is_empty() {
                    continue;
                }
                let Some((member, key)) = check(member) else { return Self::default() };
                // Checked before the search for repetitions, so that a long list is not a slow one.
                if members.len() == MAX_MEMBERS || members.iter().any(|known| key_of(known) == key) {
                    return Self::default();
                }
                members.push(member);
            }
        }
        Self::of(&members)
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// All pairs, the latest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members().filter_map(|member| member.split_once('='))
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.members.is_none()
    }

    /// The state after a vendor's own note: its pair moves to the front, the rest keeps its order (§3.5).
    ///
    /// Of more than 32 members the last is dropped.
    ///
    /// # Errors
    ///
    /// The key or the value is not of the form that §3.3.1.3 asks for.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, InvalidTraceState> {
        if !is_key(key.as_bytes()) || !is_value(value.as_bytes()) {
            return Err(InvalidTraceState);
        }
        let own = format!("{key}={value}");
        let rest = self.members().filter(|member| key_of(member) != key);
        let members: Vec<&str> = std::iter::once(own.as_str()).chain(rest).take(MAX_MEMBERS).collect();
        Ok(Self::of(&members))
    }

    /// The state without a vendor's pair.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let members: Vec<&str> = self.members().filter(|member| key_of(member) != key).collect();
        Self::of(&members)
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().flat_map(|members| members.split(','))
    }

    fn of(members: &[&str]) -> Self {
        Self { members: if members.is_empty() { None } else { Some(members.join(",").into()) } }
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.members.as_deref().unwrap_or_default())
    }
}

/// A key or a value cannot stand in `tracestate`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidTraceState;

impl fmt::Display for InvalidTraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a tracestate member is a short lower-case key and up to 256 visible characters without , and =",
        )
    }
}

impl Error for InvalidTraceState {}

/// A member and its key, if it is well formed.
fn check(member: &[u8]) -> Option<(&str, &str)> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    if !is_key(&member[..equals]) || !is_value(&member[equals + 1..]) {
        return None;
    }
    let member = std::str::from_utf8(member).ok()?;
    Some((member, &member[..equals]))
}

fn key_of(member: &str) -> &str {
    member.split_once('=').map_or(member, |(key, _)| key)
}

/// `simple-key` or `tenant-id "@" system-id`, as level 1 has them: what both levels accept.
fn is_key(key: &[u8]) -> bool {
    let is_part = |part: &[u8], longest: usize| {
        let is_key_char = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        (1..=longest).contains(&part.len()) && part.iter().all(is_key_char)
    };
    let begins_with_letter = |part: &[u8]| part.first().is_some_and(u8::is_ascii_lowercase);
    match key.iter().position(|byte| *byte == b'@') {
        None => is_part(key, 256) && begins_with_letter(key),
        Some(at) => {
            let (tenant, system) = (&key[..at], &key[at + 1..]);
            let begins_well =
                tenant.first().is_some_and(u8::is_ascii_alphanumeric) && begins_with_letter(system);
            begins_well && is_part(tenant, 241) && is_part(system, 14)
        }
    }
}

/// 1 to 256 printable characters without `,` and `=`, the last of which is no space.
fn is_value(value: &[u8]) -> bool {
    let is_char = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    (1..=256).contains(&value.len()) && value.iter().all(is_char) && value.last() != Some(&b' ')
}

const MAX_MEMBERS: usize = 32;
