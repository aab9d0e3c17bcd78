//! W3C Trace Context: which trace a request belongs to, and which call of it this is.

use std::fmt;

use crate::{TraceState, random};

/// A place in a trace, as `traceparent` and `tracestate` carry it (W3C Trace Context, level 1 and 2).
///
/// # Examples
///
/// ```
/// use linchpin_trace::TraceContext;
///
/// let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".as_slice();
/// let parent = TraceContext::parse([header], [b"vendor=1".as_slice()]).unwrap();
/// let child = parent.child();
///
/// assert_eq!(child.trace_id(), parent.trace_id());
/// assert_ne!(child.span_id(), parent.span_id());
/// assert_eq!(child.state().to_string(), "vendor=1");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    is_sampled: bool,
    has_random_id: bool,
    state: TraceState,
}

impl TraceContext {
    /// The beginning of a trace, with random ids and the random flag of level 2.
    pub fn root(is_sampled: bool) -> Self {
        Self {
            trace_id: TraceId(random::non_zero()),
            span_id: SpanId(random::non_zero()),
            is_sampled,
            has_random_id: true,
            state: TraceState::default(),
        }
    }

    /// The context that a request carries in all its headers of the two names; `None` restarts the trace.
    ///
    /// There has to be one `traceparent`, and a well formed one: without it `tracestate` does not count. A malformed
    /// `tracestate` is dropped as a whole and the trace goes on. A version that we do not know is read as far as version
    /// 00 goes (§3.2.4).
    pub fn parse<'a>(
        traceparent: impl IntoIterator<Item = &'a [u8]>,
        tracestate: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let mut values = traceparent.into_iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let mut context = Self::from_traceparent(value.trim_ascii())?;
        context.state = TraceState::parse(tracestate);
        Some(context)
    }

    fn from_traceparent(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let version = hex::<1>(&known[..2])?[0];
        // Version 00 ends here; a later one may go on, after a dash.
        let ends_well = match (version, rest.first()) {
            (0xff, _) => false,
            (0, first) => first.is_none(),
            (_, first) => first.is_none_or(|byte| *byte == b'-'),
        };
        if !ends_well || [known[2], known[35], known[52]] != *b"---" {
            return None;
        }
        let trace_id = TraceId(hex(&known[3..35]).filter(|id| *id != [0; 16])?);
        let span_id = SpanId(hex(&known[36..52]).filter(|id| *id != [0; 8])?);
        let flags = hex::<1>(&known[53..])?[0];
        Some(Self {
            trace_id,
            span_id,
            // Flags that we do not know are not passed on (§3.2.2.5).
            is_sampled: flags & SAMPLED != 0,
            has_random_id: flags & RANDOM != 0,
            state: TraceState::default(),
        })
    }

    /// The context of a call made from here: the same trace, flags and state, and an id of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId(random::non_zero()), ..self.clone() }
    }

    /// The same place, with the decision whether it is recorded.
    #[must_use]
    pub fn sampled(mut self, is_sampled: bool) -> Self {
        self.is_sampled = is_sampled;
        self
    }

    /// The same place, with another state.
    #[must_use]
    pub fn with_state(mut self, state: TraceState) -> Self {
        self.state = state;
        self
    }

    /// What all calls of the trace share.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The id of this call (`parent-id` in the header).
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Whether the caller may have recorded this call.
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Whether the trace id's last seven bytes are random (level 2, §3.2.2.5.2).
    pub fn has_random_id(&self) -> bool {
        self.has_random_id
    }

    /// What vendors have noted along the way.
    pub fn state(&self) -> &TraceState {
        &self.state
    }

    /// The value of `traceparent`, in version 00.
    pub fn to_traceparent(&self) -> String {
        let flags = if self.is_sampled { SAMPLED } else { 0 } | if self.has_random_id { RANDOM } else { 0 };
        let mut value = *b"00-................................-................-..";
        random::write_hex(&mut value[3..35], &self.trace_id.0);
        random::write_hex(&mut value[36..52], &self.span_id.0);
        random::write_hex(&mut value[53..], &[flags]);
        text(&value).to_owned()
    }

    /// The headers for an outgoing call, by lower-case name; `tracestate` only if there is something in it.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let state = Some(&self.state).filter(|state| !state.is_empty());
        [(TRACEPARENT, self.to_traceparent())]
            .into_iter()
            .chain(state.map(|state| (TRACESTATE, state.to_string())))
    }
}

/// The id of a trace: 16 bytes, written as 32 hexadecimal digits, and not all zero.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TraceId([u8; 16]);

/// The id of one call in a trace: 8 bytes, written as 16 hexadecimal digits, and not all zero.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($id:ident, $size:literal) => {
        impl $id {
            /// The id's bytes.
            pub fn to_bytes(self) -> [u8; $size] {
                self.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $size];
                random::write_hex(&mut digits, &self.0);
                f.write_str(text(&digits))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

/// Digits and dashes as text.
fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).expect("digits and dashes are ASCII")
}

/// Exactly `N` bytes in lower-case hexadecimal; upper case is malformed (§3.2.2).
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";
const LENGTH: usize = 55;
const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;
