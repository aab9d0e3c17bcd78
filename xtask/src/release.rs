//! `cargo xtask release-check`: everything about dependencies and packages that precedes a release, with one verdict.
//!
//! What cannot be checked here (no network, no toolchain) is told as such, and never as passed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use crate::copy::Copy;

/// How a check ended, with what there is to say about it.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Verdict {
    Passed(String),
    Failed(String),
    NotChecked(String),
}

impl Verdict {
    fn of(result: Result<(), String>, passed: &str) -> Self {
        match result {
            Ok(()) => Self::Passed(passed.to_owned()),
            Err(failed) => Self::Failed(failed),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "FAILED",
            Self::NotChecked(_) => "NOT CHECKED",
        }
    }

    fn detail(&self) -> &str {
        let (Self::Passed(detail) | Self::Failed(detail) | Self::NotChecked(detail)) = self;
        detail
    }
}

type Check = (&'static str, fn() -> Result<Verdict, String>);

/// Every check, the quick ones first. An `Err` of a check counts as a failure.
const CHECKS: [Check; 10] = [
    ("unsafe code", unsafe_code),
    ("external types listed", external_types_listed),
    ("licences", || deny("licenses", "all are on the list of deny.toml")),
    ("bans", || deny("bans", "no crate that deny.toml keeps out")),
    ("sources", || deny("sources", "all from crates.io")),
    ("advisories", advisories),
    ("packages", || Ok(Verdict::of(crate::package(), "each published crate can be packaged"))),
    ("features", || Ok(Verdict::of(crate::features(), "each crate alone: none, default, each one, all"))),
    ("minimal versions", minimal_versions),
    ("minimum Rust", minimum_rust),
];

/// The check that takes a tool which builds against one nightly toolchain only, and so fails elsewhere.
const EXTERNAL_TYPES: Check = ("external types", external_types);

#[derive(Debug, Default, Eq, PartialEq)]
struct Options<'a> {
    json: bool,
    strict: bool,
    only: Vec<&'a str>,
}

/// Runs the checks that are asked for; an error if one fails, or with `--strict`, if one cannot be run.
pub(crate) fn release_check(arguments: &[&str]) -> Result<(), String> {
    let options = options(arguments)?;
    let revision = crate::revision()?;
    let all = CHECKS.into_iter().chain([EXTERNAL_TYPES]);
    let wanted = all.filter(|(name, _)| options.only.is_empty() || options.only.contains(name));
    let mut results = Vec::new();
    for (name, check) in wanted {
        eprintln!("\n{name}");
        let begin = Instant::now();
        let verdict = check().unwrap_or_else(Verdict::Failed);
        results.push((name, verdict, begin.elapsed().as_secs()));
    }
    if options.json {
        println!("{}", document(&revision, &results));
    } else {
        print!("\n{}", table(&revision, &results));
    }
    let count = |name| results.iter().filter(|(_, verdict, _)| verdict.name() == name).count();
    let missing = if options.strict { count("NOT CHECKED") } else { 0 };
    match count("FAILED") + missing {
        0 => Ok(()),
        bad => Err(format!("{bad} of {} checks have not passed", results.len())),
    }
}

fn options<'a>(mut arguments: &[&'a str]) -> Result<Options<'a>, String> {
    let mut options = Options::default();
    loop {
        arguments = match arguments {
            [] => return Ok(options),
            ["--json", rest @ ..] => {
                options.json = true;
                rest
            }
            ["--strict", rest @ ..] => {
                options.strict = true;
                rest
            }
            ["--only", name, rest @ ..] => {
                let names = || CHECKS.iter().chain([&EXTERNAL_TYPES]).map(|(name, _)| *name);
                if !names().any(|known| known == *name) {
                    let names: Vec<_> = names().collect();
                    return Err(format!("there is no check {name:?}; the checks are {}", names.join(", ")));
                }
                options.only.push(name);
                rest
            }
            [unknown, ..] => return Err(format!("release-check has no option {unknown:?}")),
        };
    }
}

