//! `docs/conformance.md`: every row is well formed, and every test that it names exists.

use std::{collections::BTreeSet, fs};

use crate::test_names;

/// One rule of one specification.
#[derive(Debug, PartialEq)]
struct Row<'t> {
    section: &'t str,
    rule: &'t str,
    verdict: &'t str,
    shown_by: &'t str,
}

const HEAD: &str = "| section | rule | verdict | shown by |";

/// How a rule begins.
const WORDS: [&str; 5] = ["MUST NOT ", "MUST ", "SHOULD NOT ", "SHOULD ", "ASKS "];

/// The verdicts, each with what it needs beside it.
const VERDICTS: [(&str, Needs); 6] = [
    ("holds", Needs::Test),
    ("stricter", Needs::Both),
    ("by construction", Needs::Reason),
    ("deviates", Needs::Reason),
    ("not applicable", Needs::Reason),
    ("not done", Needs::Reason),
];

#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Test,
    Reason,
    Both,
}

/// The specifications, as headings begin, and the rows below each.
fn specifications(page: &str) -> Result<Vec<(&str, Vec<Row<'_>>)>, String> {
    let mut specifications = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        let mut lines = section.lines().filter(|line| line.starts_with('|'));
        if lines.next() != Some(HEAD) || lines.next() != Some("|---|---|---|---|") {
            return Err(format!("{heading}: the table does not begin with {HEAD}"));
        }
        let rows: Result<Vec<_>, _> = lines.map(row).collect();
        specifications.push((heading, rows.map_err(|problem| format!("{heading}: {problem}"))?));
    }
    Ok(specifications)
}

fn row(line: &str) -> Result<Row<'_>, String> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    let cells: Vec<&str> = inner.unwrap_or_default().split('|').map(str::trim).collect();
    let [section, rule, verdict, shown_by] = cells[..] else {
        return Err(format!("not four cells: {line}"));
    };
    if !section.starts_with('§') {
        return Err(format!("no section: {line}"));
    }
    if !WORDS.iter().any(|word| rule.starts_with(word)) {
        return Err(format!("a rule begins with one of {WORDS:?}: {line}"));
    }
    Ok(Row { section, rule, verdict, shown_by })
}

/// Whether a row has the verdict and the tests that it needs; `tests` are those that exist.
fn check(row: &Row<'_>, tests: &BTreeSet<String>) -> Result<(), String> {
    let (verdict, reason) = row.verdict.split_once(": ").unwrap_or((row.verdict, ""));
    let Some((_, needs)) = VERDICTS.iter().find(|(name, _)| *name == verdict) else {
        return Err(format!("{verdict:?} is no verdict"));
    };
    if *needs != Needs::Test && reason.is_empty() {
        return Err(format!("{verdict:?} has to say why, after a colon"));
    }
    let named: Vec<&str> = row.shown_by.split('`').skip(1).step_by(2).collect();
    if *needs != Needs::Reason && named.is_empty() {
        return Err("no test shows it".to_owned());
    }
    match named.into_iter().find(|name| !tests.contains(*name)) {
        Some(missing) => Err(format!("there is no test `{missing}`")),
        None => Ok(()),
    }
}

fn page() -> String {
    fs::read_to_string(crate::root().join("docs/conformance.md")).expect("the page is there")
}

#[test]
fn every_rule_has_a_verdict_and_every_test_that_is_named_exists() {
    let (page, tests) = (page(), test_names::all());
    let specifications = specifications(&page).unwrap();

    let mut problems = Vec::new();
    for (heading, rows) in &specifications {
        for row in rows {
            let problem = check(row, &tests).err();
            problems
                .extend(problem.map(|problem| format!("{heading} {}, {}: {problem}", row.section, row.rule)));
        }
        assert!(!rows.is_empty(), "{heading} has no rows");
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_specification_that_we_follow_has_its_table() {
    let page = page();
    let specifications = specifications(&page).unwrap();

    for name in [
        "RFC 6750",
        "RFC 7515",
        "RFC 7517",
        "RFC 7518",
        "RFC 7519",
        "RFC 7523",
        "RFC 7638",
        "RFC 8414",
        "RFC 8693",
        "RFC 8725",
        "RFC 9068",
        "RFC 9457",
        "RFC 9470",
        "RFC 9728",
        "OpenID Connect Discovery 1.0",
        "W3C Trace Context",
        "W3C Baggage",
        "RFC 7239",
    ] {
        let count = specifications.iter().filter(|(heading, _)| heading.starts_with(name)).count();
        assert_eq!(count, 1, "{name}");
    }
}

#[test]
fn no_rule_stands_there_twice() {
    let page = page();
    let mut seen = BTreeSet::new();

    for (heading, rows) in specifications(&page).unwrap() {
        for row in rows {
            assert!(seen.insert((heading, row.section, row.rule)), "{heading}: {row:?}");
        }
    }
}

#[test]
fn a_row_that_says_less_than_it_has_to_is_found() {
    let tests = BTreeSet::from(["a: b::c".to_owned()]);
    let problem = |line| match row(line) {
        Ok(row) => check(&row, &tests).err(),
        Err(problem) => Some(problem),
    };

    for good in [
        "| §1 | MUST do | holds | `a: b::c` |",
        "| §1 | SHOULD NOT do | holds: a note | `a: b::c`, `a: b::c` |",
        "| §1 | MUST do | stricter: so | `a: b::c` |",
        "| §1 | MUST do | not applicable: none | |",
    ] {
        assert_eq!(problem(good), None, "{good}");
    }
    for (bad, why) in [
        ("| §1 | MUST do | holds |", "not four cells"),
        ("| §1 | MUST do | holds | `a: b::c` | |", "not four cells"),
        ("| 1 | MUST do | holds | `a: b::c` |", "no section"),
        ("| §1 | may do | holds | `a: b::c` |", "a rule begins with"),
        ("| §1 | MUST do | fine | `a: b::c` |", "is no verdict"),
        ("| §1 | MUST do | holds | |", "no test shows it"),
        ("| §1 | MUST do | holds | a: b::c |", "no test shows it"),
        ("| §1 | MUST do | holds | `a: b::c`, `a: b::d` |", "there is no test `a: b::d`"),
        ("| §1 | MUST do | stricter | `a: b::c` |", "has to say why"),
        ("| §1 | MUST do | stricter: so | |", "no test shows it"),
        ("| §1 | MUST do | deviates | |", "has to say why"),
        ("| §1 | MUST do | deviates: so | `a: x` |", "there is no test `a: x`"),
    ] {
        let problem = problem(bad);
        assert!(problem.as_ref().is_some_and(|problem| problem.contains(why)), "{bad}: {problem:?}");
    }
}
