//! The chores of this repository. `cargo xtask test` is the one that everybody needs.

mod build_cost;
#[cfg(test)]
mod conformance;
mod copy;
#[cfg(test)]
mod docs;
mod fuzz;
mod gate;
mod interop;
mod page;
mod plant;
mod release;
#[cfg(test)]
mod test_names;

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use serde_json::Value;

const HELP: &str = "\
The chores of this repository.

Usage: cargo xtask <chore>

Chores:
  test       run every test: unit, integration, parity, black box, interop, documentation; installs Node.js on Debian if it
             is missing and may be installed, and a provider from the npm registry
  lint       formatting, clippy and rustdoc, with warnings denied
  features   build each published crate alone: without features, with its defaults, with each feature, with all
  package    package every published crate, as for an upload
  fuzz --seconds N [--target NAME]
             run each fuzz target (or one) for N seconds, with the nightly toolchain and cargo-fuzz, and note it in
             docs/assurance.md
  dashboard  write docs/grafana/linchpin.json, the dashboard, out of the metrics that the code knows
  plant [--only NAME]... [--list] [--json] [--page]
             weaken a copy of the code in each way of xtask/plants.toml (or those named), and fail unless a test catches
             it; --list only lists them, --json prints one document, --page notes it in docs/assurance.md
  policy-cedar
             lint and test the example with a policy engine, which is a workspace of its own
  benches    lint the benches, which are a workspace of their own, and run their tests
  bench client [--rounds N] [--calls N] [--json]
             measure the CPU time of a call, beside plain reqwest and reqwest with its middlewares
  bench observe [--rounds N] [--calls N] [--json]
             measure the CPU time of observing a request, beside tower-http's request id and TraceLayer
  release-check [--only CHECK]... [--strict] [--json]
             what precedes a release: licences, bans, sources and advisories of the dependencies (cargo-deny, installed if
             it is missing), unsafe code, external types, features, packages, minimal versions, the minimum Rust; with
             --strict, what cannot be checked here counts as failed
  bench server [--rounds N] [--millis N] [--only NAME]... [--json] [--svg FILE]
             measure a request in process, beside the bare frameworks, hand-written middleware and other crates
  build-cost count the crates that the facade brings beside those of hand-written middleware, and fail if there are more than were
  gate [--record]
             count the instructions of the hot paths, and fail if one has more than 3 % more than what is kept for this
             compiler in benches/instructions/figures.toml; --record keeps them; installs Valgrind on Debian if it is missing
             and may be installed
  ci         all that .ci/run does, and policy-cedar and benches, which it leaves out for time
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["test"] => test(),
        ["lint"] => lint(),
        ["features"] => features(),
        ["package"] => package(),
        ["fuzz", "--seconds", seconds] => fuzz::fuzz(seconds, None),
        ["fuzz", "--seconds", seconds, "--target", target] => fuzz::fuzz(seconds, Some(target)),
        ["dashboard"] => dashboard(),
        ["plant", ref options @ ..] => plant::plant(options),
        ["release-check", ref options @ ..] => release::release_check(options),
        ["policy-cedar"] => policy_cedar(),
        ["benches"] => benches(),
        ["build-cost"] => build_cost::build_cost(),
        ["gate"] => gate::gate(false),
        ["gate", "--record"] => gate::gate(true),
        ["bench", "server", ref options @ ..] => bench_server(options),
        ["bench", "client", ref options @ ..] => bench("bench-client", options),
        ["bench", "observe", ref options @ ..] => bench("bench-observe", options),
        ["ci"] => lint()
            .and_then(|()| features())
            .and_then(|()| package())
            .and_then(|()| test())
            .and_then(|()| policy_cedar())
            .and_then(|()| benches())
            .and_then(|()| build_cost::build_cost())
            .and_then(|()| gate::gate(false)),
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
    interop::prepare()?;
    install_prometheus()?;
    cargo(&["test", "--workspace", "--all-features"])
}

