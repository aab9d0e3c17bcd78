//! What operators read: each change of state once, and who it is about.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use linchpin_core::FakeClock;
use linchpin_oauth::{FetchResponse, RemoteKeys};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    ISSUER, remote, rules,
    script::{JWKS, METADATA, Script, jwk_set, key},
};

/// The lines of this thread's log, from `info` on.
#[derive(Clone, Default)]
pub(crate) struct Log {
    text: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    pub(crate) fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        LazyLock::force(&ANOTHER);
        let log = Self::default();
        let subscriber =
            tracing_subscriber::fmt().with_writer(log.clone()).without_time().with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines since the last call, in as much of the words as tells them apart.
    pub(crate) fn take(&self) -> Vec<String> {
        let text = std::mem::take(&mut *self.text.lock().unwrap());
        String::from_utf8(text).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }
}

/// As long as a process has one subscriber, tracing asks that of the thread at hand about a line that is new to it, and takes its word for
/// all threads: a test that logs nowhere would silence the line for the one that reads it.
static ANOTHER: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing_subscriber::fmt().with_writer(io::sink).finish().into());

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn pass(clock: &FakeClock, seconds: u64) {
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_of_state_is_one_line_that_names_the_issuer() {
    let (log, _guard) = Log::start();
    let (script, clock) = (Script::new(), FakeClock::default());
    let max_stale = 3600;
    let keys = remote().issuer_name(ISSUER).max_stale(Duration::from_secs(max_stale));
    let _keys = keys.clock(clock.clone()).build_with(script.clone()).unwrap();
    let mut story = Vec::new();

    pass(&clock, 120).await; // down from the start
    story.push(log.take());
    script.answer(JWKS, jwk_set([&key(), &key()]));
    pass(&clock, 1000).await; // up, and refreshed several times
    story.push(log.take());
    script.answer(JWKS, FetchResponse::new(500, "secret words"));
    pass(&clock, max_stale / 2).await;
    story.push(log.take());
    pass(&clock, max_stale).await;
    story.push(log.take());
    script.answer(JWKS, jwk_set([&key()]));
    pass(&clock, 1000).await;
    story.push(log.take());
    script.fail(JWKS);
    pass(&clock, 400).await;
    story.push(log.take());
    script.answer(JWKS, jwk_set([&key()]));
    pass(&clock, 400).await;
    story.push(log.take());

    let expected = [
        ("WARN", r#"state="never_loaded""#, "could not be fetched"),
        ("INFO", r#"state="fresh" keys=2"#, "are there"),
        ("WARN", r#"state="stale" keys=2"#, "could not be fetched"),
        ("ERROR", r#"state="too_stale" keys=2"#, "too old to be used"),
        ("INFO", r#"state="fresh" keys=1"#, "can be fetched again"),
        ("WARN", r#"state="stale" keys=1"#, "could not be fetched"),
        ("INFO", r#"state="fresh" keys=1"#, "can be fetched again"),
    ];
    for (lines, (level, state, words)) in story.iter().zip(expected) {
        let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
        assert!(line.starts_with(level) && line.contains(state) && line.contains(words), "{line}");
        assert!(line.contains(&format!(r#"issuer="{ISSUER}""#)), "{line}");
        assert!(line.contains(&format!(r#"location="{JWKS}""#)), "{line}");
        assert!(!line.contains("secret words"), "{line}");
    }
    assert!(story[3][0].contains("the key set was answered with status 500"), "{:?}", story[3]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_not_used_are_named_once_and_not_at_each_refresh() {
    let (log, _guard) = Log::start();
    let (script, clock, good) = (Script::new(), FakeClock::default(), key().public_jwk());
    let set = |comment: u32| {
        let others = r#"{"kty":"AKP","alg":"ML-DSA-44","kid":"pq","pub":"AAAA"},{"kty":"new","kid":"x"}"#;
        format!(r#"{{"keys":[{others},{good}],"comment":{comment}}}"#)
    };
    script.answer(METADATA, format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#));
    script.answer(JWKS, set(0));
    let keys =
        RemoteKeys::discovery(ISSUER, rules()).clock(clock.clone()).build_with(script.clone()).unwrap();
    pass(&clock, 1000).await;

    let at_first = log.take();
    let fetches = script.fetched().len();
    script.answer(JWKS, set(1)); // another document with the same keys
    pass(&clock, 1000).await;

    assert_eq!(at_first.iter().filter(|line| line.contains("a published key is not used")).count(), 2);
    assert_eq!(at_first.len(), 3, "and that the keys are there: {at_first:?}");
    assert!(script.fetched().len() > fetches);
    assert_eq!(log.take(), Vec::<String>::new());
    assert_eq!(keys.health(linchpin_core::Clock::now(&clock)).skipped, 2);
}

#[tokio::test(start_paused = true)]
async fn a_strangers_words_are_cut_in_the_log() {
    let (log, _guard) = Log::start();
    let script = Script::new();
    script.answer(METADATA, format!(r#""{}""#, "x".repeat(100_000)));
    let _keys = RemoteKeys::discovery(ISSUER, rules()).build_with(script).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;

    let lines = log.take();

    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("the metadata is not a JSON object") && lines[0].len() < 2000,
        "{}",
        lines[0].len()
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_be_secret_in_a_url_is_neither_logged_nor_shown() {
    let (log, _guard) = Log::start();
    let url = format!("{JWKS}?subscription-key=s3cret#s3cret");
    let builder = RemoteKeys::jwks_url(&*url, rules());
    let mut told = format!("{builder:?}");

    let keys = builder.build_with(Script::new()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;

    told += &format!("{keys:?} {:?}", log.take());
    assert_eq!(
        told.matches(JWKS).count(),
        4,
        "twice in Debug, as issuer and as location of one line: {told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
}
