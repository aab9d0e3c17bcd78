//! What the compiler says to the mistakes that users will make.

use std::process::Command;

/// Compilers differ in their words, so the messages are compared with the one that wrote them down.
///
/// After a change: `TRYBUILD=overwrite cargo test -p linchpin-actix messages`, and read what has changed.
#[test]
fn mistakes_are_told_in_words_that_help() {
    let version = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    let version = String::from_utf8(version.unwrap().stdout).unwrap();
    if !version.starts_with(WRITTEN_BY) {
        eprintln!("not compared: the messages are those of {WRITTEN_BY}, and this is {version}");
        return;
    }

    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

const WRITTEN_BY: &str = "rustc 1.95.";
