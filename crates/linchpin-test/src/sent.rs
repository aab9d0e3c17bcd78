//! What a client sent, and assertions on it.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;

use crate::wire::Head;

/// A request as a [`ScriptedUpstream`](crate::ScriptedUpstream) received it.
///
/// The assertions panic at the line of the test that makes them.
///
/// # Security
///
/// `Debug` shows the names of headers and no values, and no body.
#[derive(Clone)]
pub struct SentRequest {
    head: Arc<Head>,
    body: Arc<[u8]>,
    connection: usize,
    at: Duration,
}

impl SentRequest {
    pub(crate) fn new(head: Head, body: Vec<u8>, connection: usize, at: Duration) -> Self {
        Self { head: head.into(), body: body.into(), connection, at }
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.head.method
    }

    /// The path with its query, as it was sent.
    pub fn target(&self) -> &str {
        &self.head.target
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.head.target.split('?').next().unwrap_or_default()
    }

    /// What follows the question mark, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.head.target.split_once('?').map(|(_, query)| query)
    }

    /// The value of a header that stands there at most once.
    ///
    /// # Panics
    ///
    /// If it stands there several times: the test should say which it means with [`headers`](Self::headers).
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers(name);
        assert!(values.len() <= 1, "{name} was sent {} times: {self:?}", values.len());
        values.first().copied()
    }

    /// The values of all headers of this name, in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let headers = self.head.headers.iter().filter(|(present, _)| present.eq_ignore_ascii_case(name));
        headers.map(|(_, value)| value.as_str()).collect()
    }

    /// The token of `Authorization: Bearer`.
    #[track_caller]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is not JSON ({error}): {self:?}"),
        }
    }

    /// The fields of the body as a form, decoded, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The value of a field of the form that stands there at most once.
    ///
    /// # Panics
    ///
    /// If it stands there several times, which no authorization server would take (RFC 6749 §3.2).
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<String> {
        let mut values = self.form().into_iter().filter(|(present, _)| present == name);
        let value = values.next();
        assert!(values.next().is_none(), "the field {name} was sent several times: {self:?}");
        value.map(|(_, value)| value)
    }

    /// The number of the connection that it came on, counted from 0.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// When it had arrived, counted from the start of the upstream, in the time of the runtime.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Asserts the method and the path with its query.
    #[track_caller]
    pub fn assert_line(&self, method: &str, target: &str) -> &Self {
        assert_eq!((self.method(), self.target()), (method, target), "the request line");
        self
    }

    /// Asserts that a header was sent once, with this value.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.headers(name), [value], "the header {name}");
        self
    }

    /// Asserts that a header was not sent.
    #[track_caller]
    pub fn assert_no_header(&self, name: &str) -> &Self {
        assert!(self.headers(name).is_empty(), "the header {name} was sent: {self:?}");
        self
    }

    /// Asserts that the body is this JSON, however it is written.
    #[track_caller]
    pub fn assert_json(&self, expected: &Value) -> &Self {
        assert_eq!(&self.json(), expected, "the body");
        self
    }
}

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.head.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("SentRequest")
            .field("method", &self.head.method)
            .field("path", &self.path())
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("connection", &self.connection)
            .field("at", &self.at)
            .finish()
    }
}
