//! What a scripted upstream does with one request, good and bad.

use std::{fmt, io, time::Duration};

use bytes::Bytes;
use tokio::time::sleep;

use crate::wire::Wire;

/// What a [`ScriptedUpstream`](crate::ScriptedUpstream) does with one request: an answer, slowly or in part, or something else.
///
/// Pauses are those of the runtime, and so take no time in one that is paused.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use linchpin_test::Reply;
/// use serde_json::json;
///
/// let script = [
///     Reply::reset(),
///     Reply::status(503).retry_after(2),
///     Reply::json(json!({"id": 7})).after(Duration::from_secs(1)),
///     Reply::json(json!({"id": 7})).cut_short(),
/// ];
/// # let _ = script;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    pub(crate) reads: Reads,
    pause: Duration,
    interim: Option<u16>,
    start: Start,
    headers: Vec<(String, String)>,
    padding: u64,
    body: Bytes,
    is_chunked: bool,
    pace: Option<(usize, Duration)>,
    end: End,
}

/// How much of the request is read before the reply begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reads {
    Nothing,
    Head,
    Whole,
}

#[derive(Clone, Debug)]
enum Start {
    Status(u16),
    EndlessHeaders,
    /// Not HTTP at all.
    Raw(Bytes),
    Nothing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    KeepAlive,
    Close,
    /// This and those below come after the first half of the body.
    CutShort,
    Reset,
    Stall,
}

