//! A server that answers by script and remembers what it was sent.

use std::{
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpStream, sync::watch, time::Instant};

use crate::{
    Reply, SentRequest,
    reply::Reads,
    server::{Server, bind},
    wire::Wire,
};

/// An HTTP/1.1 server on a loopback port that does with each request what a test tells it to, and records what was sent.
///
/// Replies are played in the order of the [script](Self::script), one per request, whichever connection it comes on; when
/// the script is over, each further request gets the [last word](Self::always), which is the status 200 and `{}` unless set.
/// Dropping it ends the server.
///
/// It runs in the runtime of the test, so that both sides of each socket and all timers are one thread's: a paused clock moves
/// only when nothing is on the way.
///
/// # Examples
///
/// ```
/// use linchpin_test::{Reply, ScriptedUpstream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut upstream = ScriptedUpstream::start().await?;
/// upstream.script([Reply::status(503).retry_after(1), Reply::reset()]);
/// upstream.always(Reply::json(r#"{"id": 7}"#));
///
/// // The code under test calls `upstream.url()` here.
///
/// upstream.assert_requests(0);
/// upstream.stop().await;
/// upstream.restart()?;
/// # Ok(())
/// # }
/// ```
pub struct ScriptedUpstream {
    scene: Arc<Scene>,
    server: Server,
}

impl ScriptedUpstream {
    /// Starts an upstream on a free loopback port.
    ///
    /// # Errors
    ///
    /// If no loopback port can be had.
    pub async fn start() -> io::Result<Self> {
        let scene = Arc::new(Scene {
            script: Mutex::new(Script {
                next: VecDeque::new(),
                last_word: LastWord::Always(Reply::json("{}")),
            }),
            requests: watch::Sender::new(Vec::new()),
            connections: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            started_at: Instant::now(),
        });
        let played = scene.clone();
        let server = Server::start(bind().await?, move |stream| converse(stream, played.clone()))?;
        Ok(Self { scene, server })
    }

    /// Where it is, such as `http://127.0.0.1:43210`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address on which it listens, also while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Adds replies to the end of the script.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.scene.script().next.extend(replies);
    }

    /// Sets what each request gets for which the script has nothing.
    pub fn always(&self, reply: Reply) {
        self.scene.script().last_word = LastWord::Always(reply);
    }

    /// Sets what decides on each request for which the script has nothing. It has been read as a whole by then.
    pub fn answer_with(&self, decide: impl Fn(&SentRequest) -> Reply + Send + Sync + 'static) {
        self.scene.script().last_word = LastWord::Decide(Arc::new(decide));
    }

    /// The requests that have arrived, in order.
    pub fn requests(&self) -> Vec<SentRequest> {
        self.scene.requests.borrow().clone()
    }

    /// The requests that have arrived since this was asked last.
    pub fn take_requests(&self) -> Vec<SentRequest> {
        self.scene.requests.send_replace(Vec::new())
    }

    /// The one request that has arrived.
    ///
    /// # Panics
    ///
    /// If there is none, or another.
    #[track_caller]
    pub fn only_request(&self) -> SentRequest {
        match &self.requests()[..] {
            [request] => request.clone(),
            others => panic!("expected one request, and there are {}: {others:#?}", others.len()),
        }
    }

    /// Asserts how many requests have arrived.
    #[track_caller]
    pub fn assert_requests(&self, count: usize) {
        let requests = self.requests();
        assert_eq!(requests.len(), count, "requests: {requests:#?}");
    }

    /// Waits until at least `count` requests have arrived, so that no test has to sleep.
    pub async fn until_requests(&self, count: usize) {
        let mut requests = self.scene.requests.subscribe();
        // The sender is in `self`, so the wait ends only by reaching the count.
        let _ = requests.wait_for(|requests| requests.len() >= count).await;
    }

    /// How many connections have been made.
    pub fn connections(&self) -> usize {
        self.scene.connections.load(Ordering::Relaxed)
    }

    /// How many requests were being answered at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.scene.most_at_once.load(Ordering::Relaxed)
    }

    /// How many requests are being answered now.
    pub fn under_way(&self) -> usize {
        self.scene.under_way.load(Ordering::Relaxed)
    }

    /// How many bytes of bodies the server has handed to the network.
    pub fn bytes_sent(&self) -> u64 {
        self.scene.sent.load(Ordering::Relaxed)
    }

    /// Ends the server and its connections; new ones are refused, while the port stays reserved for [`restart`](Self::restart).
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Starts the server again on the same port, with the same script; without effect while it runs.
    ///
    /// # Errors
    ///
    /// If the port cannot be had back.
    pub fn restart(&mut self) -> io::Result<()> {
        self.server.restart()
    }
}

