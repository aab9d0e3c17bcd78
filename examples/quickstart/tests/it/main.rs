//! The main job, run as a newcomer runs it.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::Value;

fn quickstart() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quickstart"))
}

#[test]
fn every_answer_is_as_expected_and_says_what_it_shows() {
    let output = quickstart().arg("--json").output().unwrap();

    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, rows) = lines.split_last().unwrap();
    let unexpected: Vec<_> =
        rows.iter().filter(|row| row["ok"] != true || row["got"] != row["expected"]).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!(output.status.success());
    assert_eq!(summary["as_expected"], rows.len());
    for status in [200, 400, 401, 403, 502, 503] {
        for service in ["axum", "actix"] {
            let shown = rows.iter().any(|row| row["service"] == service && row["got"]["status"] == status);
            assert!(shown, "{service} never answered {status}");
        }
    }
}

#[test]
fn the_table_is_for_people() {
    let output = quickstart().output().unwrap();

    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}");
    assert!(table.contains("ok    ok     401 expired"), "{table}");
    assert!(table.trim_end().ends_with("answers are as expected."), "{table}");
    assert!(!table.contains('\x1b'), "no colours where no terminal shows them");

    let readme = include_str!("../../../../README.md");
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(without_ports(shown), without_ports(&table), "the README shows what is printed");
}

fn without_ports(table: &str) -> Vec<&str> {
    table
        .trim()
        .lines()
        .map(|line| line.rsplit_once("127.0.0.1:").map_or(line, |(before, _port)| before))
        .collect()
}

#[test]
fn the_curl_lines_work_when_pasted() {
    let mut serving = quickstart().arg("--serve").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(serving.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut script: Vec<String> = Vec::new();
    for line in lines.skip_while(|line| !line.starts_with("# a token")) {
        let last = line.contains("/dev/rotate");
        script.push(line);
        if last {
            break;
        }
    }

    let pasted = Command::new("sh").arg("-c").arg(script.join("\n")).output().unwrap();
    let interrupted =
        Command::new("sh").args(["-c", &format!("kill -s INT {}", serving.id())]).status().unwrap();
    let ended = serving.wait().unwrap();

    let said = String::from_utf8_lossy(&pasted.stdout);
    assert!(pasted.status.success(), "is curl installed? {}", String::from_utf8_lossy(&pasted.stderr));
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
    assert_eq!(said.matches("HTTP/1.1 403 Forbidden").count(), 2, "{said}");
    assert_eq!(said.matches("HTTP/1.1 401 Unauthorized").count(), 2, "{said}");
    assert!(interrupted.success() && ended.success());
}

#[test]
fn what_it_does_not_know_is_a_usage_error() {
    let output = quickstart().arg("--sevre").output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--serve"));
}
