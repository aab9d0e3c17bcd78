//! The names of all tests of this repository, read from the sources, since listing them would compile everything.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every test as `package: path::to::test`, the path as libtest prints it.
pub(crate) fn all() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for package in packages() {
        let manifest = read(&package.join("Cargo.toml"));
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        let name = manifest["package"]["name"].as_str().expect("a package has a name").to_owned();
        let mut add = |path: &[String]| names.insert(format!("{name}: {}", path.join("::")));
        for source in sources(&package.join("src")) {
            let modules = modules(source.strip_prefix(package.join("src")).expect("it is below"));
            scan(&source, &modules, &mut add);
        }
        for source in sources(&package.join("tests")) {
            // The first part is the test program, which is no part of the path.
            let below = source.strip_prefix(package.join("tests")).expect("it is below");
            let below: PathBuf = below.components().skip(1).collect();
            scan(&source, &modules(&below), &mut add);
        }
    }
    names
}

/// The folders of all packages, except those that are workspaces of their own.
fn packages() -> Vec<PathBuf> {
    let groups = ["crates", "examples", "tests"].map(|group| crate::root().join(group));
    let mut packages: Vec<PathBuf> = groups.iter().flat_map(|group| entries(group)).collect();
    packages.push(crate::root().join("xtask"));
    packages.retain(|package| package.join("Cargo.toml").is_file());
    packages
}

/// All Rust files below a folder, which need not be there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let all = entries(folder).into_iter().flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("a folder can be listed").path()).collect()
}

/// The modules that lead to a file of a program or library.
fn modules(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let mut parts: Vec<String> = parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("lib" | "main" | "mod")) {
        parts.pop();
    }
    parts
}

fn scan(file: &Path, modules: &[String], add: &mut impl FnMut(&[String]) -> bool) {
    let source = read(file);
    for test in tests_in(&source) {
        add(&[modules, &test].concat());
    }
    for (path, module) in elsewhere(&source) {
        let file = file.parent().expect("a file is in a folder").join(path);
        scan(&file, &[modules, &[module]].concat(), add);
    }
}

/// The tests of a file, each with the modules within the file before it. The source is formatted by rustfmt.
fn tests_in(source: &str) -> Vec<Vec<String>> {
    let (mut tests, mut within, mut is_test) = (Vec::new(), Vec::<(usize, String)>::new(), false);
    for line in source.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code == "}" {
            within.retain(|(of_module, _)| *of_module < indent);
        } else if let Some(module) = code.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            within.push((indent, module.to_owned()));
        } else if ATTRIBUTES.iter().any(|attribute| code.starts_with(attribute)) {
            is_test = true;
        } else if is_test && !code.starts_with(['#', '/']) {
            is_test = false;
            let function = code.strip_prefix("async ").unwrap_or(code).strip_prefix("fn ");
            let name = function.and_then(|function| function.split(['(', '<']).next());
            let path = within.iter().map(|(_, module)| module.clone());
            tests.extend(name.map(|name| path.chain([name.to_owned()]).collect()));
        }
    }
    tests
}

/// The modules of a file that `#[path]` puts elsewhere.
fn elsewhere(source: &str) -> Vec<(&str, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let path = pair[0].strip_prefix("#[path = \"")?.strip_suffix("\"]")?;
        let module = pair[1].strip_prefix("mod ")?.strip_suffix(';')?;
        Some((path, module.to_owned()))
    });
    pairs.collect()
}

const ATTRIBUTES: [&str; 3] = ["#[test]", "#[tokio::test", "#[actix_web::test"];

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_the_modules_of_its_file_and_those_within_before_it() {
        // Each line in quotes of its own, or this file would look like its own example.
        let source = [
            "#[test]",
            "#[ignore]",
            "fn one() {",
            "    if true {",
            "    }",
            "}",
            "",
            "mod a {",
            "    mod b {",
            "        #[tokio::test(start_paused = true)]",
            "        // why",
            "        async fn two() {}",
            "    }",
            "",
            "    #[actix_web::test]",
            "    async fn three() {}",
            "}",
            "",
            "fn no_test() {}",
            "#[path = \"../x.rs\"]",
            "mod x;",
        ];
        let source = source.join("\n");

        let tests: Vec<_> = tests_in(&source).iter().map(|path| path.join("::")).collect();
        assert_eq!(tests, ["one", "a::b::two", "a::three"]);
        assert_eq!(elsewhere(&source), [("../x.rs", "x".to_owned())]);
        for (file, expected) in [("lib.rs", ""), ("a.rs", "a"), ("a/mod.rs", "a"), ("a/b.rs", "a::b")] {
            assert_eq!(modules(Path::new(file)).join("::"), expected);
        }
    }

    #[test]
    fn the_names_are_those_that_libtest_prints() {
        let names = all();

        // This very program knows what its own are.
        let program = std::env::current_exe().unwrap();
        let listed = std::process::Command::new(program).arg("--list").output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let listed = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let listed: Vec<_> = listed.map(|path| format!("xtask: {path}")).collect();
        let ours: Vec<_> = names.iter().filter(|name| name.starts_with("xtask: ")).cloned().collect();
        assert_eq!(ours, listed);
        for other in [
            "linchpin-jwt: keys::a_changed_byte_anywhere_is_refused",
            "reference-axum: black_box::a_valid_token_is_told_who_it_is",
            "attack: every_valid_twin_gets_in",
        ] {
            assert!(names.contains(other), "{other}");
        }
    }
}
