//! What does one request cost behind linchpin's layers? Beside it: the bare frameworks, the middleware that teams write by
//! hand over `jsonwebtoken`, and other crates.
//!
//! Requests are calls of a service in this process: no socket, no other thread. A worker holds all contenders, with keys and
//! caches warm; it is a process of its own because `jsonwebtoken` has one backend per process. A round measures each contender
//! with each case once, in an order that is drawn anew; what is shown are medians over the rounds, and each round's ratio to
//! the bare framework in the same round.

mod case;
mod contenders;
mod material;
mod report;
mod worker;

use std::{fs, process::ExitCode};

use rand::seq::SliceRandom;

use crate::{
    case::Case,
    contenders::Contender,
    report::{Measured, Report},
    worker::{Count, Worker},
};

const HELP: &str = "\
What one request costs behind linchpin's layers, beside the bare frameworks, hand-written middleware and other crates.

Usage: bench-server [--rounds N] [--millis N] [--only NAME]... [--json] [--svg FILE]

Options:
  --rounds N   how often each contender is measured with each case (21)
  --millis N   how long one measurement takes (20)
  --only NAME  only the contenders and cases whose names contain this, the bare frameworks beside them
  --json       print one JSON document instead of a table
  --svg FILE   write a chart as well
";

/// Runs the bench, or one of its workers; `count` reads the counter of an allocator that has one.
pub fn main(count: Option<Count>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        // This is started by the bench itself.
        ["work", backend] => worker::work(backend, count),
        ["-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ref options => Options::read(options).and_then(|options| compare(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("bench-server: {failed}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    rounds: usize,
    millis: usize,
    only: Vec<String>,
    is_json: bool,
    svg: Option<String>,
}

impl Options {
    fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut options = Self { rounds: 21, millis: 20, only: Vec::new(), is_json: false, svg: None };
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
            let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
            let number = |text| number(text).ok_or(format!("{option} needs a number above 0"));
            match *option {
                "--rounds" => options.rounds = number(value()?)?,
                "--millis" => options.millis = number(value()?)?,
                "--only" => options.only.push((*value()?).to_owned()),
                "--json" => options.is_json = true,
                "--svg" => options.svg = Some((*value()?).to_owned()),
                other => return Err(format!("there is no such option: {other}\n\n{HELP}")),
            }
        }
        Ok(options)
    }

    /// What is measured: each name that is given narrows down the contenders, or else the cases.
    fn pairs(&self) -> Result<Vec<(Contender, Case)>, String> {
        let (by_contender, by_case): (Vec<_>, Vec<_>) = self
            .only
            .iter()
            .partition(|name| Contender::ALL.iter().any(|c| c.name().contains(name.as_str())));
        if let Some(unknown) =
            by_case.iter().find(|name| !Case::ALL.iter().any(|case| case.name().contains(name.as_str())))
        {
            return Err(format!("no contender and no case is named like {unknown}"));
        }
        let is_wanted = |names: &[&String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str()))
        };
        let contenders = Contender::ALL
            .into_iter()
            .filter(|contender| contender.is_bare() || is_wanted(&by_contender, contender.name()));
        let pairs = contenders.flat_map(|contender| Case::ALL.map(|case| (contender, case)));
        Ok(pairs
            .filter(|(contender, case)| contender.takes_part_in(*case) && is_wanted(&by_case, case.name()))
            .collect())
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let pairs = options.pairs()?;
    let mut measured = Measured::default();
    {
        let mut workers = Workers::start("bench-server-counting", &pairs)?;
        for &(contender, case) in &pairs {
            eprintln!("allocations: {}, {}", contender.name(), case.name());
            measured.allocations.insert((contender, case), workers.ask(contender, case, 0)?);
        }
    }
    let mut workers = Workers::start("bench-server", &pairs)?;
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let mut order = pairs.clone();
        order.shuffle(&mut rand::rng());
        for (contender, case) in order {
            let nanos = workers.ask(contender, case, options.millis)?;
            measured.nanos.entry((contender, case)).or_default().push(nanos);
        }
    }
    let report = Report::new(options.rounds, options.millis, &pairs, &measured);
    if let Some(file) = &options.svg {
        fs::write(file, report.svg()).map_err(|error| format!("{file}: {error}"))?;
    }
    if options.is_json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

/// One worker for each backend of `jsonwebtoken` that is needed.
struct Workers(Vec<(&'static str, Worker)>);

impl Workers {
    fn start(program: &str, pairs: &[(Contender, Case)]) -> Result<Self, String> {
        let mut workers = Vec::new();
        for backend in worker::BACKENDS {
            if pairs.iter().any(|(contender, _)| contender.backend() == backend) {
                workers.push((backend, Worker::start(program, backend)?));
            }
        }
        Ok(Self(workers))
    }

    fn ask(&mut self, contender: Contender, case: Case, millis: usize) -> Result<f64, String> {
        let worker = self.0.iter_mut().find(|(backend, _)| *backend == contender.backend());
        let (_, worker) = worker.expect("a worker is started for each contender");
        worker.ask(contender, case, millis)
    }
}
