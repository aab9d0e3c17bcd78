//! The gate against slower code: the instructions of the paths without vectorised cryptography, beside the figures that are
//! kept in `benches/instructions/figures.toml`.
//!
//! Instructions are the same on a busy machine as on an idle one, and nearly the same from run to run. They are not the same
//! from one compiler to the next: only the one for which the figures are kept is held to them closely.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

/// Counts, and compares with what is kept; or keeps what was counted.
pub(crate) fn gate(is_recording: bool) -> Result<(), String> {
    valgrind()?;
    crate::in_own_workspace("benches", &["build", "--release", "--package", "bench-instructions"])?;
    let program = crate::target_folder()?.join("release/bench-instructions");
    let rustc = crate::output(Command::new("rustc").arg("--version"))?.trim().to_owned();
    let mut counted =
        Figures { rustc, arch: std::env::consts::ARCH.to_owned(), instructions: BTreeMap::new() };
    for case in crate::output(Command::new(&program).arg("--list"))?.lines() {
        let (short, long) = (count(&program, case, FEW)?, count(&program, case, MANY)?);
        counted.instructions.insert(case.to_owned(), long.saturating_sub(short) / (MANY - FEW));
    }
    let file = crate::root().join(FIGURES);
    if is_recording {
        let text = toml::to_string(&counted).map_err(|error| error.to_string())?;
        return fs::write(&file, format!("{HEAD}{text}"))
            .map_err(|error| format!("{}: {error}", file.display()));
    }
    let kept = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let kept: Figures = toml::from_str(&kept).map_err(|error| format!("{FIGURES}: {error}"))?;
    let (report, is_fine) = compare(&kept, &counted);
    print!("{report}");
    if is_fine { Ok(()) } else { Err("a path is slower than what is kept, or has no figure".to_owned()) }
}

/// Figures, and what they are for.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Figures {
    rustc: String,
    arch: String,
    /// Of one run of each path.
    instructions: BTreeMap<String, u64>,
}

/// What is to be said, and whether all is well.
fn compare(kept: &Figures, counted: &Figures) -> (String, bool) {
    let is_same = (&kept.rustc, &kept.arch) == (&counted.rustc, &counted.arch);
    let percent = if is_same { PERCENT } else { PERCENT_ELSEWHERE };
    let mut report = String::new();
    if !is_same {
        report += &format!(
            "The figures are for {} on {}; this is {} on {}, so {percent} % are let pass.\n",
            kept.rustc, kept.arch, counted.rustc, counted.arch
        );
    }
    let mut is_fine = true;
    let mut say = |case: &str, before: &str, now: &str, verdict: &str| {
        report += &format!("{case:<30}{before:>9}{now:>9}  {verdict}\n");
    };
    say("instructions", "kept", "now", "");
    for (case, now) in &counted.instructions {
        let Some(before) = kept.instructions.get(case) else {
            is_fine = false;
            say(case, "none", &now.to_string(), "has no figure: --record keeps it");
            continue;
        };
        // In this order, so that exactly three percent are three percent.
        let change = (*now as f64 - *before as f64) * 100.0 / (*before).max(1) as f64;
        let verdict = if change > percent {
            is_fine = false;
            "slower"
        } else if change < -percent {
            // The next change would have so much room to be slower in.
            "faster: --record keeps it"
        } else {
            ""
        };
        say(case, &before.to_string(), &now.to_string(), &format!("{change:+.1} % {verdict}"));
    }
    for case in kept.instructions.keys().filter(|case| !counted.instructions.contains_key(*case)) {
        is_fine = false;
        say(case, "kept", "none", "is no longer counted");
    }
    (report, is_fine)
}

/// The instructions of the whole program.
fn count(program: &PathBuf, case: &str, times: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args([case, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stderr);
    let count = instructions(&printed).filter(|_| output.status.success());
    count.ok_or_else(|| format!("valgrind, {case}: {}", printed.trim()))
}

/// The number behind `I refs:`, in which commas stand.
fn instructions(printed: &str) -> Option<u64> {
    let (_, number) = printed.lines().find(|line| line.contains("refs:"))?.split_once("refs:")?;
    number.trim().replace(',', "").parse().ok()
}

/// Valgrind, from Debian's packages if it is not there and may be installed.
fn valgrind() -> Result<(), String> {
    let is_there =
        || Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there() && crate::interop::is_root_of_debian() {
        crate::run(Command::new("apt-get").arg("update"))?;
        crate::run(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends", "valgrind"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
    }
    if is_there() {
        Ok(())
    } else {
        Err("the gate counts instructions with Valgrind: `apt-get install valgrind`, or see https://valgrind.org".into())
    }
}

/// By how much a path may be slower than what is kept, with the compiler for which it is kept and with others.
const PERCENT: f64 = 3.0;
const PERCENT_ELSEWHERE: f64 = 20.0;

/// How often a path runs, so that the difference is without what comes before it.
const FEW: u64 = 200;
const MANY: u64 = 1200;

const FIGURES: &str = "benches/instructions/figures.toml";

const HEAD: &str = "# Instructions of one run of each path, written by `cargo xtask gate --record`.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rustc: &str, instructions: &[(&str, u64)]) -> Figures {
        let instructions = instructions.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect();
        Figures { rustc: rustc.to_owned(), arch: "x86_64".to_owned(), instructions }
    }

    #[test]
    fn a_path_that_is_more_than_three_percent_slower_fails() {
        let kept = figures("1", &[("hot token", 1000)]);

        assert!(compare(&kept, &figures("1", &[("hot token", 1030)])).1);
        let (report, is_fine) = compare(&kept, &figures("1", &[("hot token", 1031)]));
        assert!(!is_fine && report.contains("slower"), "{report}");
        assert!(compare(&kept, &figures("1", &[("hot token", 500)])).0.contains("--record"));
    }

    #[test]
    fn another_compiler_is_named_and_held_to_the_figures_less_closely() {
        let kept = figures("1", &[("hot token", 1000)]);

        let (report, is_fine) = compare(&kept, &figures("2", &[("hot token", 1200)]));
        assert!(is_fine && report.contains("The figures are for 1"), "{report}");
        assert!(!compare(&kept, &figures("2", &[("hot token", 1201)])).1);
    }

    #[test]
    fn a_path_without_a_figure_and_a_figure_without_a_path_fail() {
        let (both, one) = (figures("1", &[("a", 1), ("b", 1)]), figures("1", &[("a", 1)]));

        assert!(!compare(&one, &both).1);
        assert!(!compare(&both, &one).1);
    }

    #[test]
    fn the_count_is_read_with_its_commas() {
        assert_eq!(instructions("==1== Cachegrind\n==1== I refs:        1,234,567\n"), Some(1_234_567));
        assert_eq!(instructions("==1== I   refs:      12\n"), Some(12));
        assert_eq!(instructions("Segmentation fault"), None);
    }
}
