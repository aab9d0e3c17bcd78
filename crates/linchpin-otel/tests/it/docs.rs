//! The page of settings shows the table that is read.

use linchpin_otel::SETTINGS;

#[test]
fn the_page_of_settings_shows_every_variable_as_it_is_read() {
    let page = include_str!("../../../../docs/settings.md");

    for setting in SETTINGS {
        let row = format!("| `{}` | {} | {} |", setting.name, setting.meaning, setting.default);
        assert!(page.lines().any(|line| line == row), "docs/settings.md should have the line\n{row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `OTEL_")).count();
    assert_eq!(rows, SETTINGS.len(), "and no other");
}
