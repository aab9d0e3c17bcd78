//! Answers that are read while they arrive, in both ways: piece by piece, and handed on as a body.

use std::time::Duration;

use http_body_util::BodyExt;
use linchpin_client::{Client, Error, ErrorKind};
use linchpin_test::Reply;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{SECOND, builder, client, millis, observed, upstream};

#[derive(Clone, Copy, Debug)]
enum Way {
    Chunks,
    Body,
}

const WAYS: [Way; 2] = [Way::Chunks, Way::Body];

impl Way {
    /// Reads an answer to its end, with a pause after each piece; how many bytes there were.
    async fn read(self, client: &Client, pause: Duration) -> Result<usize, Error> {
        let mut answer = client.get("/").send().await?;
        let mut bytes = 0;
        match self {
            Self::Chunks => {
                while let Some(chunk) = answer.chunk().await? {
                    bytes += chunk.len();
                    sleep(pause).await;
                }
            }
            Self::Body => {
                let mut body = answer.into_body();
                while let Some(frame) = body.frame().await {
                    let frame = frame.map_err(|error| *error.downcast::<Error>().unwrap())?;
                    bytes += frame.into_data().unwrap().len();
                    sleep(pause).await;
                }
            }
        }
        Ok(bytes)
    }
}

/// What comes of it, and how many seconds it takes.
async fn timed(read: impl Future<Output = Result<usize, Error>>) -> (Result<usize, ErrorKind>, u64) {
    let began = Instant::now();
    let outcome = timeout(100 * SECOND, read).await.expect("it ends").map_err(|error| error.kind());
    (outcome, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_may_take_as_long_as_it_is_heard() {
    let upstream = upstream().await;
    let client = builder(&upstream).read_timeout(2 * SECOND).total_timeout(60 * SECOND).build().unwrap();
    upstream.always(Reply::json("0123456789").in_pieces(1, millis(1900)));

    for way in WAYS {
        assert_eq!(timed(way.read(&client, Duration::ZERO)).await, (Ok(10), 19), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_falls_silent_is_given_up() {
    let upstream = upstream().await;
    let client = builder(&upstream).read_timeout(2 * SECOND).total_timeout(60 * SECOND).build().unwrap();

    for way in WAYS {
        upstream.script([Reply::json("0123456789").stall_midway()]);
        assert_eq!(timed(way.read(&client, Duration::ZERO)).await, (Err(ErrorKind::Timeout), 2), "{way:?}");
        // A reader that takes its time is not the upstream's silence.
        upstream.script([Reply::json("0123456789").stall_midway()]);
        assert_eq!(timed(way.read(&client, 5 * SECOND)).await, (Err(ErrorKind::Timeout), 7), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_calls_time_counts_although_the_answer_keeps_coming() {
    let upstream = upstream().await;
    let client = builder(&upstream).read_timeout(2 * SECOND).total_timeout(5 * SECOND).build().unwrap();

    for way in WAYS {
        upstream.script([Reply::json("{}").padded(100).in_pieces(1, SECOND)]);
        assert_eq!(timed(way.read(&client, Duration::ZERO)).await, (Err(ErrorKind::Timeout), 5), "{way:?}");
        // The next piece is always there when it is asked for.
        upstream.script([Reply::json("{}").endless()]);
        assert_eq!(timed(way.read(&client, SECOND)).await, (Err(ErrorKind::Timeout), 5), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_our_own_request_counts_until_the_last_byte() {
    let upstream = upstream().await;
    let client = builder(&upstream).deadline_margin(Duration::ZERO).build().unwrap();
    upstream.always(Reply::json("{}").padded(100).in_pieces(1, SECOND));

    for way in WAYS {
        let observation = observed(&[("x-request-timeout-ms", "3000")]);
        let read =
            observation.enter(|| linchpin_trace::in_current_context(way.read(&client, Duration::ZERO)));
        assert_eq!(timed(read).await, (Err(ErrorKind::Deadline), 3), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_an_error_and_no_end() {
    let upstream = upstream().await;
    let client = client(&upstream);

    for way in WAYS {
        for broken in [Reply::json("0123456789").cut_short(), Reply::json("0123456789").reset_midway()] {
            upstream.script([broken]);
            assert_eq!(timed(way.read(&client, Duration::ZERO)).await.0, Err(ErrorKind::Broken), "{way:?}");
        }
    }
}
