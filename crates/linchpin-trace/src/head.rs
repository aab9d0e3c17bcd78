//! What is looked at of a request, in no framework's terms.

use std::net::IpAddr;

/// The facts about a request that an [`Observer`](crate::Observer) asks for beside its headers.
///
/// # Examples
///
/// ```
/// use linchpin_trace::RequestHead;
///
/// let head = RequestHead::new("GET", "/grades").scheme("https").peer("192.0.2.7".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) scheme: Option<&'a str>,
    pub(crate) authority: Option<&'a str>,
    pub(crate) peer: Option<IpAddr>,
}

impl<'a> RequestHead<'a> {
    /// A request by its method and its path. The query is no part of the path: it is never recorded.
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, scheme: None, authority: None, peer: None }
    }

    /// The scheme, if it is known: `http` or `https`.
    #[must_use]
    pub fn scheme(mut self, scheme: &'a str) -> Self {
        self.scheme = Some(scheme);
        self
    }

    /// Host and port of the request's target, if it names them: `:authority` in HTTP/2. Otherwise the header `host` counts.
    #[must_use]
    pub fn authority(mut self, authority: &'a str) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Who opened the connection, if it has an address.
    #[must_use]
    pub fn peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

/// The values of the headers that count, found in one pass. Nothing is copied.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) request_id: Vec<&'a [u8]>,
    pub(crate) traceparent: Vec<&'a [u8]>,
    pub(crate) tracestate: Vec<&'a [u8]>,
    pub(crate) baggage: Vec<&'a [u8]>,
    pub(crate) x_forwarded_for: Vec<&'a [u8]>,
    pub(crate) forwarded: Vec<&'a [u8]>,
    pub(crate) named: Vec<&'a [u8]>,
    pub(crate) host: Vec<&'a [u8]>,
    pub(crate) content_length: Vec<&'a [u8]>,
    pub(crate) timeout: Vec<&'a [u8]>,
    pub(crate) grpc_timeout: Vec<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// `named` is the header of the client's address, `timeout` that of the deadline.
    pub(crate) fn of(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        named: Option<&str>,
        timeout: &str,
    ) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let values = match name {
                "x-request-id" => &mut found.request_id,
                "traceparent" => &mut found.traceparent,
                "tracestate" => &mut found.tracestate,
                "baggage" => &mut found.baggage,
                "x-forwarded-for" => &mut found.x_forwarded_for,
                "forwarded" => &mut found.forwarded,
                "host" => &mut found.host,
                "content-length" => &mut found.content_length,
                name if Some(name) == named => &mut found.named,
                name if name == timeout => &mut found.timeout,
                "grpc-timeout" => &mut found.grpc_timeout,
                _ => continue,
            };
            values.push(value);
        }
        found
    }

    /// The size of the body, if one header tells it in digits.
    pub(crate) fn body_size(&self) -> Option<u64> {
        let [digits] = self.content_length[..] else { return None };
        // The parser of the standard library would take a plus sign.
        let is_number = digits.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
    }
}
