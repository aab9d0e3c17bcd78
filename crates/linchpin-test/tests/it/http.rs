//! A client that knows no more of HTTP than it has to.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came back before the connection ended, and how it ended.
pub(crate) struct Received {
    pub(crate) text: String,
    pub(crate) end: io::Result<()>,
}

impl Received {
    pub(crate) fn status(&self) -> Option<u16> {
        self.text.split(' ').nth(1)?.parse().ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn body(&self) -> Option<&str> {
        self.text.split_once("\r\n\r\n").map(|(_, body)| body)
    }

    pub(crate) fn was_reset(&self) -> bool {
        self.end.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    }
}

/// Sends this text over a connection of its own, and reads until the connection ends.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Received {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    until_the_end(stream).await
}

pub(crate) async fn until_the_end(mut stream: TcpStream) -> Received {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    Received { text: String::from_utf8(bytes).unwrap(), end }
}

/// The first `length` bytes, of a connection that stays open.
pub(crate) async fn first(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}
