//! Wrong configuration, reported all at once.

use std::{error::Error, fmt};

/// Everything that is wrong with the configuration, found before the service starts.
///
/// All problems are reported together, each with the setting, what is wrong with its value and what would be right. `Debug` shows
/// the same text as `Display`, since that is what a `main` that returns the error prints.
///
/// # Examples
///
/// ```
/// use linchpin_core::ConfigError;
///
/// let mut problems = ConfigError::collect();
/// problems.report("AUTH_ISSUER", "is not set", "set it to the issuer's URL, for example https://id.example");
/// problems.report("AUTH_LEEWAY", "is \"soon\", which is not a number", "give whole seconds, for example 30");
///
/// assert_eq!(
///     problems.check().unwrap_err().to_string(),
///     "wrong configuration:
///   AUTH_ISSUER is not set; set it to the issuer's URL, for example https://id.example
///   AUTH_LEEWAY is \"soon\", which is not a number; give whole seconds, for example 30"
/// );
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ConfigError {
    problems: Vec<Misconfiguration>,
}

/// One wrong setting of a [`ConfigError`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Misconfiguration {
    /// The setting, by the name that its owner knows: a variable or a builder method.
    pub setting: String,
    /// What is wrong with it.
    pub problem: String,
    /// What would be right.
    pub fix: String,
}

impl ConfigError {
    /// An empty collection to [`report`](Self::report) into.
    pub fn collect() -> Self {
        Self::default()
    }

    /// One problem on its own.
    pub fn single(setting: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        let mut error = Self::collect();
        error.report(setting, problem, fix);
        error
    }

    /// Adds a problem. It reads as one sentence: setting, problem, semicolon, fix.
    pub fn report(&mut self, setting: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Misconfiguration {
            setting: setting.into(),
            problem: problem.into(),
            fix: fix.into(),
        });
    }

    /// Adds all problems of another error.
    pub fn absorb(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// Takes the value of a step that may have failed, and keeps its problems otherwise.
    pub fn take<T>(&mut self, step: Result<T, Self>) -> Option<T> {
        step.map_err(|error| self.absorb(error)).ok()
    }

    /// Succeeds if nothing was reported.
    ///
    /// # Errors
    ///
    /// The collection itself, once it holds a problem.
    pub fn check(self) -> Result<(), Self> {
        if self.problems.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The problems, in the order in which they were found.
    pub fn problems(&self) -> &[Misconfiguration] {
        &self.problems
    }

    /// The same problems under the names that `rename` gives to their settings.
    ///
    /// A reader of environment variables uses it to report a builder's problem under the variable's name.
    #[must_use]
    pub fn rename(mut self, rename: impl Fn(&str) -> Option<String>) -> Self {
        for problem in &mut self.problems {
            if let Some(name) = rename(&problem.setting) {
                problem.setting = name;
            }
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong configuration:")?;
        for Misconfiguration { setting, problem, fix } in &self.problems {
            write!(f, "\n  {setting} {problem}; {fix}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_it_prints_what_is_wrong_in_words() {
        let error = ConfigError::single("AUTH_ISSUER", "is not set", "set it");

        let printed = format!("Error: {:?}", Box::<dyn Error>::from(error));
        assert_eq!(printed, "Error: wrong configuration:\n  AUTH_ISSUER is not set; set it");
    }
}
