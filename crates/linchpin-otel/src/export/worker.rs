//! The task that sends one signal's batches, one after the other.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::{Accepted, Failure, FailureKind, Teller, Transport};
use crate::queue::{Queue, Tally};

/// One way to a collector, and what has become of what went there.
pub(crate) struct Delivery {
    pub(crate) transport: Box<dyn Transport>,
    /// How long one batch may take, with all attempts.
    pub(crate) timeout: Duration,
    pub(crate) teller: Teller,
    pub(crate) tally: Arc<Tally>,
}

impl Delivery {
    /// Sends a message, again if that may help and there is time, and counts what becomes of its items.
    pub(crate) async fn deliver(&self, message: Vec<u8>, items: u64) {
        let deadline = Instant::now() + self.timeout;
        let result = self.attempts(message, deadline).await;
        match result {
            Ok(Accepted { rejected: 0, .. }) => {
                self.tally.exported.fetch_add(items, Ordering::Relaxed);
                self.teller.arrived();
            }
            Ok(Accepted { rejected, message }) => {
                let rejected = rejected.min(items);
                self.tally.exported.fetch_add(items - rejected, Ordering::Relaxed);
                self.tally.refused.fetch_add(rejected, Ordering::Relaxed);
                self.teller
                    .lost(rejected, &format!("the collector refused {rejected} of {items}: {message}"));
            }
            Err(Failure { kind, told }) => {
                let counter = match kind {
                    FailureKind::Refused => &self.tally.refused,
                    FailureKind::Transient { .. } => &self.tally.undelivered,
                };
                counter.fetch_add(items, Ordering::Relaxed);
                self.teller.lost(items, &told);
            }
        }
    }

    async fn attempts(&self, message: Vec<u8>, deadline: Instant) -> Result<Accepted, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = timeout_at(deadline, self.transport.send(message.clone())).await;
            let failure = match sent {
                Ok(Ok(accepted)) => return Ok(accepted),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(Failure::transient(format!("no answer within {:?}", self.timeout))),
            };
            let FailureKind::Transient { after } = failure.kind else { return Err(failure) };
            let wait = after.unwrap_or(pause);
            // Whoever cannot be reached until then is not asked again.
            if wait >= deadline.saturating_duration_since(Instant::now()) {
                return Err(failure);
            }
            sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
    }
}

