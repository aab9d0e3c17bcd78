//! Which system role gives which feature roles, checked at start.

use std::fmt;

use linchpin_core::ConfigError;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::{Rbac, context::EVERY, held::Held, shown::Shown};

/// The checked mapping: for each feature role, the system roles that give it.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Sorted by name.
    features: Vec<Feature>,
    system_roles: Vec<Box<str>>,
}

#[derive(Debug)]
struct Feature {
    name: Box<str>,
    given_by: Vec<SystemRole>,
}

/// A system role, as one that gives a certain feature role.
#[derive(Clone, Debug)]
pub(crate) struct SystemRole {
    name: Box<str>,
    /// Whether it counts in every context where a token names none.
    everywhere_without_context: bool,
}

impl Mapping {
    /// The system roles that give this feature role; `None` if there is no such feature role.
    pub(crate) fn given_by(&self, feature: &str) -> Option<&[SystemRole]> {
        let found = self.features.binary_search_by(|known| (*known.name).cmp(feature));
        found.ok().map(|i| &*self.features[i].given_by)
    }

    /// Whether the text of a token is about a system role of the mapping.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.system_roles.iter().any(|name| Held::is_about(text, name))
    }
}

impl SystemRole {
    /// Where this role is held, if that is what the text of a token says.
    pub(crate) fn held<'a>(&self, text: &'a str) -> Option<Held<'a>> {
        match Held::of(text, &self.name)? {
            Held::Bare if self.everywhere_without_context => Some(Held::Everywhere),
            held => Some(held),
        }
    }
}

/// Puts an [`Rbac`] together; see [`Rbac::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RbacBuilder {
    features: Vec<String>,
    system_roles: Vec<(String, Vec<String>)>,
    everywhere_without_context: Vec<String>,
    names_roles_in_log: bool,
}

impl RbacBuilder {
    pub(crate) fn new(features: Vec<String>) -> Self {
        Self {
            features,
            system_roles: Vec::new(),
            everywhere_without_context: Vec::new(),
            names_roles_in_log: false,
        }
    }

    /// Lets a system role, as tokens name it before the first colon, give these feature roles.
    pub fn system_role(
        mut self,
        name: impl Into<String>,
        gives: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.system_roles.push((name.into(), gives.into_iter().map(Into::into).collect()));
        self
    }

    /// Takes this system role for one that is held in every context, where a token names it without any.
    ///
    /// Otherwise a role without context is held in no context: it is enough for
    /// [`ContextReq::Any`](crate::ContextReq::Any) and for nothing else.
    ///
    /// # Security
    ///
    /// It is for roles that have no contexts at the issuer at all. One that has them loses them if the issuer leaves them
    /// out, and is then worth more instead of less.
    pub fn everywhere_without_context(mut self, system_role: impl Into<String>) -> Self {
        self.everywhere_without_context.push(system_role.into());
        self
    }

    /// Shows the names of system roles and contexts in the log, escaped and capped at 128 bytes each; off unless set.
    pub fn log_names(mut self) -> Self {
        self.names_roles_in_log = true;
        self
    }

    /// The checked roles.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the mapping, each with its entry: an empty or repeated name, one that no token can
    /// carry, a feature role that was not declared, a system role that gives nothing.
    pub fn build(self) -> Result<Rbac, ConfigError> {
        let mut problems = ConfigError::collect();
        check_names(&mut problems, "feature_roles", &self.features);
        if self.features.is_empty() {
            problems.report("feature_roles", "is empty", "name the feature roles that the service asks for");
        }
        let systems: Vec<String> = self.system_roles.iter().map(|(name, _)| name.clone()).collect();
        check_names(&mut problems, "system_roles", &systems);
        for (name, gives) in &self.system_roles {
            let entry = format!("system_roles.{}", Shown(name));
            check_names(&mut problems, &entry, gives);
            if gives.is_empty() {
                problems.report(&entry, "gives no feature role", "name those that it gives, or leave it out");
            }
            for (i, feature) in gives.iter().enumerate() {
                if !feature.is_empty() && !self.features.contains(feature) {
                    let problem = format!("is the unknown feature role \"{}\"", Shown(feature));
                    problems.report(
                        format!("{entry}[{i}]"),
                        problem,
                        "use one of feature_roles, or add it there",
                    );
                }
            }
        }
        check_names(&mut problems, "everywhere_without_context", &self.everywhere_without_context);
        for (i, name) in self.everywhere_without_context.iter().enumerate() {
            if !name.is_empty() && !systems.contains(name) {
                let problem = format!("is the unknown system role \"{}\"", Shown(name));
                let setting = format!("everywhere_without_context[{i}]");
                problems.report(setting, problem, "use one of system_roles, or add it there");
            }
        }
        problems.check()?;
        let names_roles_in_log = self.names_roles_in_log;
        Ok(Rbac::new(self.into_mapping(), names_roles_in_log))
    }

    /// The mapping by feature role, so that a check looks at those system roles only which matter to it.
    fn into_mapping(self) -> Mapping {
        let gives = |feature: &String, gives: &Vec<String>| gives.contains(feature);
        let mut features: Vec<Feature> = self
            .features
            .iter()
            .map(|feature| Feature {
                name: feature.as_str().into(),
                given_by: (self.system_roles.iter().filter(|(_, given)| gives(feature, given)))
                    .map(|(name, _)| SystemRole {
                        name: name.as_str().into(),
                        everywhere_without_context: self.everywhere_without_context.contains(name),
                    })
                    .collect(),
            })
            .collect();
        features.sort_by(|a, b| a.name.cmp(&b.name));
        let system_roles = self.system_roles.into_iter().map(|(name, _)| name.into()).collect();
        Mapping { features, system_roles }
    }
}

