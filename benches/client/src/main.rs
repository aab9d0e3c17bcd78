//! What does one call cost the caller in CPU time? linchpin-client beside plain reqwest and reqwest with its middlewares.
//!
//! The server is a process of its own, so that its time does not count, and each measurement is one, too: no connection,
//! subscriber or allocator state is carried from one way of calling to the next. A round measures every way once, in an order
//! that is drawn anew; what is shown are medians over the rounds, and each round's ratio to plain reqwest in the same round.

mod measure;
mod report;
mod server;
mod ways;

use std::process::ExitCode;

use crate::{measure::Plan, ways::Way};

const HELP: &str = "\
What one call costs in CPU time: linchpin-client, plain reqwest, and reqwest with its middlewares.

Usage: bench-client [--rounds N] [--calls N] [--json]

Options:
  --rounds N  how often each way is measured (21)
  --calls N   how many calls are one measurement (5000)
  --json      print one JSON document instead of a table
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        // These two are started by the bench itself.
        ["serve"] => server::serve(),
        ["measure", way, address, at_once, calls] => measure::in_this_process(way, address, at_once, calls),
        ["-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ref options => compare(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("bench-client: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut calls, mut is_json) = (21, 5000, false);
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
    let server = server::Server::start()?;
    let plan = Plan { ways: &Way::ALL, at_once: &[1, 64], rounds, calls };
    let measured = plan.carry_out(server.address())?;
    if is_json {
        println!("{}", report::json(&plan, &measured));
    } else {
        print!("{}", report::table(&plan, &measured));
    }
    Ok(())
}
