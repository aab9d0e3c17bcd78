//! The chores of this repository. `cargo xtask test` is the one that everybody needs.

mod fuzz;
mod page;
mod plant;

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
  test       run every test: unit, integration, parity, black box, documentation
  lint       formatting, clippy and rustdoc, with warnings denied
  features   build each published crate alone: without features, with its defaults, with each feature, with all
  package    package every published crate, as for an upload
  fuzz --seconds N [--target NAME]
             run each fuzz target (or one) for N seconds, with the nightly toolchain and cargo-fuzz, and note it in
             docs/assurance.md
  plant [--only NAME]... [--list] [--json] [--page]
             weaken a copy of the code in each way of xtask/plants.toml (or those named), and fail unless a test catches
             it; --list only lists them, --json prints one document, --page notes it in docs/assurance.md
  policy-cedar
             lint and test the example with a policy engine, which is a workspace of its own
  ci         lint, features, package, test and policy-cedar, as CI does
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
        ["plant", ref options @ ..] => plant::plant(options),
        ["policy-cedar"] => policy_cedar(),
        ["ci"] => lint()
            .and_then(|()| features())
            .and_then(|()| package())
            .and_then(|()| test())
            .and_then(|()| policy_cedar()),
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
    install_prometheus()?;
    cargo(&["test", "--workspace", "--all-features"])
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
    let manifest = root().join("examples/policy-cedar/Cargo.toml");
    // What both workspaces depend on is compiled once.
    let target = target_folder()?;
    let here = ["--manifest-path".as_ref(), manifest.as_os_str()];
    let into = ["--target-dir".as_ref(), target.as_os_str()];
    run(Command::new(env!("CARGO")).arg("fmt").args(here).arg("--check"))?;
    let lint = ["--all-targets", "--", "--deny", "warnings"];
    run(Command::new(env!("CARGO")).arg("clippy").args(here).args(into).args(lint))?;
    run(Command::new(env!("CARGO")).arg("test").args(here).args(into))
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
    let shown = format!("cargo {}", words.join(" "));
    let (bold, plain) = if io::stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    eprintln!("{bold}$ {shown}{plain}");
    let begin = Instant::now();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    eprintln!("  {:.0} s", begin.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(shown) }
}