/// Reports what is wrong with the names of a list, each by its place.
fn check_names(problems: &mut ConfigError, list: &str, names: &[String]) {
    for (i, name) in names.iter().enumerate() {
        let mut report = |problem: String, fix: &str| problems.report(format!("{list}[{i}]"), problem, fix);
        if name.is_empty() {
            report("is an empty name".to_owned(), "name a role");
        } else if name.contains(':')
            || name.chars().any(char::is_control)
            || name.trim() != name
            || name == EVERY
        {
            report(
                format!("is \"{}\", which no role is called", Shown(name)),
                "give the part before the colon, without spaces around it; `*` is for contexts only",
            );
        } else if names[..i].contains(name) {
            report(format!("repeats \"{}\"", Shown(name)), "name each role once");
        }
    }
}

/// The mapping as it stands in a settings file.
///
/// An unknown field is an error, and so is a system role that stands there twice.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::{Rbac, RbacSettings};
///
/// let settings: RbacSettings = serde_json::from_str(
///     r#"{
///         "feature_roles": ["report_reader", "report_editor"],
///         "system_roles": {
///             "enterprise_learner": ["report_reader"],
///             "enterprise_admin": ["report_reader", "report_editor"]
///         }
///     }"#,
/// )?;
/// let rbac = Rbac::try_from(settings)?;
/// # drop(rbac);
///
/// let typo: RbacSettings =
///     serde_json::from_str(r#"{"feature_roles": ["reader"], "system_roles": {"staff": ["raeder"]}}"#)?;
/// assert_eq!(
///     Rbac::try_from(typo).unwrap_err().to_string(),
///     "wrong configuration:
///   system_roles.staff[0] is the unknown feature role \"raeder\"; use one of feature_roles, or add it there"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RbacSettings {
    feature_roles: Vec<String>,
    system_roles: Entries,
    #[serde(default)]
    everywhere_without_context: Vec<String>,
    #[serde(default)]
    log_names: bool,
}

impl TryFrom<RbacSettings> for Rbac {
    type Error = ConfigError;

    fn try_from(settings: RbacSettings) -> Result<Self, ConfigError> {
        let builder = RbacBuilder {
            features: settings.feature_roles,
            system_roles: settings.system_roles.0,
            everywhere_without_context: settings.everywhere_without_context,
            names_roles_in_log: settings.log_names,
        };
        builder.build()
    }
}

/// A map in its own order and with its repetitions, so that these can be refused.
#[derive(Clone, Debug)]
struct Entries(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from system roles to lists of feature roles")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(result: Result<Rbac, ConfigError>) -> Vec<String> {
        let problems = result.unwrap_err();
        problems.problems().iter().map(|problem| format!("{} {}", problem.setting, problem.problem)).collect()
    }

    #[test]
    fn every_mistake_is_named_with_its_entry() {
        let built = Rbac::builder(["reader", "", "reader", "a:b", " x", "*"])
            .system_role("staff", ["reader", "raeder", ""])
            .system_role("staff", ["reader"])
            .system_role("", ["reader"])
            .system_role("idle", [""; 0])
            .system_role("two:parts", ["reader", "reader"])
            .everywhere_without_context("nobody")
            .build();

        assert_eq!(
            problems(built),
            [
                "feature_roles[1] is an empty name",
                "feature_roles[2] repeats \"reader\"",
                "feature_roles[3] is \"a:b\", which no role is called",
                "feature_roles[4] is \" x\", which no role is called",
                "feature_roles[5] is \"*\", which no role is called",
                "system_roles[1] repeats \"staff\"",
                "system_roles[2] is an empty name",
                "system_roles[4] is \"two:parts\", which no role is called",
                "system_roles.staff[2] is an empty name",
                "system_roles.staff[1] is the unknown feature role \"raeder\"",
                "system_roles.idle gives no feature role",
                "system_roles.two:parts[1] repeats \"reader\"",
                "everywhere_without_context[0] is the unknown system role \"nobody\"",
            ]
        );
    }

    #[test]
    fn no_feature_role_at_all_is_a_mistake() {
        assert_eq!(problems(Rbac::builder([""; 0]).build()), ["feature_roles is empty"]);
    }

    #[test]
    fn a_file_is_read_strictly() {
        let read = |json: &str| serde_json::from_str::<RbacSettings>(json);

        let twice = read(r#"{"feature_roles":["a"],"system_roles":{"s":["a"],"s":["a"]}}"#).unwrap();
        assert_eq!(problems(Rbac::try_from(twice)), ["system_roles[1] repeats \"s\""]);
        for malformed in [
            r#"{"feature_roles":["a"]}"#,
            r#"{"feature_roles":["a"],"system_roles":{"s":"a"}}"#,
            r#"{"feature_roles":["a"],"system_roles":{"s":null}}"#,
            r#"{"feature_roles":["a"],"system_roles":[]}"#,
            r#"{"feature_roles":["a"],"system_roles":{},"sytem_roles":{}}"#,
        ] {
            assert!(read(malformed).is_err(), "{malformed}");
        }
    }
}
