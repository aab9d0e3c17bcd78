//! `docs/assurance.md`: the tables in it that commands write.

use std::{fs, path::PathBuf};

/// A table of the page, between two comments.
pub(crate) struct Table {
    /// What stands in the comments.
    marker: &'static str,
    columns: &'static [&'static str],
}

/// What `cargo xtask plant --page` writes.
pub(crate) const WEAKNESSES: Table =
    Table { marker: "weaknesses", columns: &["rule", "planted weakness", "caught by", "revision"] };

/// What `cargo xtask fuzz` writes.
pub(crate) const FUZZING: Table =
    Table { marker: "fuzzing", columns: &["target", "seconds", "executions", "revision", "date", "result"] };

/// The page as text.
pub(crate) struct Page {
    text: String,
}

impl Page {
    pub(crate) fn read() -> Result<Self, String> {
        let text = fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
        Ok(Self { text })
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        fs::write(path(), &self.text).map_err(|error| format!("{}: {error}", path().display()))
    }

    /// The cells of a table.
    pub(crate) fn rows(&self, table: &Table) -> Result<Vec<Vec<String>>, String> {
        let (_, between, _) = self.split(table)?;
        // The first two lines are the head.
        let lines = between.lines().filter(|line| line.starts_with('|')).skip(2);
        let rows = lines.map(|line| {
            let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            cells.collect::<Vec<_>>()
        });
        let rows: Vec<_> = rows.collect();
        match rows.iter().find(|row| row.len() != table.columns.len()) {
            Some(row) => Err(format!("a row of the table {} has other columns: {row:?}", table.marker)),
            None => Ok(rows),
        }
    }

    /// Writes a table anew. No cell holds what ends a cell.
    pub(crate) fn set_rows(&mut self, table: &Table, rows: &[Vec<String>]) -> Result<(), String> {
        let (before, _, after) = self.split(table)?;
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        let head: Vec<_> = table.columns.iter().map(|&column| column.to_owned()).collect();
        let rule = format!("|{}\n", "---|".repeat(table.columns.len()));
        let rows: String = rows.iter().map(|row| line(row)).collect();
        self.text = format!("{before}\n\n{}{rule}{rows}\n{after}", line(&head));
        Ok(())
    }

    /// The text up to a table, the table, and the text from its end on.
    fn split(&self, Table { marker, .. }: &Table) -> Result<(&str, &str, &str), String> {
        let (begin, end) = (format!("<!-- {marker}: begin -->"), format!("<!-- {marker}: end -->"));
        let missing = || format!("{}: {begin} … {end} is not there", path().display());
        let from = self.text.find(&begin).ok_or_else(missing)? + begin.len();
        let to = from + self.text[from..].find(&end).ok_or_else(missing)?;
        Ok((&self.text[..from], &self.text[from..to], &self.text[to..]))
    }
}

fn path() -> PathBuf {
    crate::root().join("docs/assurance.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: Table = Table { marker: "pairs", columns: &["a", "b"] };

    #[test]
    fn rows_that_are_written_are_read_and_the_rest_of_the_page_stays() {
        let mut page = Page { text: "before\n<!-- pairs: begin --><!-- pairs: end -->\nafter\n".to_owned() };
        assert!(page.rows(&PAIRS).unwrap().is_empty());
        let rows = [["1", "2"], ["3", "`4`"]].map(|row| row.map(str::to_owned).to_vec());

        page.set_rows(&PAIRS, &rows).unwrap();
        assert_eq!(page.rows(&PAIRS).unwrap(), rows);
        page.set_rows(&PAIRS, &rows[..1]).unwrap();

        let table = "| a | b |\n|---|---|\n| 1 | 2 |\n";
        let expected = format!("before\n<!-- pairs: begin -->\n\n{table}\n<!-- pairs: end -->\nafter\n");
        assert_eq!(page.text, expected);
        assert!(page.rows(&WEAKNESSES).is_err(), "no such table here");
    }
}