impl Reply {
    /// This status and an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            reads: Reads::Whole,
            pause: Duration::ZERO,
            interim: None,
            start: Start::Status(status),
            headers: Vec::new(),
            padding: 0,
            body: Bytes::new(),
            is_chunked: false,
            pace: None,
            end: End::KeepAlive,
        }
    }

    /// The status 200 and this document, of which nobody checks that it is JSON.
    pub fn json(document: impl fmt::Display) -> Self {
        Self::status(200).header("content-type", "application/json").body(document.to_string())
    }

    /// The status 200 and the page of a proxy that is in the way.
    pub fn html() -> Self {
        Self::status(200).header("content-type", "text/html").body(PAGE)
    }

    /// A redirect, with a status such as 302 or 307.
    pub fn redirect(status: u16, to: impl Into<String>) -> Self {
        Self::status(status).header("location", to)
    }

    /// No answer: the request is read, and the connection stays open until the client closes it or the server stops.
    pub fn hang() -> Self {
        Self { start: Start::Nothing, end: End::Stall, ..Self::status(200) }
    }

    /// No answer: the request is read, and the connection is closed.
    pub fn close() -> Self {
        Self { start: Start::Nothing, end: End::Close, ..Self::status(200) }
    }

    /// No answer: the request is read, and the connection is reset.
    pub fn reset() -> Self {
        Self { start: Start::Nothing, end: End::Reset, ..Self::status(200) }
    }

    /// The connection is reset as soon as a request arrives on it; nothing of it is read or recorded.
    pub fn reset_unread() -> Self {
        Self { reads: Reads::Nothing, ..Self::reset() }
    }

    /// These bytes instead of HTTP, and then the end of the connection.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { start: Start::Raw(bytes.into()), end: End::Close, ..Self::status(200) }
    }

    /// The status 200, and headers that never end.
    pub fn endless_headers() -> Self {
        Self { start: Start::EndlessHeaders, ..Self::status(200) }
    }

    /// Changes the status.
    pub fn with_status(self, status: u16) -> Self {
        Self { start: Start::Status(status), ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Retry-After`, in seconds or as a date.
    pub fn retry_after(self, value: impl fmt::Display) -> Self {
        self.header("retry-after", value.to_string())
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Puts this many bytes of white space before the body, which are made while they are sent.
    pub fn padded(self, bytes: u64) -> Self {
        Self { padding: bytes, ..self }
    }

    /// Puts white space that never ends before the body.
    pub fn endless(self) -> Self {
        self.padded(u64::MAX).chunked()
    }

    /// Sends the body in chunks, so that nobody knows its length before.
    pub fn chunked(self) -> Self {
        Self { is_chunked: true, ..self }
    }

    /// Sends the body in pieces of this many bytes, with a pause before each.
    pub fn in_pieces(self, bytes: usize, pause: Duration) -> Self {
        assert!(bytes > 0, "a piece has at least one byte");
        Self { pace: Some((bytes, pause)), ..self }
    }

    /// Waits before anything is answered.
    pub fn after(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Answers when the head of the request is there, and reads no body; the connection is closed afterwards.
    pub fn early(self) -> Self {
        Self { reads: Reads::Head, end: End::Close, ..self }
    }

    /// Sends the head of this interim response (such as 103) before the answer.
    ///
    /// A request with `Expect: 100-continue` is told to continue in any case, unless the reply is [early](Self::early).
    pub fn interim(self, status: u16) -> Self {
        Self { interim: Some(status), ..self }
    }

    /// Says `Connection: close`, and closes it.
    pub fn closing(self) -> Self {
        Self { end: End::Close, ..self }
    }

    /// Sends half of the body and then closes the connection.
    pub fn cut_short(self) -> Self {
        Self { end: End::CutShort, ..self }
    }

    /// Sends half of the body and then resets the connection.
    pub fn reset_midway(self) -> Self {
        Self { end: End::Reset, ..self }
    }

    /// Sends half of the body and then nothing more, on a connection that stays open.
    pub fn stall_midway(self) -> Self {
        Self { end: End::Stall, ..self }
    }

    /// Closes the connection of a client that wants it, unless something else was to become of it.
    pub(crate) fn closing_if_alive(self) -> Self {
        if self.end == End::KeepAlive { self.closing() } else { self }
    }

    /// Writes all that the client gets. `sent` is told of each piece of a body.
    pub(crate) async fn play(&self, wire: &mut Wire, is_head: bool, sent: impl Fn(usize)) -> io::Result<()> {
        if !self.pause.is_zero() {
            sleep(self.pause).await;
        }
        if let Some(status) = self.interim {
            wire.write(format!("HTTP/1.1 {status} Interim\r\n\r\n").as_bytes()).await?;
        }
        match &self.start {
            Start::Nothing => {}
            Start::Raw(bytes) => wire.write(bytes).await?,
            Start::EndlessHeaders => {
                wire.write(b"HTTP/1.1 200 Scripted\r\n").await?;
                // Until the client has had enough, which ends the loop with an error.
                loop {
                    wire.write(FILLER).await?;
                }
            }
            Start::Status(status) => {
                wire.write(self.head(*status).as_bytes()).await?;
                if !is_head && has_body(*status) {
                    self.write_body(wire, sent).await?;
                }
            }
        }
        if self.end == End::Stall {
            wire.until_client_leaves().await;
        }
        Ok(())
    }

    /// What becomes of the connection afterwards; if it is given back, it may carry another request.
    pub(crate) async fn end(self, wire: Wire) -> io::Result<Option<Wire>> {
        match self.end {
            End::KeepAlive => return Ok(Some(wire)),
            End::Close | End::CutShort | End::Stall => wire.close().await?,
            End::Reset => wire.reset()?,
        }
        Ok(None)
    }

    fn head(&self, status: u16) -> String {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.end == End::Close {
            head.push_str("connection: close\r\n");
        }
        if self.is_chunked {
            head.push_str("transfer-encoding: chunked\r\n");
        } else if has_body(status) {
            head.push_str(&format!("content-length: {}\r\n", self.length()));
        }
        head.push_str("\r\n");
        head
    }

    fn length(&self) -> u64 {
        self.padding.saturating_add(self.body.len() as u64)
    }

    async fn write_body(&self, wire: &mut Wire, sent: impl Fn(usize)) -> io::Result<()> {
        let is_whole = matches!(self.end, End::KeepAlive | End::Close);
        let mut left = if is_whole { self.length() } else { self.length() / 2 };
        let (size, pause) = self.pace.unwrap_or((SPACES.len(), Duration::ZERO));
        let (mut spaces, mut body) = (self.padding, self.body.clone());
        while left > 0 {
            let most = size.min(SPACES.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = if spaces > 0 {
                let count = most.min(usize::try_from(spaces).unwrap_or(usize::MAX));
                spaces -= count as u64;
                Bytes::from_static(&SPACES[..count])
            } else {
                body.split_to(most.min(body.len()))
            };
            if !pause.is_zero() {
                sleep(pause).await;
            }
            if self.is_chunked {
                let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
                wire.write(&chunk).await?;
            } else {
                wire.write(&piece).await?;
            }
            sent(piece.len());
            left -= piece.len() as u64;
        }
        if self.is_chunked && is_whole {
            wire.write(b"0\r\n\r\n").await?;
        }
        Ok(())
    }
}

/// RFC 9110 §6.4.1.
fn has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

const PAGE: &str = "<!DOCTYPE html><title>Maintenance</title><p>We are back soon.";
const SPACES: &[u8] = &[b' '; 64 * 1024];
const FILLER: &[u8] = b"x-filler: a value of some length, as a header of an upstream may have\r\n";
