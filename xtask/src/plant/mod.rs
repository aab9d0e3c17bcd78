//! `cargo xtask plant`: weakens the code in one place after the other, and sees whether a test notices.
//!
//! It works in a copy of the tree. The tests have to pass there before anything is planted, so that a failure means that
//! the weakness was noticed.

mod table;

use std::{collections::BTreeSet, time::Instant};

use serde_json::json;

use self::table::Plant;
use crate::{
    copy::{Copy, Verdict},
    page::{self, Page},
};

/// What is asked for on the command line.
#[derive(Default)]
struct Options<'a> {
    only: Vec<&'a str>,
    list: bool,
    json: bool,
    page: bool,
}

/// What became of a weakness.
enum Outcome {
    /// By this test.
    Caught(String),
    Survived,
    /// Nothing was tested, for this reason.
    Broken(String),
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Caught(_) => "caught",
            Self::Survived => "SURVIVED",
            Self::Broken(_) => "BROKEN",
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Caught(detail) | Self::Broken(detail) => detail,
            Self::Survived => "no test fails",
        }
    }
}

/// Plants what is asked for; an error unless everything is caught.
pub(crate) fn plant(arguments: &[&str]) -> Result<(), String> {
    let options = options(arguments)?;
    let mut plants = table::table()?;
    if let Some(unknown) = options.only.iter().find(|name| plants.iter().all(|plant| plant.name != **name)) {
        return Err(format!("there is no weakness {unknown:?}; --list lists them"));
    }
    if !options.only.is_empty() {
        plants.retain(|plant| options.only.contains(&&*plant.name));
    }
    if options.list {
        plants.iter().for_each(|Plant { name, rule, .. }| println!("{rule:32}  {name}"));
        return Ok(());
    }

    let (revision, copy) = (crate::revision()?, Copy::make("plant")?);
    require_good_baseline(&copy, &plants)?;
    let mut outcomes = Vec::new();
    for (at, plant) in plants.iter().enumerate() {
        let begin = Instant::now();
        let outcome = plant_one(&copy, plant)?;
        let (name, seconds) = (outcome.name(), begin.elapsed().as_secs());
        let line = format!("{:3}/{} {name:8} {seconds:3} s  {}", at + 1, plants.len(), plant.name);
        // With --json, the table is progress; without it, it is the result.
        if options.json {
            eprintln!("{line}: {}", outcome.detail());
        } else {
            println!("{line}: {}", outcome.detail());
        }
        outcomes.push(outcome);
    }
    if options.json {
        let plants = plants.iter().zip(&outcomes).map(|(plant, outcome)| {
            let (name, rule, file) = (&plant.name, &plant.rule, &plant.file);
            let (outcome, detail) = (outcome.name().to_lowercase(), outcome.detail());
            json!({"name": name, "rule": rule, "file": file, "outcome": outcome, "detail": detail})
        });
        println!("{}", json!({"revision": revision, "plants": plants.collect::<Vec<_>>()}));
    }
    if options.page {
        write_page(&plants, &outcomes, &revision)?;
    }
    match outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Caught(_))).count() {
        0 => Ok(()),
        count => Err(format!("{count} of {} weaknesses were not caught", plants.len())),
    }
}

fn options<'a>(mut arguments: &[&'a str]) -> Result<Options<'a>, String> {
    let mut options = Options::default();
    loop {
        arguments = match arguments {
            [] => return Ok(options),
            ["--only", name, rest @ ..] => {
                options.only.push(name);
                rest
            }
            ["--list", rest @ ..] => {
                options.list = true;
                rest
            }
            ["--json", rest @ ..] => {
                options.json = true;
                rest
            }
            ["--page", rest @ ..] => {
                options.page = true;
                rest
            }
            [unknown, ..] => return Err(format!("plant has no option {unknown:?}")),
        };
    }
}

/// Where tests fail anyway, every weakness would look caught.
fn require_good_baseline(copy: &Copy, plants: &[Plant]) -> Result<(), String> {
    let packages: BTreeSet<&str> = plants.iter().flat_map(|plant| &plant.tests).map(String::as_str).collect();
    for package in packages {
        eprintln!("without any weakness: the tests of {package}");
        match copy.test(package)? {
            Verdict::Passed => {}
            Verdict::Failed(test) => {
                return Err(format!("{test} fails without any weakness; mend that first"));
            }
            Verdict::DoesNotBuild(error) => {
                return Err(format!("{package} does not build without any weakness: {error}"));
            }
        }
    }
    Ok(())
}

fn plant_one(copy: &Copy, plant: &Plant) -> Result<Outcome, String> {
    let sound = copy.read(&plant.file)?;
    let weakened = match plant.weaken(&sound) {
        Ok(weakened) => weakened,
        Err(problem) => return Ok(Outcome::Broken(problem)),
    };
    copy.write(&plant.file, &weakened)?;
    let outcome = outcome(copy, &plant.tests);
    copy.write(&plant.file, &sound)?;
    outcome
}

fn outcome(copy: &Copy, packages: &[String]) -> Result<Outcome, String> {
    for package in packages {
        match copy.test(package)? {
            Verdict::Passed => {}
            Verdict::Failed(test) => return Ok(Outcome::Caught(test)),
            Verdict::DoesNotBuild(error) => return Ok(Outcome::Broken(format!("does not build: {error}"))),
        }
    }
    Ok(Outcome::Survived)
}

/// Puts what was found into the page; rows that were not tried again stay as they are.
fn write_page(plants: &[Plant], outcomes: &[Outcome], revision: &str) -> Result<(), String> {
    let mut page = Page::read()?;
    let before = page.rows(&page::WEAKNESSES)?;
    let found = |plant: &Plant| {
        let at = plants.iter().position(|tried| tried.name == plant.name)?;
        let outcome = &outcomes[at];
        let caught_by = match outcome {
            Outcome::Caught(test) => format!("`{test}`"),
            Outcome::Survived | Outcome::Broken(_) => format!("**{}**", outcome.name().to_lowercase()),
        };
        Some(vec![plant.rule.clone(), plant.name.clone(), caught_by, revision.to_owned()])
    };
    let rows = table::table()?.into_iter().filter_map(|plant| {
        found(&plant).or_else(|| before.iter().find(|row| row[1] == plant.name).cloned())
    });
    page.set_rows(&page::WEAKNESSES, &rows.collect::<Vec<_>>())?;
    page.write()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_weakness_under_its_rule_and_all_are_caught() {
        let rows = Page::read().unwrap().rows(&page::WEAKNESSES).unwrap();

        let planted = table::table().unwrap();
        let planted: Vec<_> = planted.iter().map(|plant| (&*plant.rule, &*plant.name)).collect();
        assert_eq!(rows.iter().map(|row| (&*row[0], &*row[1])).collect::<Vec<_>>(), planted);
        for row in rows {
            assert!(row[2].starts_with('`'), "{row:?}: mend it, and run cargo xtask plant --page");
        }
    }

    #[test]
    fn an_option_that_does_not_exist_is_an_error() {
        assert!(options(&["--only", "x", "--list", "--json", "--page"]).is_ok());
        assert!(options(&["--only"]).is_err());
        assert!(options(&["--lst"]).is_err());
    }
}
