//! What a service's build pays for the facade: the crates beside those of the middleware that teams write by hand.

use std::{collections::BTreeSet, process::Command};

/// Counts the crates of both, and fails if the facade brings more than it did.
pub(crate) fn build_cost() -> Result<(), String> {
    let (by_hand, ours) = (crates("by-hand")?, crates("linchpin")?);
    let (report, more) = compare(&by_hand, &ours);
    print!("{report}");
    if more <= MOST {
        Ok(())
    } else {
        Err(format!("the facade brings {more} crates more, and {MOST} are allowed"))
    }
}

/// The crates that are built with this feature of `benches/build-cost`, for the service and for its build.
fn crates(feature: &str) -> Result<BTreeSet<String>, String> {
    let manifest = crate::root().join("benches/Cargo.toml");
    let printed = crate::output(
        Command::new(env!("CARGO"))
            .arg("tree")
            .args(["--manifest-path".as_ref(), manifest.as_os_str()])
            .args(["--package", "build-cost", "--features", feature])
            .args(["--edges", "normal,build", "--prefix", "none"]),
    )?;
    Ok(names(&printed))
}

/// The first word of each line; a crate that is there in two versions is built twice, and counted so.
fn names(printed: &str) -> BTreeSet<String> {
    let name_and_version = |line: &str| {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        words.join(" ")
    };
    printed.lines().filter(|line| !line.is_empty()).map(name_and_version).collect()
}

/// What is to be said, and by how many crates there are more.
fn compare(by_hand: &BTreeSet<String>, ours: &BTreeSet<String>) -> (String, usize) {
    let more = ours.len().saturating_sub(by_hand.len());
    let list = |names: &BTreeSet<String>, others: &BTreeSet<String>| {
        names.difference(others).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let report = format!(
        "axum and jsonwebtoken with aws-lc-rs: {} crates\naxum and linchpin with keys of its own: {} crates, {more} more\n\
         only the former: {}\nonly the latter: {}\n",
        by_hand.len(),
        ours.len(),
        list(by_hand, ours),
        list(ours, by_hand),
    );
    (report, more)
}

/// How many crates more there may be: what there are, so that none comes unnoticed. Ten is the aim.
const MOST: usize = 29;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_for_each_of_its_versions() {
        let printed = "axum v0.8.9\nserde v1.0.0 (*)\nserde v1.0.0\n\nsyn v2.0.0 (proc-macro)\nsyn v3.0.0\n";

        assert_eq!(
            names(printed),
            ["axum v0.8.9", "serde v1.0.0", "syn v2.0.0", "syn v3.0.0"].map(str::to_owned).into()
        );
    }

    #[test]
    fn what_only_one_of_them_brings_is_named() {
        let (report, more) = compare(&names("axum v1\njsonwebtoken v1"), &names("axum v1\na v1\nb v1"));

        assert_eq!(more, 1);
        assert!(report.contains("only the former: jsonwebtoken v1\nonly the latter: a v1, b v1"), "{report}");
    }
}
