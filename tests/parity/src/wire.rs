//! A client that speaks just enough HTTP/1.1 to send any bytes, and to see exactly what comes back.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A request, as bytes.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: &'static str,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body, with the header lines `host` and `connection: close`.
    pub fn new(method: &'static str, path: &'static str) -> Self {
        let lines = vec![b"host: parity.test".to_vec(), b"connection: close".to_vec()];
        Self { method, path, lines, body: Vec::new() }
    }

    /// A GET.
    pub fn get(path: &'static str) -> Self {
        Self::new("GET", path)
    }

    /// A POST with this body.
    pub fn post(path: &'static str, body: &[u8]) -> Self {
        let request = Self::new("POST", path).line(format!("content-length: {}", body.len()));
        Self { body: body.to_vec(), ..request }
    }

    /// The same request with another method.
    #[must_use]
    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// The same request without a `host`.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.lines.retain(|line| !line.starts_with(b"host:"));
        self
    }

    /// Adds a header line, whatever it is.
    #[must_use]
    pub fn line(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds an `authorization` line with this value.
    #[must_use]
    pub fn authorization(self, value: impl AsRef<[u8]>) -> Self {
        self.line([b"authorization: ", value.as_ref()].concat())
    }

    /// Adds an `authorization` line with this bearer token.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.authorization(format!("Bearer {}", token.as_ref()))
    }

    /// Whether it is a GET.
    pub fn is_get(&self) -> bool {
        self.method == "GET"
    }

    /// The values of its `authorization` lines, as they are.
    pub fn authorizations(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter_map(|line| {
            let (name, value) = line.split_at_checked("authorization:".len())?;
            name.eq_ignore_ascii_case(b"authorization:").then_some(value)
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl fmt::Display for Request {
    /// Method and path, then what stands in `authorization` lines, each cut short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        for line in self.lines.iter().filter(|line| line.starts_with(b"authorization")) {
            let shown = &line[..line.len().min(120)];
            write!(f, " [{}{}]", shown.escape_ascii(), if shown.len() < line.len() { "…" } else { "" })?;
        }
        Ok(())
    }
}

/// An answer, in comparable parts.
///
/// The order of headers is no part of it, since actix writes them in the order of a hash map, nor is `date`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status with its phrase, such as `200 OK`.
    pub status: String,
    /// The header lines, such as `content-length: 2`, sorted.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// What differs from the expected answer, a line for each; nothing if they are the same.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.status != expected.status {
            differences.push(format!("status:  {}\n    not: {}", self.status, expected.status));
        }
        if self.headers != expected.headers {
            let headers = |answer: &Self| answer.headers.join(" | ");
            differences.push(format!("headers: {}\n    not: {}", headers(self), headers(expected)));
        }
        if self.body != expected.body {
            differences.push(format!("body:    {}\n    not: {}", self.body, expected.body));
        }
        differences
    }

    /// The status as a number; 0 if it is none.
    pub fn status_code(&self) -> u16 {
        self.status.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// The same answer without its body, as HEAD gets it: headers still speak of the body.
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { body: String::new(), ..self }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = text(&bytes[..end]);
        let mut lines = head.split("\r\n").map(str::to_owned);
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.to_owned();
        let mut headers: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
        headers.sort();
        Some(Self { status, headers, body: text(&bytes[end + 4..]) })
    }
}

/// The bytes as text; escaped if they are none, so that whatever came can be compared and printed.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.escape_ascii().to_string())
}

/// Sends a request and reads the answer to its end.
///
/// # Errors
///
/// If the connection fails, if nothing comes for five seconds, or if what comes is no HTTP/1.1.
pub fn send(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&request.to_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Answer::parse(&bytes).ok_or_else(|| io::Error::other(format!("not HTTP/1.1: {}", bytes.escape_ascii())))
}