/// The results for people.
fn table(revision: &str, results: &[(&str, Verdict, u64)]) -> String {
    let mut table = format!("The release check of {revision}:\n\n");
    for (name, verdict, seconds) in results {
        let detail = verdict.detail().lines().next().unwrap_or_default();
        table.push_str(&format!("  {:11}  {name:21}  {seconds:4} s  {detail}\n", verdict.name()));
    }
    let count = |name| results.iter().filter(|(_, verdict, _)| verdict.name() == name).count();
    let (failed, not_checked) = (count("FAILED"), count("NOT CHECKED"));
    table.push_str(&match (failed, not_checked) {
        (0, 0) => "\nEverything has passed.\n".to_owned(),
        (0, _) => format!("\nNothing has failed, but {not_checked} could NOT BE CHECKED here.\n"),
        (_, _) => format!("\n{failed} failed, {not_checked} could not be checked.\n"),
    });
    table
}

/// The results for programs.
fn document(revision: &str, results: &[(&str, Verdict, u64)]) -> Value {
    let checks = results.iter().map(|(name, verdict, seconds)| {
        let word = verdict.name().to_lowercase().replace(' ', "_");
        json!({"name": name, "verdict": word, "detail": verdict.detail(), "seconds": seconds})
    });
    json!({"revision": revision, "checks": checks.collect::<Vec<_>>()})
}

/// `unsafe` is forbidden in each package of the workspace, and `forbid` cannot be taken back further in.
fn unsafe_code() -> Result<Verdict, String> {
    let root = manifest(&crate::root().join("Cargo.toml"))?;
    if root["workspace"]["lints"]["rust"]["unsafe_code"].as_str() != Some("forbid") {
        return Err("the workspace does not forbid unsafe code".to_owned());
    }
    let packages = packages()?;
    for (name, path) in &packages {
        let inherits =
            manifest(path)?.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
        if !inherits {
            return Err(format!("{name} does not inherit the lints of the workspace"));
        }
    }
    Ok(Verdict::Passed(format!("forbidden in {} packages", packages.len())))
}

/// Each published crate says whose types its own may show.
fn external_types_listed() -> Result<Verdict, String> {
    let published = crate::published()?;
    for (name, path) in packages()?.iter().filter(|(name, _)| published.iter().any(|one| one.name == *name)) {
        let manifest = manifest(path)?;
        let listed = manifest["package"].get("metadata").and_then(|metadata| {
            metadata.get("cargo_check_external_types")?.get("allowed_external_types")?.as_array()
        });
        if listed.is_none() {
            return Err(format!("{name} does not list the types of others that it may show"));
        }
    }
    Ok(Verdict::Passed(format!("in {} crates", published.len())))
}

fn deny(what: &str, passed: &str) -> Result<Verdict, String> {
    if let Err(missing) = tool("cargo-deny") {
        return Ok(Verdict::NotChecked(missing));
    }
    let mut command = with_tools("cargo")?;
    command.args(["deny", "--all-features", "check", "--hide-inclusion-graph", what]);
    Ok(Verdict::of(run(&mut command), passed))
}

fn advisories() -> Result<Verdict, String> {
    if let Err(missing) = tool("cargo-deny") {
        return Ok(Verdict::NotChecked(missing));
    }
    if run(with_tools("cargo")?.args(["deny", "fetch", "db"])).is_err() {
        let detail = "the database of advisories cannot be fetched; run this where github.com can be reached";
        return Ok(Verdict::NotChecked(detail.to_owned()));
    }
    let mut command = with_tools("cargo")?;
    command.args(["deny", "--all-features", "check", "--hide-inclusion-graph", "advisories"]);
    Ok(Verdict::of(run(&mut command), "none but those that deny.toml gives a reason for"))
}

/// The published crates build with the oldest versions of their direct dependencies that they claim to take.
fn minimal_versions() -> Result<Verdict, String> {
    if !has_toolchain("nightly") {
        let detail = "needs `rustup toolchain install nightly`, which alone chooses minimal versions";
        return Ok(Verdict::NotChecked(detail.to_owned()));
    }
    let copy = Copy::make("release-check")?;
    let mut update = rustup_cargo("nightly");
    update.args(["update", "-Zdirect-minimal-versions"]).current_dir(copy.tree());
    run(&mut update)?;
    let mut check = Command::new(env!("CARGO"));
    check.arg("check").args(published_packages()?).args(["--all-features", "--locked"]);
    check.current_dir(copy.tree()).env("CARGO_TARGET_DIR", copy.build());
    Ok(Verdict::of(run(&mut check), "the published crates build with the oldest of their dependencies"))
}

