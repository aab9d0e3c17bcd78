//! The pages for people: what they link to exists, the book holds all of them, and they name no setting that does not exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A link of a page to somewhere in this repository.
#[derive(Debug, Eq, PartialEq)]
struct Link {
    /// Relative to the page; empty for the page itself.
    file: String,
    /// What follows `#`; empty if nothing does.
    heading: String,
}

/// The links of a page that lead to files, outside of code.
fn links(page: &str) -> Vec<Link> {
    let text = without_code(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains("://"));
    local
        .map(|target| {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            Link { file: file.to_owned(), heading: heading.to_owned() }
        })
        .collect()
}

/// A page without its blocks of code, and without what stands in backticks.
fn without_code(page: &str) -> String {
    let mut text = String::new();
    for (at, block) in page.split("\n```").enumerate() {
        // The first is text, the next the code, and so on.
        if at % 2 == 0 {
            block.split('`').step_by(2).for_each(|outside| text.push_str(outside));
            text.push('\n');
        }
    }
    text
}

/// The headings of a page, as GitHub and mdBook name them in links.
fn headings(page: &str) -> BTreeSet<String> {
    let lines = page.split("\n```").step_by(2).flat_map(str::lines);
    let titles = lines.filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
    titles
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// All pages, by their path from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/adr", "docs/guide"] {
        for entry in fs::read_dir(crate::root().join(folder)).expect("the folder is there") {
            let path = entry.expect("a folder can be listed").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(crate::root()).expect("it is below").to_owned());
            }
        }
    }
    pages.sort();
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(crate::root().join(page)).expect("the page is there")
}

#[test]
fn every_link_leads_somewhere() {
    let mut lost = Vec::new();
    for page in pages() {
        let folder = page.parent().expect("a page is in a folder");
        for Link { file, heading } in links(&read(&page)) {
            // A chapter that is only a heading in the book has no file.
            if file.is_empty() && heading.is_empty() && page.ends_with("SUMMARY.md") {
                continue;
            }
            let target = if file.is_empty() { page.clone() } else { folder.join(&file) };
            let is_there = crate::root().join(&target).exists();
            if !is_there || !(heading.is_empty() || headings(&read(&target)).contains(&heading)) {
                lost.push(format!("{}: {file}#{heading}", page.display()));
            }
        }
    }
    assert!(lost.is_empty(), "links that lead nowhere:\n{}", lost.join("\n"));
}

#[test]
fn the_book_holds_every_page_once() {
    let summary = read(Path::new("docs/SUMMARY.md"));

    let mut chapters: Vec<_> = links(&summary).into_iter().map(|link| link.file).collect();
    chapters.retain(|chapter| !chapter.is_empty());
    chapters.sort();
    let in_book = |page: &PathBuf| page.starts_with("docs") && !page.ends_with("SUMMARY.md");
    let mut pages: Vec<_> = pages().into_iter().filter(in_book).collect();
    pages.sort();
    let pages: Vec<_> =
        pages.iter().map(|page| page.strip_prefix("docs").unwrap().to_str().unwrap()).collect();
    assert_eq!(chapters, pages, "docs/SUMMARY.md lists the chapters");
}

#[test]
fn no_page_names_a_setting_that_does_not_exist() {
    let settings = read(Path::new("docs/settings.md"));
    let known: BTreeSet<&str> = settings.split('`').skip(1).step_by(2).collect();
    let is_setting = |text: &&str| {
        let of_ours = ["AUTH_", "LOG_", "TRUSTED_", "CLIENT_", "REQUEST_"];
        of_ours.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix))
            && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };

    let mut unknown = Vec::new();
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = read(&page);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in words.filter(is_setting).filter(|name| !known.contains(name)) {
            unknown.push(format!("{}: {name}", page.display()));
        }
    }
    assert!(unknown.is_empty(), "docs/settings.md does not list\n{}", unknown.join("\n"));
}

#[test]
fn links_and_headings_are_found_as_they_are_rendered() {
    let page = "# A `code` title: yes\n[a](b.md#c), [d](#e) and `[no](f.md)`, [g](https://x/y)\n```md\n# no\n[no](h.md)\n```\n\n## B-2 c\n[i](../j/)";
    let link = |file: &str, heading: &str| Link { file: file.to_owned(), heading: heading.to_owned() };

    assert_eq!(links(page), [link("b.md", "c"), link("", "e"), link("../j/", "")]);
    assert_eq!(headings(page), BTreeSet::from(["a-code-title-yes".to_owned(), "b-2-c".to_owned()]));
}