/// The program that knows the metrics is an example of linchpin-otel, so that no other chore has to compile that.
fn dashboard() -> Result<(), String> {
    let arguments = ["run", "--quiet", "--package", "linchpin-otel", "--example", "dashboard"];
    let written = output(Command::new(env!("CARGO")).args(arguments))?;
    let path = root().join("docs/grafana/linchpin.json");
    std::fs::write(&path, written).map_err(|error| format!("{}: {error}", path.display()))
}

/// Tests have Prometheus judge the page that it would fetch. Whoever is not root is told by the test what to install.
fn install_prometheus() -> Result<(), String> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if (has("promtool") && has("prometheus")) || !is_root || !has("apt-get") {
        return Ok(());
    }
    let install = ["install", "--yes", "--no-install-recommends", "prometheus"];
    run(Command::new("apt-get").args(install)).or_else(|_| {
        run(Command::new("apt-get").arg("update"))?;
        run(Command::new("apt-get").args(install))
    })
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

/// An engine takes longer to compile than all of this workspace's own code, so nobody pays for it who does not ask.
fn policy_cedar() -> Result<(), String> {
    own_workspace("examples/policy-cedar", &["test"])
}

fn benches() -> Result<(), String> {
    own_workspace("benches", &["test"])
}

/// The peers that the benches compare with are in a lock file of their own.
fn bench(package: &str, options: &[&str]) -> Result<(), String> {
    let run = ["run", "--release", "--package", package, "--"];
    in_own_workspace("benches", &[&run[..], options].concat())
}

/// It starts its other program itself, so both are built.
fn bench_server(options: &[&str]) -> Result<(), String> {
    in_own_workspace("benches", &["build", "--release", "--package", "bench-server", "--bins"])?;
    let run = ["run", "--release", "--package", "bench-server", "--bin", "bench-server", "--"];
    in_own_workspace("benches", &[&run[..], options].concat())
}

/// Lints a workspace of its own, and runs one more command in it.
fn own_workspace(folder: &str, then: &[&str]) -> Result<(), String> {
    let manifest = root().join(folder).join("Cargo.toml");
    run(Command::new(env!("CARGO")).args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest))?;
    in_own_workspace(folder, &["clippy", "--all-targets", "--", "--deny", "warnings"])?;
    in_own_workspace(folder, then)
}

/// Runs cargo with these arguments, the first of which is its command, in a workspace of its own.
fn in_own_workspace(folder: &str, arguments: &[&str]) -> Result<(), String> {
    let manifest = root().join(folder).join("Cargo.toml");
    // What both workspaces depend on is compiled once.
    let target = target_folder()?;
    run(Command::new(env!("CARGO"))
        .arg(arguments[0])
        .args(["--manifest-path".as_ref(), manifest.as_os_str()])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .args(&arguments[1..]))
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder in the repository")
}

/// The folder into which cargo builds.
fn target_folder() -> Result<PathBuf, String> {
    let metadata = metadata()?;
    Ok(metadata["target_directory"].as_str().ok_or("cargo metadata names no target folder")?.into())
}

/// The commit that is checked out, with a sign behind it if that is not all. The page that commands write does not count.
fn revision() -> Result<String, String> {
    let commit = output(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
    let changes = ["status", "--porcelain", "--", ":/", ":(exclude,top)docs/assurance.md"];
    let is_clean = output(Command::new("git").args(changes))?.is_empty();
    Ok(format!("{}{}", commit.trim(), if is_clean { "" } else { "+" }))
}

struct Published {
    name: String,
    features: Vec<String>,
}

/// The crates of this workspace that are meant for a registry.
fn published() -> Result<Vec<Published>, String> {
    let metadata = metadata()?;
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

fn metadata() -> Result<Value, String> {
    let metadata =
        output(Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir(root()).output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"))
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Command::new(env!("CARGO")).args(arguments))
}

fn run(command: &mut Command) -> Result<(), String> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    // The `cargo` that runs this is named by its whole path.
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let shown = format!("{} {}", program.to_string_lossy(), words.join(" "));
    let (bold, plain) = if io::stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    eprintln!("{bold}$ {shown}{plain}");
    let begin = Instant::now();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    eprintln!("  {:.0} s", begin.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(shown) }
}