/// The published crates build with the Rust that they declare.
fn minimum_rust() -> Result<Verdict, String> {
    let root = manifest(&crate::root().join("Cargo.toml"))?;
    let declared = root["workspace"]["package"]["rust-version"].as_str().ok_or("no rust-version")?.to_owned();
    let toolchain = format!("{declared}.0");
    if !has_toolchain(&toolchain) {
        let mut install = Command::new("rustup");
        if run(install.args(["toolchain", "install", &toolchain, "--profile", "minimal"])).is_err() {
            return Ok(Verdict::NotChecked(format!("Rust {toolchain} is not there and cannot be installed")));
        }
    }
    let mut check = rustup_cargo(&toolchain);
    check.arg("check").args(published_packages()?).args(["--all-features", "--locked"]);
    check.current_dir(crate::root()).env("CARGO_TARGET_DIR", crate::target_folder()?.join("minimum-rust"));
    Ok(Verdict::of(run(&mut check), &format!("the published crates build with Rust {toolchain}")))
}

/// The types of others in the public interface of each published crate are those that it lists.
fn external_types() -> Result<Verdict, String> {
    if !has_toolchain("nightly") {
        return Ok(Verdict::NotChecked("needs `rustup toolchain install nightly`".to_owned()));
    }
    if let Err(missing) = tool("cargo-check-external-types") {
        return Ok(Verdict::NotChecked(missing));
    }
    let (published, mut failed) = (crate::published()?, Vec::new());
    for (name, path) in packages()?.iter().filter(|(name, _)| published.iter().any(|one| one.name == *name)) {
        let mut command = with_tools("cargo")?;
        command.args(["+nightly", "check-external-types", "--all-features", "--manifest-path"]).arg(path);
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").current_dir(crate::root());
        command.env("CARGO_TARGET_DIR", crate::target_folder()?.join("external-types"));
        let output = command.output().map_err(|error| format!("cargo check-external-types: {error}"))?;
        let told = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        if is_for_another_nightly(&told) {
            let detail =
                "cargo-check-external-types reads the documentation of another nightly than this one";
            return Ok(Verdict::NotChecked(detail.to_owned()));
        }
        if !output.status.success() {
            eprintln!("{told}");
            failed.push(name.clone());
        }
    }
    if !failed.is_empty() {
        return Err(format!("types of others that are not listed are shown by {}", failed.join(", ")));
    }
    Ok(Verdict::Passed(format!("{} crates show no other types than they list", published.len())))
}

/// Whether the tool failed to read what rustdoc wrote, rather than found something in it.
fn is_for_another_nightly(told: &str) -> bool {
    ["format version", "failed to parse", "could not be parsed", "missing field", "unknown variant"]
        .iter()
        .any(|sign| told.to_lowercase().contains(sign))
}

/// The folder that tools are installed into.
fn tools() -> Result<PathBuf, String> {
    Ok(crate::target_folder()?.join("tools"))
}

/// Installs a tool if it is not there; an error says why it cannot be had.
fn tool(name: &str) -> Result<(), String> {
    let folder = tools()?;
    if folder.join("bin").join(name).is_file() {
        return Ok(());
    }
    let mut install = Command::new(env!("CARGO"));
    install.args(["install", "--locked", "--root"]).arg(&folder).arg(name);
    // Not in the target folder of this workspace, where its lints and flags would count.
    install.env_remove("CARGO_TARGET_DIR").current_dir(std::env::temp_dir());
    run(&mut install).map_err(|_| format!("{name} is not there and cannot be installed"))
}

/// A command that finds the installed tools.
fn with_tools(program: &str) -> Result<Command, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools()?.join("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).map_err(|error| format!("PATH: {error}"))?;
    let mut command = Command::new(program);
    command.env("PATH", path).current_dir(crate::root());
    Ok(command)
}

/// The `cargo` of rustup under another toolchain.
fn rustup_cargo(toolchain: &str) -> Command {
    let mut command = Command::new("cargo");
    command.arg(format!("+{toolchain}")).env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC");
    command
}

