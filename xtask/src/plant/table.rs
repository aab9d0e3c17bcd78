//! The table of weaknesses, `xtask/plants.toml`.

use std::collections::HashSet;

use serde::Deserialize;

/// One weakness: a place of the code, what it becomes, and who has to notice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plant {
    /// What the weakened code does, as a statement.
    pub(crate) name: String,
    /// The rule that this breaks.
    pub(crate) rule: String,
    /// The file that is edited, from the root of the repository.
    pub(crate) file: String,
    /// What is replaced; it occurs once in the file.
    pub(crate) find: String,
    /// What takes its place.
    pub(crate) replace: String,
    /// The packages whose tests have to notice, the fastest first.
    pub(crate) tests: Vec<String>,
}

impl Plant {
    /// The text of the file with the weakness in it.
    pub(crate) fn weaken(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            count => Err(format!(
                "{:?}: its text occurs {count} times in {}; mend the entry in {FILE}",
                self.name, self.file
            )),
        }
    }
}

/// Every weakness, in the order in which they are planted.
pub(crate) fn table() -> Result<Vec<Plant>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        plant: Vec<Plant>,
    }

    let Table { plant: plants } =
        toml::from_str(include_str!("../../plants.toml")).map_err(|error| format!("{FILE}: {error}"))?;
    let mut names = HashSet::new();
    match plants.iter().find(|plant| !names.insert(&plant.name)) {
        Some(twice) => Err(format!("{FILE}: {:?} is there twice", twice.name)),
        None => Ok(plants),
    }
}

const FILE: &str = "xtask/plants.toml";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_entry_fits_the_code_and_changes_it() {
        let plants = table().unwrap();

        for plant in &plants {
            let text = fs::read_to_string(crate::root().join(&plant.file)).unwrap();
            let weakened = plant.weaken(&text).unwrap();
            assert_ne!(weakened, text, "{}", plant.name);
            assert!(!plant.tests.is_empty(), "{}: nobody has to notice", plant.name);
        }
        assert!(plants.len() >= 40, "{}", plants.len());
    }

    #[test]
    fn a_text_that_is_not_there_once_is_an_error_that_names_the_entry() {
        let plant = Plant {
            name: "the door is open".to_owned(),
            rule: String::new(),
            file: "door.rs".to_owned(),
            find: "locked".to_owned(),
            replace: "open".to_owned(),
            tests: Vec::new(),
        };

        assert_eq!(plant.weaken("a locked door").as_deref(), Ok("a open door"));
        for text in ["", "locked, locked"] {
            assert!(plant.weaken(text).unwrap_err().starts_with("\"the door is open\": its text occurs"));
        }
    }
}
