//! The page of reasons against the reasons.

use linchpin_core::Reason;

const PAGE: &str = include_str!("../../../../docs/reasons.md");

#[test]
fn every_reason_has_one_row_on_the_page_and_every_row_a_reason() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));

    let mut documented: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert!(cells.len() == 5 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
            (cells[0].trim_end_matches(" !").trim_matches('`').to_owned(), cells[1].to_owned())
        })
        .collect();

    let mut expected: Vec<_> =
        Reason::ALL.iter().map(|reason| (reason.code().to_owned(), reason.status().to_string())).collect();
    documented.sort();
    expected.sort();
    assert_eq!(documented, expected);
}