fn has_toolchain(toolchain: &str) -> bool {
    rustup_cargo(toolchain).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn published_packages() -> Result<Vec<String>, String> {
    let published = crate::published()?.into_iter();
    Ok(published.flat_map(|published| ["--package".to_owned(), published.name]).collect())
}

/// The name and the manifest of each package of the workspace.
fn packages() -> Result<Vec<(String, PathBuf)>, String> {
    let metadata = crate::metadata()?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let of = |package: &Value, member: &str| package[member].as_str().unwrap_or_default().to_owned();
    Ok(packages.iter().map(|package| (of(package, "name"), of(package, "manifest_path").into())).collect())
}

fn manifest(path: &Path) -> Result<toml::Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(toml::Value::Table(table))
}

/// Runs a command whose output is progress, whatever it is for the command itself.
fn run(command: &mut Command) -> Result<(), String> {
    crate::run(command.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Vec<(&'static str, Verdict, u64)> {
        vec![
            ("licences", Verdict::Passed("all".to_owned()), 2),
            ("bans", Verdict::Failed("cargo deny\nmore".to_owned()), 1),
            ("advisories", Verdict::NotChecked("no database".to_owned()), 0),
        ]
    }

    #[test]
    fn what_was_not_checked_is_told_loudly_and_not_as_passed() {
        let table = |results: &[_]| table("abc", results);

        let all = table(&results());
        assert!(all.contains("  FAILED       bans                      1 s  cargo deny\n"), "{all}");
        assert!(all.ends_with("\n1 failed, 1 could not be checked.\n"), "{all}");
        let without_failure = [results()[0].clone(), results()[2].clone()];
        let told = table(&without_failure);
        assert!(told.contains("  NOT CHECKED  advisories"), "{told}");
        assert!(told.ends_with("but 1 could NOT BE CHECKED here.\n"), "{told}");
        assert!(table(&results()[..1]).ends_with("\nEverything has passed.\n"));

        let document = document("abc", &results());
        let verdicts: Vec<_> = (0..3).map(|at| document["checks"][at]["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["passed", "failed", "not_checked"]);
    }

    #[test]
    fn unsafe_code_is_forbidden_and_external_types_are_listed_everywhere() {
        assert!(matches!(unsafe_code(), Ok(Verdict::Passed(_))), "{:?}", unsafe_code());
        assert!(matches!(external_types_listed(), Ok(Verdict::Passed(_))), "{:?}", external_types_listed());
    }

    #[test]
    fn the_one_advisory_that_is_ignored_has_a_reason_and_stays_in_the_tests() {
        let deny = manifest(&crate::root().join("deny.toml")).unwrap();
        let ignored = deny["advisories"]["ignore"].as_array().unwrap();
        let banned = deny["bans"]["deny"].as_array().unwrap();

        assert_eq!(ignored.len(), 1);
        assert_eq!(ignored[0]["id"].as_str(), Some("RUSTSEC-2023-0071"));
        assert!(ignored[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        for (krate, wrapper) in
            [("rsa", "superboring"), ("superboring", "jwt-simple"), ("jwt-simple", "oracle")]
        {
            let ban = banned.iter().find(|ban| ban["crate"].as_str() == Some(krate)).unwrap();
            let wrappers = ban["wrappers"].as_array().unwrap();
            assert_eq!(wrappers.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(), [wrapper]);
        }
    }

    #[test]
    fn checks_are_chosen_by_name() {
        let chosen = options(&["--json", "--strict", "--only", "bans", "--only", "external types"]).unwrap();

        assert_eq!(chosen, Options { json: true, strict: true, only: vec!["bans", "external types"] });
        assert!(options(&["--only", "ban"]).unwrap_err().contains("the checks are unsafe code, "));
        assert!(options(&["--only"]).is_err() && options(&["--jsn"]).is_err());
    }

    #[test]
    fn documentation_of_another_nightly_is_no_finding() {
        assert!(is_for_another_nightly("error: failed to parse rustdoc JSON: missing field `x`"));
        assert!(!is_for_another_nightly(
            "error: Unapproved external type `reqwest::Error` referenced in public API"
        ));
    }
}
