//! `cargo xtask fuzz`: runs the fuzz targets, and keeps the account of it in `docs/assurance.md`.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::page::{self, Page};

/// Runs one target, or each of them; the next is tried although one has found something.
pub(crate) fn fuzz(seconds: &str, target: Option<&str>) -> Result<(), String> {
    let seconds: u32 = seconds.parse().map_err(|_| format!("--seconds {seconds}: give a whole number"))?;
    let targets = match target {
        None => &TARGETS[..],
        Some(name) => match TARGETS.iter().position(|target| *target == name) {
            Some(at) => &TARGETS[at..=at],
            None => return Err(format!("--target {name}: the targets are {}", TARGETS.join(", "))),
        },
    };
    let installed = Command::new("cargo").args(["+nightly", "fuzz", "--version"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        return Err("this needs `rustup toolchain install nightly` and `cargo install cargo-fuzz`".to_owned());
    }
    let mut found = Vec::new();
    for target in targets {
        let run = run(target, seconds)?;
        note(target, seconds, &run)?;
        if !run.is_clean {
            found.push(*target);
        }
    }
    if found.is_empty() { Ok(()) } else { Err(format!("findings of {}", found.join(", "))) }
}

/// How a target fared.
struct Run {
    executions: u64,
    is_clean: bool,
}

/// Each target starts from its seeds and keeps what it finds in `fuzz/corpus` and `fuzz/artifacts`, which are not committed.
fn run(target: &str, seconds: u32) -> Result<Run, String> {
    // libFuzzer writes to the first folder and reads from both; it does not create either.
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    fs::create_dir_all(crate::root().join(&corpus)).map_err(|error| format!("{corpus}: {error}"))?;
    // The `cargo` of rustup, because only that understands `+nightly`.
    let mut command = Command::new("cargo");
    command
        .args(["+nightly", "fuzz", "run", target, &corpus, &seeds, "--"])
        .args([&format!("-max_total_time={seconds}"), "-print_final_stats=1"])
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .current_dir(crate::root())
        .stderr(Stdio::piped());
    let failed = |error| format!("cargo fuzz run {target}: {error}");
    let mut child = command.spawn().map_err(failed)?;
    let mut executions = None;
    for line in BufReader::new(child.stderr.take().expect("it is piped")).split(b'\n') {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        executions = line.strip_prefix(EXECUTIONS).and_then(|n| n.trim().parse().ok()).or(executions);
    }
    let is_clean = child.wait().map_err(failed)?.success();
    // What never ran has not built, and is no finding.
    let executions = executions.ok_or_else(|| format!("cargo fuzz run {target} did not run the target"))?;
    Ok(Run { executions, is_clean })
}

/// Adds a row to the page.
fn note(target: &str, seconds: u32, run: &Run) -> Result<(), String> {
    let date = crate::output(Command::new("date").args(["-u", "+%F"]))?;
    let result = if run.is_clean { "nothing found" } else { "**a finding**" };
    let row =
        [target, &seconds.to_string(), &run.executions.to_string(), &crate::revision()?, date.trim(), result];
    let mut page = Page::read()?;
    let mut rows = page.rows(&page::FUZZING)?;
    rows.push(row.map(str::to_owned).to_vec());
    page.set_rows(&page::FUZZING, &rows)?;
    page.write()
}

const TARGETS: [&str; 7] =
    ["jws", "claims", "jwk_set", "authorization", "trace_context", "baggage", "client_address"];

/// What libFuzzer writes before the number.
const EXECUTIONS: &str = "stat::number_of_executed_units:";
