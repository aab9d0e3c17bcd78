//! A process that holds the contenders and measures them one at a time.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    case::Case,
    contenders::{Contender, Served},
    material::Material,
};

/// Reads how many allocations there have been so far.
pub type Count = fn() -> usize;

pub(crate) const AWS_LC: &str = "aws-lc-rs";
pub(crate) const RUST_CRYPTO: &str = "rust-crypto";
pub(crate) const BACKENDS: [&str; 2] = [AWS_LC, RUST_CRYPTO];

/// A worker, as the bench sees it; it ends when this is dropped.
pub(crate) struct Worker {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(program: &str, backend: &str) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{program} does not start: {error}");
        let program = std::env::current_exe().map_err(failed)?.with_file_name(program);
        let mut process = Command::new(program)
            .args(["work", backend])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        Ok(Self { process, questions, answers })
    }

    /// What one call costs: nanoseconds, or allocations where they are counted.
    pub(crate) fn ask(&mut self, contender: Contender, case: Case, millis: usize) -> Result<f64, String> {
        let failed =
            |error: &dyn ToString| format!("{}, {}: {}", contender.name(), case.name(), error.to_string());
        let questions = self.questions.as_mut().expect("it is taken when this is dropped");
        writeln!(questions, "{}\t{}\t{millis}", contender.name(), case.name())
            .map_err(|error| failed(&error))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|error| failed(&error))?;
        answer.trim().parse().map_err(|_| failed(&"the worker has ended"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Its loop ends with its input.
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

/// Answers until standard input ends.
pub(crate) fn work(backend: &str, count: Option<Count>) -> Result<(), String> {
    let provider = match backend {
        AWS_LC => &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER,
        RUST_CRYPTO => &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER,
        other => return Err(format!("there is no backend {other}")),
    };
    provider.install_default().map_err(|_| "there is a backend already")?;

    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let mut material = Material::default();
    let mut served: HashMap<(Contender, Case), Box<dyn Served>> = HashMap::new();
    for question in io::stdin().lines() {
        let question = question.map_err(|error| error.to_string())?;
        let words: Vec<&str> = question.split('\t').collect();
        let [contender, case, millis] = words[..] else { return Err(format!("no question: {question}")) };
        let (Some(contender), Some(case), Ok(millis)) =
            (Contender::named(contender), Case::named(case), millis.parse())
        else {
            return Err(format!("no question: {question}"));
        };
        let tokens = material.tokens(case);
        let failed = |problem| format!("{}, {}: {problem}", contender.name(), case.name());
        let warm = |served: &mut Box<dyn Served>| {
            let calls = if contender.remembers() { case.tokens().max(1000) } else { 200 };
            let admitted = runtime.block_on(served.calls(&tokens, calls))?;
            // What answers otherwise than the case expects does other work than the case is about.
            let expected = if case.is_admitted() || !contender.verifies() { calls } else { 0 };
            if admitted == expected { Ok(()) } else { Err(format!("{admitted} of {calls} were admitted")) }
        };
        let entry = served.entry((contender, case));
        let served = match entry {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let mut made = runtime.block_on(contender.serve(case, &mut material)).map_err(failed)?;
                warm(&mut made).map_err(failed)?;
                entry.insert(made)
            }
        };
        let cost = match (count, case) {
            (Some(count), _) => {
                let before = count();
                runtime.block_on(served.calls(&tokens, COUNTED)).map_err(failed)?;
                #[expect(clippy::cast_precision_loss, reason = "a mean")]
                let mean = ((count() - before) as f64 / COUNTED as f64).floor();
                Ok(mean)
            }
            (None, Case::TwoThreads) => served.two_threads(&tokens, Duration::from_millis(millis)),
            (None, _) => {
                // Caches of the processor belong to whoever was measured before.
                runtime.block_on(served.calls(&tokens, 100)).map_err(failed)?;
                timed(Duration::from_millis(millis), |calls| {
                    runtime.block_on(served.calls(&tokens, calls)).map(drop)
                })
            }
        };
        println!("{}", cost.map_err(failed)?);
        io::stdout().flush().map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The nanoseconds of one call, in a measurement that takes about this long.
pub(crate) fn timed(
    long: Duration,
    mut call: impl FnMut(usize) -> Result<(), String>,
) -> Result<f64, String> {
    let (began, mut calls) = (Instant::now(), 0);
    loop {
        call(BATCH)?;
        calls += BATCH;
        let taken = began.elapsed();
        if taken >= long {
            #[expect(clippy::cast_precision_loss, reason = "a mean")]
            return Ok(taken.as_nanos() as f64 / calls as f64);
        }
    }
}

const BATCH: usize = 64;

/// How many calls share what a counting allocator sees beside them, such as the future of the batch.
const COUNTED: usize = 1000;
