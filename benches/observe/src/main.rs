//! What does it cost to observe a request? linchpin's layer beside tower-http's request id and `TraceLayer`.
//!
//! Both give each request an id, a span and one line of JSON, which goes nowhere; ours has the trace, the bytes and the outcome of
//! authentication on it besides. The service answers at once, so that nothing else is measured. Each measurement is a process of its
//! own: no subscriber or allocator state is carried from one way to the next. A round measures every way once, in an order that is
//! drawn anew; what is shown are medians over the rounds, and each round's ratio to the service alone in the same round.

mod ways;

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use rand::seq::SliceRandom;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::ways::Way;

const HELP: &str = "\
What observing a request costs in CPU time: linchpin, and tower-http with tracing-subscriber.

Usage: bench-observe [--rounds N] [--calls N] [--json]

Options:
  --rounds N  how often each way is measured (21)
  --calls N   how many requests are one measurement (50000)
  --json      print one JSON document instead of a table
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        // Started by the bench itself.
        ["measure", way, calls] => in_this_process(way, calls),
        ["-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ref options => compare(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("bench-observe: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut calls, mut is_json) = (21, 50_000, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut number = || {
            let value = options.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0);
            value.ok_or(format!("{option} needs a number above 0"))
        };
        match *option {
            "--rounds" => rounds = number()?,
            "--calls" => calls = number()?,
            "--json" => is_json = true,
            other => return Err(format!("there is no such option: {other}\n\n{HELP}")),
        }
    }
    let mut measured = Way::ALL.map(|_| Vec::new());
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let mut order: Vec<usize> = (0..Way::ALL.len()).collect();
        order.shuffle(&mut rand::rng());
        for way in order {
            measured[way].push(in_another_process(Way::ALL[way], calls)?);
        }
    }
    let rows = Way::ALL.into_iter().zip(&measured).map(|(way, nanos)| (way.name(), row(nanos, &measured[0])));
    if is_json {
        let rows: Vec<_> = rows
            .map(|(way, row)| {
                json!({"way": way, "cpu_nanos_per_request": row.nanos, "ratio_to_bare": row.ratio})
            })
            .collect();
        println!("{}", json!({"rounds": rounds, "calls": calls, "results": rows}));
    } else {
        println!(
            "CPU time per request: median of {rounds} rounds of {calls} requests each, and the ratio to the service alone"
        );
        println!("\n{:<44}{:>8}{:>8}", "way", "ns", "ratio");
        rows.for_each(|(way, row)| println!("{way:<44}{:>8.0}{:>8.1}", row.nanos, row.ratio));
    }
    Ok(())
}

/// One row of the result.
struct Row {
    nanos: f64,
    ratio: f64,
}

/// The median of a way, and that of its ratios to the bare service within a round.
fn row(nanos: &[f64], bare: &[f64]) -> Row {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Row {
        nanos: median(nanos.to_vec()),
        ratio: median(nanos.iter().zip(bare).map(|(own, bare)| own / bare).collect()),
    }
}

fn in_another_process(way: Way, calls: usize) -> Result<f64, String> {
    let failed = |what: &str| format!("{}: {what}", way.name());
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let output = Command::new(program).args(["measure", way.name(), &calls.to_string()]).output();
    let output = output.map_err(|error| failed(&error.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let nanos = printed.trim().parse().ok().filter(|_| output.status.success());
    nanos.ok_or_else(|| failed(String::from_utf8_lossy(&output.stderr).trim()))
}

/// Measures, and prints the CPU time of a request in nanoseconds.
fn in_this_process(way: &str, calls: &str) -> Result<(), String> {
    let way = Way::ALL.into_iter().find(|known| known.name() == way).ok_or("there is no such way")?;
    let calls: u32 = calls.parse().map_err(|_| format!("{calls} is no number"))?;
    let sink = way.log_to_nowhere();
    let requests = way.requests();
    // Whatever is made once.
    requests(calls / 10);
    let before = cpu_time();
    requests(calls);
    let taken = cpu_time() - before;
    let lines = sink.lines();
    let expected = if way.has_lines() { u64::from(calls / 10 + calls) } else { 0 };
    if lines != expected {
        return Err(format!("{lines} lines instead of {expected}"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let nanos = taken.as_nanos() as f64 / f64::from(calls);
    println!("{nanos}");
    Ok(())
}

/// Of all threads of this process, in user space and in the kernel.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(u64::try_from(time.tv_sec).expect("not before the start"), nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_those_within_a_round() {
        // The machine was slow in the second round, for both.
        let row = row(&[22.0, 96.0, 50.0], &[10.0, 40.0, 20.0]);

        assert!((row.nanos, row.ratio) == (50.0, 2.4));
    }
}
