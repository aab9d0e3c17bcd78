//! A request before it is sent.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use linchpin_core::SubjectToken;
use linchpin_trace::RequestContext;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Body, Error, ErrorKind, Response,
    base::{check_path, push_segment},
    call::{Call, IDEMPOTENCY_KEY},
    client::Shared,
    error::BoxError,
};

/// A request that is being made.
///
/// What is wrong with a path or a header is told when it is sent, before anything else happens.
///
/// # Examples
///
/// ```no_run
/// use linchpin_client::Client;
///
/// # async fn run(billing: Client, user_input: &str) -> Result<(), linchpin_client::Error> {
/// #[derive(serde::Serialize)]
/// struct Payment { amount: u32 }
///
/// let answer = billing
///     .post("/invoices")
///     .segment(user_input)
///     .segment("payments")
///     .json(&Payment { amount: 30 })
///     .idempotency_key("0199f3a0-7c1e")
///     .send()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    shared: Arc<Shared>,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Body,
    timeout: Option<Duration>,
    subject: Option<SubjectToken>,
    /// The first thing that is wrong.
    error: Option<Error>,
}

impl RequestBuilder {
    pub(crate) fn new(shared: Arc<Shared>, method: Method, path: &str) -> Self {
        let error = check_path(path).err().map(|what| Error::new(&shared.name, ErrorKind::Input, what));
        Self {
            shared,
            method,
            path: path.to_owned(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Body::empty(),
            timeout: None,
            subject: None,
            error,
        }
    }

    /// Appends one segment to the path, percent-encoded: whatever it holds, it stays one segment.
    ///
    /// An empty one, `.` and `..` cannot be sent.
    pub fn segment(mut self, segment: impl AsRef<str>) -> Self {
        if let Err(what) = push_segment(&mut self.path, segment.as_ref()) {
            self.input(what);
        }
        self
    }

    /// Appends names and values to the query, encoded.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut query = form_urlencoded::Serializer::for_suffix(std::mem::take(&mut self.query), 0);
        self.query = query.extend_pairs(pairs).finish();
        self
    }

    /// Sets a header; what was there under this name is replaced.
    ///
    /// `Authorization` counts in place of the client's token source. What belongs to the connection cannot be set: `Host`,
    /// `Content-Length`, `Connection` and the like.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), _) if OF_THE_CONNECTION.contains(&name) => {
                self.input("a header that belongs to the connection cannot be set");
            }
            (Ok(name), Ok(mut value)) => {
                if [header::AUTHORIZATION, header::COOKIE].contains(&name) {
                    value.set_sensitive(true);
                }
                self.headers.insert(name, value);
            }
            (Err(_), _) => self.input("a header has a name that is none"),
            (Ok(_), Err(_)) => self.input("a header has a value that no header may have"),
        }
        self
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => {
                self.body = json.into();
                self.headers.entry(header::CONTENT_TYPE).or_insert(JSON);
            }
            Err(error) => {
                let made = Error::new(
                    &self.shared.name,
                    ErrorKind::RequestBody,
                    "the body cannot be written as JSON",
                );
                self.error.get_or_insert(made.with_source(error));
            }
        }
        self
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends a body while it is made. It can be sent only once, and so the call is not retried.
    pub fn stream<B>(self, body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.body(Body::stream(body))
    }

    /// How long the call may take in all, instead of [the client's limit](crate::ClientBuilder::total_timeout).
    ///
    /// The deadline of the request that is being worked on still counts.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets the call be retried whatever its method: the upstream knows repetitions by this key, and does the work once.
    ///
    /// It is sent in `Idempotency-Key` as it is given, in visible ASCII and spaces. An upstream that keeps to the draft of the
    /// standard expects it in double quotes.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        match HeaderValue::from_str(key) {
            Ok(value) if !key.is_empty() && key.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                self.headers.insert(IDEMPOTENCY_KEY, value);
            }
            _ => self.input("an idempotency key is empty, or holds more than visible ASCII"),
        }
        self
    }

    /// Makes the call on behalf of whoever this token was issued for; what that means, the client's token source decides.
    pub fn on_behalf_of(mut self, subject: &SubjectToken) -> Self {
        self.subject = Some(subject.clone());
        self
    }

    /// Sends the request and waits for the head of the answer, of whatever status.
    ///
    /// The request that this thread works on now is the one whose id, trace and deadline go along.
    ///
    /// # Errors
    ///
    /// If there is no answer: see [`ErrorKind`].
    pub fn send(self) -> impl Future<Output = Result<Response, Error>> + Send + 'static {
        let context = RequestContext::current();
        let shared = self.shared.clone();
        let call = self.into_call(context);
        async move { shared.call(call?).await }
    }

    /// Sends the request and reads a successful answer as JSON; see [`Response::json`].
    ///
    /// # Errors
    ///
    /// If there is no answer, none that is a success, or none that is a `T`.
    pub fn send_json<T: DeserializeOwned>(
        mut self,
    ) -> impl Future<Output = Result<T, Error>> + Send + 'static {
        self.headers.entry(header::ACCEPT).or_insert(JSON);
        let context = RequestContext::current();
        let shared = self.shared.clone();
        let call = self.into_call(context);
        // Not `self.send()`: a future that captures another has room for it twice.
        async move { shared.call(call?).await?.json().await }
    }

    fn into_call(self, context: Option<RequestContext>) -> Result<Call, Error> {
        let Self { shared, method, path, query, headers, body, timeout, subject, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        check_method(&method).map_err(|what| Error::new(&shared.name, ErrorKind::Input, what))?;
        let url = shared
            .base
            .join(&path, &query)
            .map_err(|what| Error::new(&shared.name, ErrorKind::Input, what))?;
        Ok(Call { method, url, headers, body, timeout, subject, context })
    }

    fn input(&mut self, what: &'static str) {
        self.error.get_or_insert_with(|| Error::new(&self.shared.name, ErrorKind::Input, what));
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("client", &self.shared.name)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// CONNECT asks a proxy for a tunnel (RFC 9110 §9.3.6), of which nothing here would make use.
pub(crate) fn check_method(method: &Method) -> Result<(), &'static str> {
    if *method == Method::CONNECT { Err("a call cannot open a tunnel") } else { Ok(()) }
}

/// With these a request could be led to another host behind a proxy, or cut in two.
pub(crate) const OF_THE_CONNECTION: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
