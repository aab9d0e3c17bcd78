//! Who it is that all telemetry comes from.

use std::fs;

use linchpin_core::{Clock, SystemClock};
use opentelemetry_proto::tonic::{common::v1::KeyValue, resource::v1::Resource};

use crate::{
    value::key_value,
    vars::{Vars, pairs},
};

/// The attributes of the process, by name; each is there once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    /// What the variables say, else what the system says, else what the service says of itself.
    pub(crate) fn read(service: &str, version: Option<&str>, vars: &mut Vars) -> Self {
        let mut facts = Self(Vec::new());
        if let Some(name) = vars.text("OTEL_SERVICE_NAME") {
            facts.add("service.name", name);
        }
        const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
        if let Some(text) = vars.text(ATTRIBUTES) {
            match pairs(&text) {
                Ok(pairs) => pairs.into_iter().for_each(|(name, value)| facts.add(&name, value)),
                Err(problem) => {
                    let fix = "give, for example, deployment.environment.name=production,team=grading";
                    vars.problems.report(ATTRIBUTES, problem, fix);
                }
            }
        }
        facts.add("service.name", service);
        for (attribute, names) in FROM_VARIABLES {
            if let Some(value) = names.iter().find_map(|name| vars.text(name)) {
                facts.add(attribute, value);
            }
        }
        if let Some(version) = version {
            facts.add("service.version", version);
        }
        // Unique rather than telling: names of hosts are used again.
        facts.add("service.instance.id", linchpin_trace::mint_request_id(SystemClock.now()).as_str());
        facts.add("process.pid", std::process::id().to_string());
        if let Some(id) = container_id() {
            facts.add("container.id", id);
        }
        facts.add("telemetry.sdk.name", "linchpin");
        facts.add("telemetry.sdk.language", "rust");
        facts.add("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        facts
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn to_proto(&self) -> Resource {
        let attributes: Vec<KeyValue> =
            self.iter().map(|(name, value)| key_value(name, value.to_owned())).collect();
        Resource { attributes, ..Resource::default() }
    }

    /// Adds a fact, unless it is there already.
    fn add(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.0.push((name.to_owned(), value.into()));
        }
    }
}

fn container_id() -> Option<String> {
    let read = |path| fs::read_to_string(path).ok();
    read("/proc/self/cgroup")
        .and_then(|text| id_of_cgroup(&text))
        .or_else(|| read("/proc/self/mountinfo").and_then(|text| id_of_mounts(&text)))
}

/// In version 1 of control groups the path ends with the id, perhaps between a runtime's name and `.scope`.
fn id_of_cgroup(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let last = line.rsplit('/').next()?;
        let last = last.strip_suffix(".scope").unwrap_or(last);
        container_name(last.rsplit(['-', ':']).next()?)
    })
}

/// In version 2 the path says nothing, and the runtime's own mounts do.
fn id_of_mounts(text: &str) -> Option<String> {
    let is_own = |line: &&str| line.contains("/containers/") || line.contains("/sandboxes/");
    text.lines().filter(is_own).find_map(|line| line.split(['/', ' ']).find_map(container_name))
}

fn container_name(text: &str) -> Option<String> {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_owned())
}

/// Attributes that are taken from variables, the first that is set; on Kubernetes they come from the downward API.
pub(crate) const FROM_VARIABLES: &[(&str, &[&str])] = &[
    ("service.version", &["SERVICE_VERSION"]),
    ("vcs.ref.head.revision", &["GIT_SHA", "GIT_COMMIT", "SOURCE_COMMIT"]),
    ("host.name", &["HOSTNAME"]),
    ("k8s.pod.name", &["K8S_POD_NAME", "POD_NAME"]),
    ("k8s.pod.uid", &["K8S_POD_UID", "POD_UID"]),
    ("k8s.namespace.name", &["K8S_NAMESPACE_NAME", "POD_NAMESPACE"]),
    ("k8s.node.name", &["K8S_NODE_NAME", "NODE_NAME"]),
    ("k8s.container.name", &["K8S_CONTAINER_NAME", "CONTAINER_NAME"]),
    ("k8s.deployment.name", &["K8S_DEPLOYMENT_NAME"]),
    ("k8s.cluster.name", &["K8S_CLUSTER_NAME"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(vars: &[(&str, &str)]) -> (Facts, Vars) {
        let mut vars = Vars::of(vars.iter().map(|(name, value)| (name.into(), value.into())));
        (Facts::read("grades", Some("1.2.3"), &mut vars), vars)
    }

    #[test]
    fn variables_count_before_what_the_service_says() {
        let (plain, _) = facts(&[]);
        let (set, _) = facts(&[
            ("OTEL_SERVICE_NAME", "marks"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,service.version=9,team=a%20b"),
            ("GIT_COMMIT", "cafe"),
            ("POD_NAMESPACE", "school"),
        ]);

        assert_eq!(plain.get("service.name"), Some("grades"));
        assert_eq!(plain.get("service.version"), Some("1.2.3"));
        assert!(plain.get("service.instance.id").is_some());
        assert_eq!(set.get("service.name"), Some("marks"));
        assert_eq!(set.get("service.version"), Some("9"));
        assert_eq!(set.get("team"), Some("a b"));
        assert_eq!(set.get("vcs.ref.head.revision"), Some("cafe"));
        assert_eq!(set.get("k8s.namespace.name"), Some("school"));
        assert_eq!(set.iter().filter(|(name, _)| *name == "service.name").count(), 1);
    }

    #[test]
    fn attributes_that_do_not_parse_are_a_problem() {
        let (_, vars) = facts(&[("OTEL_RESOURCE_ATTRIBUTES", "team")]);

        let problems = vars.problems.problems();
        assert_eq!(problems[0].setting, "OTEL_RESOURCE_ATTRIBUTES");
        assert_eq!(problems[0].problem, "has an item 1 without an equals sign");
    }

    #[test]
    fn the_container_is_found_in_both_versions_of_control_groups() {
        let id = "3e1bd5b9c5a5f0a3c1e2d4f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f70";

        for line in [
            format!("12:cpu:/docker/{id}"),
            format!("1:name=systemd:/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("0::/system.slice/containerd.service/kubepods:cri-containerd:{id}"),
        ] {
            assert_eq!(id_of_cgroup(&line).as_deref(), Some(id), "{line}");
        }
        let mounts = format!(
            "1 2 0:1 / / rw - overlay overlay rw\n3 4 8:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/sda rw"
        );
        assert_eq!(id_of_mounts(&mounts).as_deref(), Some(id));
        for nothing in ["", "0::/", "0::/user.slice/session-1.scope", "12:cpu:/docker/short"] {
            assert_eq!(id_of_cgroup(nothing), None, "{nothing}");
            assert_eq!(id_of_mounts(nothing), None, "{nothing}");
        }
    }
}
