//! HTTP/1.1 as the scripted upstream reads it: by hand, because it also has to write what no HTTP library would.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection, and what has been read of it and not yet been used.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of a request.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.header(name).is_some_and(|present| present.eq_ignore_ascii_case(value))
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Pieces of a body go out one by one, and are seen so.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    /// Waits until there is something to read, which it leaves there; `false` if the client has closed.
    pub(crate) async fn is_spoken_to(&mut self) -> io::Result<bool> {
        Ok(!self.buffer.is_empty() || self.stream.peek(&mut [0]).await? > 0)
    }

    /// The head of the next request.
    pub(crate) async fn head(&mut self) -> io::Result<Head> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let mut lines = str::from_utf8(&head[..end]).map_err(invalid)?.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(invalid("the first line is not one of HTTP/1.1"));
        };
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let headers = headers.collect::<io::Result<_>>()?;
        Ok(Head { method: method.to_owned(), target: target.to_owned(), headers })
    }

    /// The body that belongs to `head`.
    pub(crate) async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.has("transfer-encoding", "chunked") {
            return self.chunks().await;
        }
        match head.header("content-length") {
            None => Ok(Vec::new()),
            Some(length) => self.exactly(length.parse().map_err(invalid)?).await,
        }
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line().await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(invalid)?;
            if size > MAX_REQUEST - body.len() {
                return Err(invalid("the body is too large"));
            }
            body.extend(self.exactly(size).await?);
            // After the last chunk, trailers would stand here; nobody who is tested sends any.
            if !self.line().await?.is_empty() {
                return Err(invalid("a chunk that is longer than it says, or a trailer"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
        String::from_utf8(line[..end].to_vec()).map_err(invalid)
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.buffer.len() >= MAX_REQUEST {
            return Err(invalid("the request is too large"));
        }
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Ends the connection with a reset instead of an end.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Ends the connection after all that has been written, also where the client is still writing.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        // What nobody has read when a socket is closed turns the end into a reset.
        self.until_client_leaves().await;
        Ok(())
    }

    /// Reads and forgets, until the client closes the connection.
    pub(crate) async fn until_client_leaves(&mut self) {
        let mut scratch = [0; 4096];
        while self.stream.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// No test sends more in one request.
const MAX_REQUEST: usize = 64 * 1024 * 1024;
