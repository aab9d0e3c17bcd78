//! One measurement in a process of its own, and the rounds of them.

use std::{
    collections::HashMap,
    error::Error,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use linchpin_trace::{Observer, RequestHead, in_current_context};
use rand::seq::SliceRandom;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::ways::{Caller, Way};

/// What is measured, and how often.
pub(crate) struct Plan<'a> {
    pub(crate) ways: &'a [Way],
    pub(crate) at_once: &'a [usize],
    pub(crate) rounds: usize,
    pub(crate) calls: usize,
}

/// Of a way with so many calls at once: the CPU time of a call in each round, in nanoseconds.
pub(crate) type Measured = HashMap<(&'static str, usize), Vec<f64>>;

impl Plan<'_> {
    pub(crate) fn carry_out(&self, address: SocketAddr) -> Result<Measured, String> {
        let mut measured = Measured::new();
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            for &at_once in self.at_once {
                let mut ways = self.ways.to_vec();
                ways.shuffle(&mut rand::rng());
                for way in ways {
                    let nanos = in_another_process(way, address, at_once, self.calls)?;
                    measured.entry((way.name(), at_once)).or_default().push(nanos);
                }
            }
        }
        Ok(measured)
    }
}

fn in_another_process(way: Way, address: SocketAddr, at_once: usize, calls: usize) -> Result<f64, String> {
    let failed = |what: &str| format!("{}: {what}", way.name());
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let (address, at_once, calls) = (address.to_string(), at_once.to_string(), calls.to_string());
    let output = Command::new(program)
        .args(["measure", way.name(), &address, &at_once, &calls])
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let nanos = printed.trim().parse().ok().filter(|_| output.status.success());
    nanos.ok_or_else(|| failed(String::from_utf8_lossy(&output.stderr).trim()))
}

/// Measures, and prints the CPU time of a call in nanoseconds.
pub(crate) fn in_this_process(way: &str, address: &str, at_once: &str, calls: &str) -> Result<(), String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
    let way = Way::named(way).ok_or_else(|| format!("there is no way named {way}"))?;
    let address = address.parse().map_err(|_| format!("{address} is no address"))?;
    let (at_once, calls) = (number(at_once)?, number(calls)?);
    if way.has_subscriber() {
        // It keeps spans, and does nothing with them: what is done is the same for whoever makes them.
        tracing_subscriber::registry().with(LevelFilter::INFO).init();
    }
    let nanos = measure(way, address, at_once, calls).map_err(|error| error.to_string())?;
    println!("{nanos}");
    Ok(())
}

fn measure(way: Way, address: SocketAddr, at_once: usize, calls: usize) -> Result<f64, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let caller = runtime.block_on(async { way.caller(address) })?;
    // Connections, and whatever is made once.
    runtime.block_on(make_calls(&caller, way, at_once, (calls / 10).max(at_once)))?;
    let before = cpu_time();
    runtime.block_on(make_calls(&caller, way, at_once, calls))?;
    let taken = cpu_time() - before;
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    Ok(taken.as_nanos() as f64 / calls as f64)
}

async fn make_calls(caller: &Caller, way: Way, at_once: usize, calls: usize) -> Result<(), Box<dyn Error>> {
    let left = Arc::new(AtomicUsize::new(calls));
    let mut callers = JoinSet::new();
    for _ in 0..at_once {
        let calls = call_while_some_are_left(caller.clone(), left.clone());
        if way.is_in_request() {
            let observer = Observer::new("bench").request_timeout(REQUEST);
            let observation = observer.begin(RequestHead::new("GET", "/"), []);
            let calls = observation.enter(|| in_current_context(calls));
            callers.spawn(async move {
                let result = calls.await;
                observation.complete();
                result
            });
        } else {
            callers.spawn(calls);
        }
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn call_while_some_are_left(caller: Caller, left: Arc<AtomicUsize>) -> Result<(), String> {
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let invoice = caller.call().await.map_err(|error| error.to_string())?;
        if !invoice.is_whole() {
            return Err(format!("another answer: {invoice:?}"));
        }
    }
    Ok(())
}

/// Of all threads of this process, in user space and in the kernel.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(u64::try_from(time.tv_sec).expect("not before the start"), nanos)
}

/// How long the requests have in which the calls are made; none comes near it.
const REQUEST: Duration = Duration::from_secs(600);
