//! The routes of a service, each with its policy.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::Policy;

/// The routes of a service, each with its policy: what the adapters' `Routes` declare.
///
/// It prints as text, a line for each route, and serializes to JSON, so that a review or a test sees who may call what.
/// Nothing serves it.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Policy, RouteTable, scopes};
///
/// scopes! { pub GradesRead = "grades:read"; }
///
/// let mut table = RouteTable::default();
/// table.add("GET", "/healthz", Policy::public());
/// table.add("GET", "/grades", Policy::require::<GradesRead>());
///
/// assert_eq!(table.to_string(), "\
/// GET  /healthz  public
/// GET  /grades   scope grades:read
/// ");
/// assert_eq!(
///     table.to_json(),
///     r#"[{"method":"GET","path":"/healthz","policy":"public"},{"method":"GET","path":"/grades","policy":"require","any_of":[{"scopes":["grades:read"]}]}]"#
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<DeclaredRoute>,
}

/// One route of a [`RouteTable`].
#[derive(Clone, Debug)]
pub struct DeclaredRoute {
    method: &'static str,
    path: String,
    policy: Policy,
}

impl RouteTable {
    /// Adds a route; the method is `*` for all of them.
    pub fn add(&mut self, method: &'static str, path: impl Into<String>, policy: Policy) {
        self.routes.push(DeclaredRoute { method, path: path.into(), policy });
    }

    /// Adds the routes of another table.
    pub fn merge(&mut self, other: Self) {
        self.routes.extend(other.routes);
    }

    /// Adds the routes of another table below a path.
    pub fn nest(&mut self, prefix: &str, other: Self) {
        let prefix = prefix.trim_end_matches('/');
        self.routes.extend(other.routes.into_iter().map(|mut route| {
            route.path = if route.path == "/" && !prefix.is_empty() {
                prefix.to_owned()
            } else {
                format!("{prefix}{}", route.path)
            };
            route
        }));
    }

    /// The routes, in the order in which they were declared.
    pub fn routes(&self) -> impl Iterator<Item = &DeclaredRoute> {
        self.routes.iter()
    }

    /// The table as JSON: a list of objects with `method`, `path` and `policy`, and with `any_of` where one is required.
    ///
    /// `"restricted":true` stands where restricted applications are let in (profile `open_edx`).
    pub fn to_json(&self) -> String {
        // A list of maps with string keys has nothing that could fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&DeclaredRoute) -> &str| {
            self.routes.iter().map(|route| text(route).chars().count()).max().unwrap_or_default()
        };
        let (method, path) = (width(DeclaredRoute::method), width(DeclaredRoute::path));
        for route in &self.routes {
            writeln!(f, "{:method$}  {:path$}  {}", route.method, route.path, route.policy)?;
        }
        Ok(())
    }
}

impl Serialize for RouteTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.routes)
    }
}

impl DeclaredRoute {
    /// The method in capitals, or `*` for all of them.
    pub fn method(&self) -> &str {
        self.method
    }

    /// The path, as the framework spells patterns.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whom the route admits.
    pub fn policy(&self) -> Policy {
        self.policy
    }
}

impl Serialize for DeclaredRoute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("method", self.method)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("policy", self.policy.kind())?;
        if self.policy.kind() == "require" {
            map.serialize_entry("any_of", &self.policy.description())?;
        } else if self.policy.admits_restricted() {
            map.serialize_entry("restricted", &true)?;
        }
        map.end()
    }
}

/// How often something was reached that no route table declares; clones share the count.
///
/// # Examples
///
/// ```
/// use linchpin_core::Undeclared;
///
/// let undeclared = Undeclared::default();
/// undeclared.clone().count_one();
/// assert_eq!(undeclared.count(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Undeclared {
    count: Arc<AtomicU64>,
}

impl Undeclared {
    /// How often, since the start.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a request; for adapters.
    pub fn count_one(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_merged_and_nested() {
        let mut inner = RouteTable::default();
        inner.add("GET", "/", Policy::authenticated());
        inner.add("DELETE", "/{id}", Policy::optional());
        let mut table = RouteTable::default();
        table.add("GET", "/healthz", Policy::public());
        table.nest("/courses", inner.clone());
        table.merge(inner);

        assert_eq!(
            table.to_string(),
            "\
GET     /healthz       public
GET     /courses       authenticated
DELETE  /courses/{id}  optional
GET     /              authenticated
DELETE  /{id}          optional
"
        );
    }

    #[test]
    fn a_table_says_where_restricted_applications_are_let_in() {
        crate::scopes! { Read = "grades:read"; }
        let mut table = RouteTable::default();
        table.add("GET", "/a", Policy::authenticated().admit_restricted());
        table.add("GET", "/b", Policy::require::<crate::AdmitRestricted<Read>>());
        table.add("GET", "/c", Policy::require::<Read>().admit_restricted());
        table.add("GET", "/d", Policy::public().admit_restricted());

        assert_eq!(
            table.to_string(),
            "\
GET  /a  authenticated (restricted applications too)
GET  /b  scope grades:read (restricted applications too)
GET  /c  scope grades:read (restricted applications too)
GET  /d  public
"
        );
        let json = table.to_json();
        assert!(json.contains(r#""policy":"authenticated","restricted":true}"#), "{json}");
        assert_eq!(json.matches(r#"[{"scopes":["grades:read"],"restricted":true}]"#).count(), 2, "{json}");
        assert_eq!(json.matches("restricted").count(), 3, "{json}");
    }

    #[test]
    fn an_empty_table_prints_nothing() {
        assert_eq!(RouteTable::default().to_string(), "");
        assert_eq!(RouteTable::default().to_json(), "[]");
    }
}
