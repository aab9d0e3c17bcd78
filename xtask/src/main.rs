//! The chores of this repository. `cargo xtask test` is the one that everybody needs.

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

use serde_json::Value;

const HELP: &str = "\
The chores of this repository.

Usage: cargo xtask <chore>

Chores:
  test       run every test: unit, integration, parity, black box, documentation
  lint       formatting, clippy and rustdoc, with warnings denied
  features   build each published crate alone: without features, with its defaults, with each feature, with all
  package    package every published crate, as for an upload
  fuzz --seconds N
             run each fuzz target for N seconds, with the nightly toolchain and cargo-fuzz
  ci         all of them, as CI does
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["test"] => test(),
        ["lint"] => lint(),
        ["features"] => features(),
        ["package"] => package(),
        ["fuzz", "--seconds", seconds] => fuzz(seconds),
        ["ci"] => lint().and_then(|()| features()).and_then(|()| package()).and_then(|()| test()),
        [] | ["-h" | "--help" | "help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("xtask: there is no such chore: {}\n\n{HELP}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: failed: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), String> {
    cargo(&["test", "--workspace", "--all-features"])
}

fn lint() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"])?;
    run(Command::new(env!("CARGO"))
        .args(["doc", "--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

/// A crate that builds in the workspace may still lean on a feature that a neighbour enables.
fn features() -> Result<(), String> {
    for published in published()? {
        let name = &published.name;
        let mut variants = vec![vec!["--no-default-features"], vec![], vec!["--all-features"]];
        for feature in published.features.iter().filter(|feature| *feature != "default") {
            variants.push(vec!["--no-default-features", "--features", feature]);
        }
        for variant in variants {
            cargo(
                &[&["clippy", "--quiet", "--package", name], &variant[..], &["--", "--deny", "warnings"]]
                    .concat(),
            )?;
        }
    }
    Ok(())
}

fn package() -> Result<(), String> {
    let published = published()?;
    let mut arguments = vec!["package", "--no-verify", "--allow-dirty", "--quiet"];
    for published in &published {
        arguments.extend(["--package", &published.name]);
    }
    cargo(&arguments)
}

/// Each target starts from its seeds and keeps what it finds in `fuzz/corpus` and `fuzz/artifacts`, which are not committed.
fn fuzz(seconds: &str) -> Result<(), String> {
    let seconds: u32 = seconds.parse().map_err(|_| format!("--seconds {seconds}: give a whole number"))?;
    let installed = Command::new("cargo").args(["+nightly", "fuzz", "--version"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        return Err("this needs `rustup toolchain install nightly` and `cargo install cargo-fuzz`".to_owned());
    }
    for target in FUZZ_TARGETS {
        // libFuzzer writes to the first folder and reads from both; it does not create either.
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        fs::create_dir_all(root().join(&corpus)).map_err(|error| format!("{corpus}: {error}"))?;
        // The `cargo` of rustup, because only that understands `+nightly`.
        run(Command::new("cargo")
            .args(["+nightly", "fuzz", "run", target, &corpus, &seeds, "--"])
            .arg(format!("-max_total_time={seconds}"))
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC")
            .current_dir(root()))?;
    }
    Ok(())
}

const FUZZ_TARGETS: [&str; 7] =
    ["jws", "claims", "jwk_set", "authorization", "trace_context", "baggage", "client_address"];

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder in the repository")
}

struct Published {
    name: String,
    features: Vec<String>,
}

/// The crates of this workspace that are meant for a registry.
fn published() -> Result<Vec<Published>, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let published = packages.iter().filter(|package| package["publish"].is_null()).map(|package| Published {
        name: package["name"].as_str().unwrap_or_default().to_owned(),
        features: package["features"]
            .as_object()
            .into_iter()
            .flat_map(|features| features.keys().cloned())
            .collect(),
    });
    Ok(published.collect())
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Command::new(env!("CARGO")).args(arguments))
}

fn run(command: &mut Command) -> Result<(), String> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let shown = format!("cargo {}", words.join(" "));
    let (bold, plain) = if io::stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    eprintln!("{bold}$ {shown}{plain}");
    let begin = Instant::now();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    eprintln!("  {:.0} s", begin.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(shown) }
}
