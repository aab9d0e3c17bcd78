//! What was measured, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    measure::{Measured, Plan},
    ways::Way,
};

/// One row of the result.
struct Row {
    way: Way,
    at_once: usize,
    micros: f64,
    ratio: f64,
    /// The quarter of the rounds with the smallest ratio lies below the first, that with the largest above the second.
    quartiles: (f64, f64),
}

pub(crate) fn table(plan: &Plan<'_>, measured: &Measured) -> String {
    let mut text = String::new();
    // A String takes whatever it is given.
    let _ = writeln!(
        text,
        "CPU time of the caller per call: median of {} rounds of {} calls each, and the ratio to reqwest in the same round",
        plan.rounds, plan.calls
    );
    let _ = writeln!(text, "{}", versions().map(|(name, version)| format!("{name} {version}")).join(", "));
    let _ = writeln!(text, "\n{:>7}  {:<38}{:>10}{:>8}  quartiles", "at once", "way", "µs", "ratio");
    for Row { way, at_once, micros, ratio, quartiles: (low, high) } in rows(plan, measured) {
        let name = way.name();
        let _ = writeln!(text, "{at_once:>7}  {name:<38}{micros:>10.2}{ratio:>8.3}  {low:.3}–{high:.3}");
    }
    text
}

pub(crate) fn json(plan: &Plan<'_>, measured: &Measured) -> Value {
    let versions: serde_json::Map<_, _> =
        versions().into_iter().map(|(name, version)| (name.to_owned(), version.into())).collect();
    let results: Vec<_> = rows(plan, measured)
        .into_iter()
        .map(|row| {
            json!({
                "way": row.way.name(),
                "at_once": row.at_once,
                "cpu_micros_per_call": row.micros,
                "ratio_to_reqwest": row.ratio,
                "ratio_quartiles": [row.quartiles.0, row.quartiles.1],
            })
        })
        .collect();
    json!({"rounds": plan.rounds, "calls": plan.calls, "versions": versions, "results": results})
}

fn rows(plan: &Plan<'_>, measured: &Measured) -> Vec<Row> {
    let row = |way: Way, at_once: usize| {
        let of = |way: Way| &measured[&(way.name(), at_once)];
        let mut ratios: Vec<_> = of(way).iter().zip(of(Way::Reqwest)).map(|(own, base)| own / base).collect();
        ratios.sort_by(f64::total_cmp);
        let mut nanos = of(way).clone();
        nanos.sort_by(f64::total_cmp);
        Row {
            way,
            at_once,
            micros: nanos[nanos.len() / 2] / 1000.0,
            ratio: ratios[ratios.len() / 2],
            quartiles: (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]),
        }
    };
    plan.at_once.iter().flat_map(|&at_once| plan.ways.iter().map(move |&way| row(way, at_once))).collect()
}

/// What was compared, as the lock file has it.
fn versions() -> [(&'static str, &'static str); 5] {
    ["linchpin-client", "reqwest", "reqwest-middleware", "reqwest-retry", "reqwest-tracing"].map(|name| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let version = LOCK.split_once(&entry).and_then(|(_, rest)| rest.split('"').next());
        (name, version.expect("what is compared is in the lock file"))
    })
}

const LOCK: &str = include_str!("../../Cargo.lock");

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan<'_> = Plan { ways: &[Way::Reqwest, Way::Linchpin], at_once: &[1], rounds: 3, calls: 10 };

    fn measured() -> Measured {
        let of = |way: Way, nanos: [f64; 3]| ((way.name(), 1), nanos.to_vec());
        // The machine was slow in the second round, for both.
        Measured::from([
            of(Way::Reqwest, [10_000.0, 40_000.0, 20_000.0]),
            of(Way::Linchpin, [11_000.0, 48_000.0, 23_000.0]),
        ])
    }

    #[test]
    fn a_ratio_is_the_median_of_those_within_a_round() {
        let result = &json(&PLAN, &measured())["results"];

        assert_eq!(
            (&result[0]["cpu_micros_per_call"], &result[0]["ratio_to_reqwest"]),
            (&json!(20.0), &json!(1.0))
        );
        assert_eq!(
            (&result[1]["cpu_micros_per_call"], &result[1]["ratio_to_reqwest"]),
            (&json!(23.0), &json!(1.15))
        );
        assert_eq!(result[1]["ratio_quartiles"], json!([1.1, 1.2]));
    }

    #[test]
    fn the_table_names_what_was_compared() {
        let table = table(&PLAN, &measured());

        assert!(table.contains("median of 3 rounds of 10 calls"), "{table}");
        assert!(table.contains("reqwest-middleware 0."), "{table}");
        assert!(table.lines().last().unwrap().contains("linchpin-client, no span"), "{table}");
    }
}