impl fmt::Debug for ScriptedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedUpstream").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// What the server and its owner share.
struct Scene {
    script: Mutex<Script>,
    requests: watch::Sender<Vec<SentRequest>>,
    connections: AtomicUsize,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    sent: AtomicU64,
    started_at: Instant,
}

struct Script {
    next: VecDeque<Reply>,
    last_word: LastWord,
}

enum LastWord {
    Always(Reply),
    Decide(Arc<dyn Fn(&SentRequest) -> Reply + Send + Sync>),
}

impl Scene {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next reply, if it is one that begins when this much of the request has been read.
    fn reply_that_reads(&self, reads: Reads) -> Option<Reply> {
        let mut script = self.script();
        match (script.next.front(), &script.last_word) {
            (Some(next), _) => (next.reads == reads).then(|| script.next.pop_front()).flatten(),
            (None, LastWord::Always(reply)) => (reply.reads == reads).then(|| reply.clone()),
            (None, LastWord::Decide(_)) => None,
        }
    }

    fn reply_to(&self, request: &SentRequest) -> Reply {
        let decide = {
            let mut script = self.script();
            match (script.next.pop_front(), &script.last_word) {
                (Some(reply), _) => return reply,
                (None, LastWord::Always(reply)) => return reply.clone(),
                (None, LastWord::Decide(decide)) => decide.clone(),
            }
        };
        // Not under the lock, so that it may change the script.
        decide(request)
    }

    fn begin(&self) -> UnderWay<'_> {
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(now, Ordering::Relaxed);
        UnderWay(&self.under_way)
    }
}

/// A request that is being answered, until this is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn converse(stream: TcpStream, scene: Arc<Scene>) {
    let number = scene.connections.fetch_add(1, Ordering::Relaxed);
    let mut wire = Some(Wire::new(stream));
    while let Some(next) = wire {
        // A client that goes away, or does not speak HTTP/1.1, is no concern of the upstream: its request is not recorded.
        wire = answer(next, &scene, number).await.unwrap_or_default();
    }
}

/// Reads one request and plays a reply; what remains of the connection may carry another.
async fn answer(mut wire: Wire, scene: &Scene, connection: usize) -> io::Result<Option<Wire>> {
    if !wire.is_spoken_to().await? {
        return Ok(None);
    }
    let sent = |bytes| {
        scene.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    };
    if let Some(reply) = scene.reply_that_reads(Reads::Nothing) {
        reply.play(&mut wire, false, sent).await?;
        return reply.end(wire).await;
    }
    let head = wire.head().await?;
    let is_head = head.method == "HEAD";
    let wants_close = head.has("connection", "close");
    let early = scene.reply_that_reads(Reads::Head);
    let body = match early {
        Some(_) => Vec::new(),
        None => {
            if head.has("expect", "100-continue") {
                wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            wire.body(&head).await?
        }
    };
    let request = SentRequest::new(head, body, connection, scene.started_at.elapsed());
    let under_way = scene.begin();
    scene.requests.send_modify(|requests| requests.push(request.clone()));
    let mut reply = early.unwrap_or_else(|| scene.reply_to(&request));
    if wants_close {
        reply = reply.closing_if_alive();
    }
    reply.play(&mut wire, is_head, sent).await?;
    // The client has what it gets, and may be slow to close the connection.
    drop(under_way);
    reply.end(wire).await
}
