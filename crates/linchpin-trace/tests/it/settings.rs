//! The observer's variables.

use linchpin_core::{Clock, ConfigError, FakeClock};
use linchpin_trace::{Observer, SETTINGS};

use crate::support::begin;

fn read(vars: &[(&str, &str)]) -> Result<Observer, ConfigError> {
    Observer::from_vars("grades", vars.iter().map(|(name, value)| (name.into(), value.into())))
}

fn wrong(vars: &[(&str, &str)]) -> Vec<String> {
    read(vars).unwrap_err().problems().iter().map(|problem| problem.setting.clone()).collect()
}

#[test]
fn every_variable_is_read() {
    let observer = read(&[
        ("TRUSTED_PROXIES", "private, 192.0.2.0/24"),
        ("CLIENT_ADDRESS_HEADER", "forwarded"),
        ("REQUEST_ID_TRUST", "proxies"),
        ("LOG_HEALTH_CHECKS", "100"),
        ("LOG_HEALTH_PATHS", "/up, /ready"),
        ("CODE_OWNERS_FILE", ""),
    ]);

    let shown = format!("{:?}", observer.unwrap());
    for part in ["192.0.2.0", "Forwarded", "Proxies", "OneIn(100)"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn all_that_is_wrong_is_reported_by_the_variables_names() {
    let settings = wrong(&[
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("CLIENT_ADDRESS_HEADER", "a b"),
        ("REQUEST_ID_TRUST", "yes"),
        ("LOG_HEALTH_CHECKS", "0"),
        ("LOG_HEALTH_PATHS", "healthz"),
        ("CODE_OWNERS_FILE", "/nonexistent/owners"),
        ("REQUEST_TIMEOUT", "soon"),
        ("REQUEST_TIMEOUT_HEADER", "a b"),
    ]);

    assert_eq!(
        settings,
        [
            "TRUSTED_PROXIES",
            "CLIENT_ADDRESS_HEADER",
            "REQUEST_ID_TRUST",
            "LOG_HEALTH_CHECKS",
            "LOG_HEALTH_PATHS",
            "CODE_OWNERS_FILE",
            "REQUEST_TIMEOUT",
            "REQUEST_TIMEOUT_HEADER"
        ]
    );
    for bad in ["0", "-1", "1.5", "1s", "99999999999999999999"] {
        assert_eq!(wrong(&[("REQUEST_TIMEOUT", bad)]), ["REQUEST_TIMEOUT"], "{bad}");
    }
}

#[test]
fn the_limit_of_a_request_and_its_header_can_be_set() {
    let observer = read(&[("REQUEST_TIMEOUT", "30"), ("REQUEST_TIMEOUT_HEADER", "X-Time-Left")]).unwrap();
    let clock = FakeClock::default();
    let observer = observer.clock(clock.clone());
    let left = |headers: &[(&str, &str)]| {
        let deadline = begin(&observer, "/", headers).context().deadline().unwrap();
        deadline.remaining(clock.instant()).as_millis()
    };

    assert_eq!(left(&[]), 30_000);
    assert_eq!(left(&[("x-time-left", "700"), ("x-request-timeout-ms", "1")]), 700);
}

#[test]
fn a_setting_about_proxies_needs_proxies() {
    assert_eq!(wrong(&[("CLIENT_ADDRESS_HEADER", "x-real-ip")]), ["CLIENT_ADDRESS_HEADER"]);
    assert_eq!(wrong(&[("REQUEST_ID_TRUST", "proxies"), ("TRUSTED_PROXIES", "0")]), ["REQUEST_ID_TRUST"]);
}

#[test]
fn the_documentation_shows_the_table() {
    let row = |setting: &linchpin_trace::Setting| {
        format!("| `{}` | {} | {} |\n", setting.name, setting.meaning, setting.default)
    };
    let table: String = SETTINGS.iter().map(row).collect();

    let docs = include_str!("../../../../docs/settings.md");

    assert!(docs.contains(&table), "docs/settings.md should hold:\n\n{table}");
}

#[test]
fn every_variable_of_the_table_is_read() {
    for setting in SETTINGS {
        let vars = || [(setting.name.into(), "\u{1}".into())];
        let is_read = Observer::from_vars("grades", vars()).is_err()
            || linchpin_trace::Logs::from_vars(vars()).is_err();
        assert!(is_read, "{}", setting.name);
    }
}
