//! What was measured, for people and for programs.

use std::{collections::HashMap, fmt::Write, fs, process::Command, thread};

use serde_json::{Value, json};

use crate::{
    case::Case,
    contenders::{Contender, NOT_MEASURED},
};

#[derive(Default)]
pub(crate) struct Measured {
    /// In each round.
    pub(crate) nanos: HashMap<(Contender, Case), Vec<f64>>,
    pub(crate) allocations: HashMap<(Contender, Case), f64>,
}

pub(crate) struct Report {
    rounds: usize,
    millis: usize,
    machine: String,
    versions: Vec<(String, String)>,
    rows: Vec<Row>,
}

struct Row {
    contender: Contender,
    case: Case,
    micros: f64,
    ratio: f64,
    /// The quarter of the rounds with the smallest ratio lies below the first, that with the largest above the second.
    quartiles: (f64, f64),
    allocations: f64,
}

impl Report {
    pub(crate) fn new(
        rounds: usize,
        millis: usize,
        pairs: &[(Contender, Case)],
        measured: &Measured,
    ) -> Self {
        let in_order = |case| pairs.iter().filter(move |pair| pair.1 == case);
        let rows = Case::ALL.into_iter().flat_map(in_order).map(|&(c, case)| Row::new(c, case, measured));
        Self { rounds, millis, machine: machine(), versions: versions(), rows: rows.collect() }
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // A String takes whatever it is given.
        let _ = writeln!(
            text,
            "One request, in process: median of {} rounds of {} ms each, its ratio to the bare framework in the same round, \
             allocations",
            self.rounds, self.millis
        );
        let _ = writeln!(text, "{}", self.machine);
        let versions = self.versions.iter().map(|(name, version)| format!("{name} {version}"));
        let _ = writeln!(text, "{}", versions.collect::<Vec<_>>().join(", "));
        for rows in self.rows.chunk_by(|row, next| row.case == next.case) {
            let name = rows[0].case.name();
            let _ =
                writeln!(text, "\n{name:<40}{:>10}{:>9}  {:<15}{:>6}", "µs", "ratio", "quartiles", "allocs");
            for row in rows {
                let (low, high) = row.quartiles;
                let quartiles = format!("{low:.2}–{high:.2}");
                let (name, micros, ratio) = (row.contender.name(), row.micros, row.ratio);
                let _ = writeln!(
                    text,
                    "  {name:<38}{micros:>10.3}{ratio:>9.2}  {quartiles:<15}{:>6.0}",
                    row.allocations
                );
            }
        }
        let _ = writeln!(text, "\nWithout a row:");
        for (name, why) in NOT_MEASURED {
            let _ = writeln!(text, "  {name}: {why}");
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let versions: serde_json::Map<_, _> =
            self.versions.iter().map(|(name, version)| (name.clone(), version.clone().into())).collect();
        let row = |row: &Row| {
            json!({
                "case": row.case.name(),
                "contender": row.contender.name(),
                "micros": row.micros,
                "ratio_to_bare": row.ratio,
                "ratio_quartiles": [row.quartiles.0, row.quartiles.1],
                "allocations": row.allocations,
            })
        };
        let without: serde_json::Map<_, _> =
            NOT_MEASURED.into_iter().map(|(name, why)| (name.to_owned(), why.into())).collect();
        json!({
            "rounds": self.rounds,
            "millis": self.millis,
            "machine": self.machine,
            "versions": versions,
            "results": self.rows.iter().map(row).collect::<Vec<_>>(),
            "not_measured": without,
        })
    }

    /// A bar for each row; its length is the logarithm of the ratio.
    pub(crate) fn svg(&self) -> String {
        const LINE: usize = 18;
        const LEFT: f64 = 290.0;
        const DECADE: f64 = 200.0;
        let mut lines = Vec::new();
        for rows in self.rows.chunk_by(|row, next| row.case == next.case) {
            lines.push((rows[0].case.name(), None));
            lines.extend(rows.iter().map(|row| (row.contender.name(), Some(row.ratio))));
        }
        let height = (lines.len() + 3) * LINE;
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{height}" font-family="sans-serif" font-size="12">"#
        );
        let _ = writeln!(svg, r#"<rect width="100%" height="100%" fill="white"/>"#);
        let _ = writeln!(
            svg,
            r#"<text x="10" y="{LINE}">Cost of a request as a multiple of the bare framework (logarithmic); {}</text>"#,
            escaped(&self.machine)
        );
        for (number, (name, ratio)) in lines.into_iter().enumerate() {
            let y = (number + 3) * LINE;
            let Some(ratio) = ratio else {
                let _ = writeln!(svg, r#"<text x="10" y="{y}" font-weight="bold">{}</text>"#, escaped(name));
                continue;
            };
            let width = (ratio.max(1.0).log10() * DECADE).max(1.0);
            let color = if name.starts_with("linchpin") { "#1b7f5c" } else { "#8a94a0" };
            let (top, end) = (y - 11, LEFT + width + 6.0);
            let _ = writeln!(svg, r#"<text x="20" y="{y}">{}</text>"#, escaped(name));
            let _ = writeln!(
                svg,
                r#"<rect x="{LEFT}" y="{top}" width="{width:.1}" height="13" fill="{color}"/>"#
            );
            let _ = writeln!(svg, r#"<text x="{end:.1}" y="{y}">{ratio:.2}×</text>"#);
        }
        svg + "</svg>\n"
    }
}

impl Row {
    fn new(contender: Contender, case: Case, measured: &Measured) -> Self {
        let mut nanos = measured.nanos[&(contender, case)].clone();
        let bare = &measured.nanos[&(contender.bare(), case)];
        let mut ratios: Vec<_> = nanos.iter().zip(bare).map(|(own, bare)| own / bare).collect();
        ratios.sort_by(f64::total_cmp);
        nanos.sort_by(f64::total_cmp);
        Self {
            contender,
            case,
            micros: nanos[nanos.len() / 2] / 1000.0,
            ratio: ratios[ratios.len() / 2],
            quartiles: (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]),
            allocations: measured.allocations[&(contender, case)],
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("an unknown processor", |(_, name)| name.trim());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    format!("{model}, {cores} cores, {}, {}", std::env::consts::OS, rustc.trim())
}

/// What was compared, as the lock file has it.
fn versions() -> Vec<(String, String)> {
    let version = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let versions = LOCK.split(&entry).skip(1).filter_map(|rest| rest.split('"').next());
        (name.to_owned(), versions.collect::<Vec<_>>().join(" and "))
    };
    COMPARED.map(version).to_vec()
}

const COMPARED: [&str; 10] = [
    "linchpin-jwt",
    "axum",
    "actix-web",
    "aws-lc-rs",
    "jsonwebtoken",
    "rsa",
    "jwt-authorizer",
    "tower-oauth2-resource-server",
    "axum-jwt-auth",
    "actix-web-httpauth",
];

const LOCK: &str = include_str!("../../Cargo.lock");

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let of = |contender, nanos: [f64; 3]| ((contender, Case::Hot), nanos.to_vec());
        // The machine was slow in the second round, for both.
        let nanos = HashMap::from([
            of(Contender::Axum, [1000.0, 4000.0, 2000.0]),
            of(Contender::LinchpinRouterLayer, [1100.0, 4800.0, 2300.0]),
        ]);
        let allocations = HashMap::from([
            ((Contender::Axum, Case::Hot), 10.0),
            ((Contender::LinchpinRouterLayer, Case::Hot), 14.0),
        ]);
        let pairs = [(Contender::Axum, Case::Hot), (Contender::LinchpinRouterLayer, Case::Hot)];
        Report::new(3, 20, &pairs, &Measured { nanos, allocations })
    }

    #[test]
    fn a_ratio_is_the_median_of_those_within_a_round() {
        let results = &report().json()["results"];

        assert_eq!((&results[0]["micros"], &results[0]["ratio_to_bare"]), (&json!(2.0), &json!(1.0)));
        assert_eq!((&results[1]["micros"], &results[1]["ratio_to_bare"]), (&json!(2.3), &json!(1.15)));
        assert_eq!(results[1]["ratio_quartiles"], json!([1.1, 1.2]));
        assert_eq!(results[1]["allocations"], 14.0);
    }

    #[test]
    fn the_table_names_what_was_compared_and_what_was_not() {
        let table = report().table();

        assert!(table.contains("median of 3 rounds of 20 ms"), "{table}");
        assert!(table.contains("jwt-authorizer 0."), "{table}");
        assert!(table.contains("axum-keycloak-auth: "), "{table}");
    }

    #[test]
    fn the_chart_has_a_bar_for_each_row() {
        let svg = report().svg();

        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("height=\"13\"").count(), 2, "{svg}");
        assert!(svg.contains("1.15×"), "{svg}");
    }
}