/// Sends what waits in a queue: a whole batch at once, and less after `delay`. It ends when `flushes` does.
///
/// Whoever asks for a flush is answered once everything that waits has been sent or lost.
pub(crate) async fn send_batches<T, F: Future<Output = ()>>(
    queue: Arc<Queue<T>>,
    delay: Duration,
    mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    send: impl Fn(Vec<T>) -> F,
) {
    loop {
        let asked = tokio::select! {
            () = sleep(delay) => Some(None),
            () = queue.ripe() => None,
            asked = flushes.recv() => match asked {
                Some(asked) => Some(Some(asked)),
                None => return,
            },
        };
        while asked.is_some() || queue.has_batch() {
            let batch = queue.take();
            if batch.is_empty() {
                break;
            }
            send(batch).await;
        }
        if let Some(Some(asked)) = asked {
            // Whoever has given up does not need to know.
            let _ = asked.send(());
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{Signal, export::Sending, queue::Bounds};

    /// Answers as it is told, the last answer for ever, and remembers when it was asked.
    struct Scripted {
        answers: Vec<Result<Accepted, Failure>>,
        hangs: bool,
        asked: Arc<Mutex<Vec<Instant>>>,
    }

    impl Transport for Scripted {
        fn send(&self, _: Vec<u8>) -> Sending<'_> {
            let mut asked = self.asked.lock().unwrap();
            let answer = self.answers.get(asked.len()).or(self.answers.last()).cloned();
            asked.push(Instant::now());
            let hangs = self.hangs;
            Box::pin(async move {
                match answer {
                    Some(answer) if !hangs => answer,
                    _ => std::future::pending().await,
                }
            })
        }
    }

    fn delivery(answers: Vec<Result<Accepted, Failure>>) -> (Delivery, Arc<Tally>, Arc<Mutex<Vec<Instant>>>) {
        let (tally, asked) = <(Arc<Tally>, Arc<Mutex<Vec<Instant>>>)>::default();
        let transport = Scripted { hangs: answers.is_empty(), answers, asked: asked.clone() };
        let teller = Teller::new(Signal::Traces, "http://collector:4318".to_owned());
        let timeout = Duration::from_secs(10);
        let delivery = Delivery { transport: Box::new(transport), timeout, teller, tally: tally.clone() };
        (delivery, tally, asked)
    }

    fn counts(tally: &Tally) -> [u64; 4] {
        [&tally.exported, &tally.overflow, &tally.undelivered, &tally.refused]
            .map(|count| count.load(Ordering::Relaxed))
    }

    fn gone() -> Result<Accepted, Failure> {
        Err(Failure::transient("gone"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_a_while_is_tried_again_ever_more_patiently() {
        let (delivery, tally, asked) = delivery(vec![gone(), gone(), Ok(Accepted::default())]);
        let begin = Instant::now();

        delivery.deliver(vec![], 5).await;

        let asked: Vec<u64> = asked.lock().unwrap().iter().map(|at| (*at - begin).as_secs()).collect();
        assert_eq!(asked, [0, 1, 3]);
        assert_eq!(counts(&tally), [5, 0, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_takes_longer_than_the_timeout() {
        for answers in [vec![], vec![gone()]] {
            let (delivery, tally, _) = delivery(answers);
            let begin = Instant::now();

            delivery.deliver(vec![], 5).await;

            assert!(begin.elapsed() <= Duration::from_millis(10_001), "{:?}", begin.elapsed());
            assert_eq!(counts(&tally), [0, 0, 5, 0]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final_and_a_wait_that_is_too_long_is_none() {
        let (refused, tally, asked) = delivery(vec![Err(Failure::refused("no"))]);
        refused.deliver(vec![], 5).await;
        assert_eq!((counts(&tally), asked.lock().unwrap().len()), ([0, 0, 0, 5], 1));

        let after = Some(Duration::from_secs(3600));
        let told = "later".to_owned();
        let later = Err(Failure { kind: FailureKind::Transient { after }, told });
        let (later, tally, asked) = delivery(vec![later]);
        let begin = Instant::now();
        later.deliver(vec![], 5).await;
        assert_eq!((counts(&tally), asked.lock().unwrap().len()), ([0, 0, 5, 0], 1));
        assert!(begin.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_was_refused_is_counted_and_never_more_than_there_was() {
        let partly = |rejected| Ok(Accepted { rejected, message: "too old".to_owned() });
        let (delivery, tally, _) = delivery(vec![partly(2), partly(99)]);

        delivery.deliver(vec![], 5).await;
        delivery.deliver(vec![], 5).await;

        assert_eq!(counts(&tally), [3, 0, 0, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_batch_goes_at_once_and_less_after_the_delay_or_when_asked() {
        let queue = Arc::new(Queue::new(Bounds { waiting: 100, batch: 3 }, Arc::default()));
        let (flush, flushes) = mpsc::channel(1);
        let sent: Arc<Mutex<Vec<(u64, usize)>>> = Arc::default();
        let (noted, begin) = (sent.clone(), Instant::now());
        let worker = tokio::spawn(send_batches(
            queue.clone(),
            Duration::from_secs(5),
            flushes,
            move |batch: Vec<u8>| {
                noted.lock().unwrap().push((begin.elapsed().as_secs(), batch.len()));
                std::future::ready(())
            },
        ));
        let push = |count: u8| (0..count).for_each(|item| queue.push(item));

        push(3);
        sleep(Duration::from_secs(1)).await;
        push(2);
        sleep(Duration::from_secs(6)).await;
        push(1);
        let (done, is_done) = oneshot::channel();
        flush.send(done).await.unwrap();
        is_done.await.unwrap();
        drop(flush);
        worker.await.unwrap();

        assert_eq!(*sent.lock().unwrap(), [(0, 3), (5, 2), (7, 1)]);
    }
}
