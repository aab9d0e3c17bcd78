//! A server on a loopback port, which can be taken away and given back.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

/// A server, and what it does with each connection. Dropping it ends the server and its connections.
pub(crate) struct Server {
    address: SocketAddr,
    converse: Converse,
    state: State,
}

/// What a connection is used for.
type Converse = Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

enum State {
    Running(Running),
    Stopped(Option<TcpSocket>),
}

impl Server {
    /// Starts a server on a port that has been bound before, so that what it says may depend on its address.
    pub(crate) fn start<C, F>(listener: TcpListener, converse: C) -> io::Result<Self>
    where
        C: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let converse: Converse = Arc::new(move |stream| Box::pin(converse(stream)));
        let state = State::Running(Running::spawn(listener, converse.clone()));
        Ok(Self { address, converse, state })
    }

    /// The address on which it listens, also while it is stopped.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server and its connections; new ones are refused, while the port stays reserved for `restart`.
    pub(crate) async fn stop(&mut self) {
        if let State::Running(running) = std::mem::replace(&mut self.state, State::Stopped(None)) {
            running.stop().await;
            // A socket that is bound and does not listen refuses connections, and nobody else is given its port. If it
            // cannot be had, `restart` is the one to say so.
            self.state = State::Stopped(reserve(self.address).ok());
        }
    }

    /// Starts the server again on the same port; without effect while it runs.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        if let State::Stopped(reserved) = &mut self.state {
            let socket = match reserved.take() {
                Some(socket) => socket,
                None => reserve(self.address)?,
            };
            self.state = State::Running(Running::spawn(socket.listen(BACKLOG)?, self.converse.clone()));
        }
        Ok(())
    }
}

/// A free port of the loopback address.
pub(crate) async fn bind() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// A server task, which ends when it is told to or dropped.
struct Running {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    fn spawn(listener: TcpListener, converse: Converse) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { task: tokio::spawn(serve(listener, converse, stopped)), stop: Some(stop) }
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, converse: Converse, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        if let Ok((stream, _)) = accepted {
            connections.spawn(converse(stream));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    connections.shutdown().await;
}

/// Takes the port back without listening on it.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that have just been closed still hold the port otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

const BACKLOG: u32 = 128;
