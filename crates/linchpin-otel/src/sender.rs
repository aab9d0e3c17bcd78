//! The thread on which everything is sent: the service's own threads and runtime have no part in it.

use std::{future::Future, pin::Pin, thread, time::Duration};

use linchpin_core::ConfigError;
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::own_thread::mark_own_thread;

/// A task of that thread, made there; it answers who asks for a flush, and ends when nobody can ask any more.
pub(crate) type Task = Box<dyn FnOnce(Flushes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Those who ask for a flush, to be answered when it is done.
pub(crate) type Flushes = mpsc::Receiver<oneshot::Sender<()>>;

/// A handle to the thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Sender {
    /// `None` without anything to send.
    commands: Option<mpsc::UnboundedSender<Flush>>,
}

/// Asks for everything that waits to be sent, within a deadline.
struct Flush {
    deadline: Duration,
    done: oneshot::Sender<()>,
}

impl Sender {
    /// Starts the thread, unless there is nothing to do.
    pub(crate) fn start(tasks: Vec<Task>) -> Result<Self, ConfigError> {
        if tasks.is_empty() {
            return Ok(Self { commands: None });
        }
        let failed = |error: std::io::Error| {
            let fix = "give the process more threads or files";
            ConfigError::single("telemetry", format!("cannot start its thread: {error}"), fix)
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (commands, received) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || {
                mark_own_thread();
                runtime.block_on(serve(tasks, received));
                // A name that is being resolved right now must not keep the thread.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self { commands: Some(commands) })
    }

    /// Returns once all that waits is sent or lost, at the latest after `deadline`. It needs no runtime.
    pub(crate) async fn flush(&self, deadline: Duration) {
        let Some(commands) = &self.commands else { return };
        let (done, is_done) = oneshot::channel();
        if commands.send(Flush { deadline, done }).is_ok() {
            // An error says that the thread has ended, which is as good.
            let _ = is_done.await;
        }
    }
}

/// Runs the tasks until the last handle is gone.
async fn serve(tasks: Vec<Task>, mut commands: mpsc::UnboundedReceiver<Flush>) {
    let mut running = JoinSet::new();
    let flushers: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let (flusher, flushes) = mpsc::channel(1);
            running.spawn(task(flushes));
            flusher
        })
        .collect();
    while let Some(Flush { deadline, done }) = commands.recv().await {
        let all = async {
            let mut waiting = Vec::new();
            for flusher in &flushers {
                let (flushed, is_flushed) = oneshot::channel();
                if flusher.send(flushed).await.is_ok() {
                    waiting.push(is_flushed);
                }
            }
            for is_flushed in waiting {
                let _ = is_flushed.await;
            }
        };
        let _ = timeout(deadline, all).await;
        let _ = done.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flush_ends_with_its_deadline_whatever_the_task_does() {
        let stuck: Task = Box::new(|flushes| {
            Box::pin(async move {
                let _flushes = flushes;
                std::future::pending::<()>().await;
            })
        });
        let (commands, received) = mpsc::unbounded_channel();
        let serving = tokio::spawn(serve(vec![stuck], received));
        let sender = Sender { commands: Some(commands) };
        let begin = tokio::time::Instant::now();

        sender.flush(Duration::from_secs(5)).await;

        assert_eq!(begin.elapsed().as_secs(), 5);
        drop(sender);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn without_anything_to_send_there_is_no_thread_and_a_flush_is_nothing() {
        let sender = Sender::start(Vec::new()).unwrap();

        sender.flush(Duration::from_secs(3600)).await;

        assert!(sender.commands.is_none());
    }
}
