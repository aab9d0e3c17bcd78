//! What all metrics are at one moment, on their way to whoever asked.

use super::{MetricInfo, MetricKind, histogram::Counted, table::MAX_SERIES};
use crate::value::Value;

/// A picture of all metrics at one moment, to which [sources](crate::Telemetry::watch) add their numbers.
///
/// A metric has at most 1000 series; what comes beyond is added up in one, with the attribute `otel.metric.overflow`.
#[derive(Debug, Default)]
pub struct Readings {
    families: Vec<Family>,
}

/// One metric and its series.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) info: MetricInfo,
    pub(crate) points: Vec<Point>,
}

/// One series of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) attributes: Vec<(&'static str, Value)>,
    pub(crate) number: Number,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
    Histogram(Counted),
}

impl Readings {
    /// Adds one number of a metric, with the values of its attributes in their order; empty ones are left out.
    ///
    /// A counter is given as a whole, as it stands since the start. A number that is not finite is left out.
    pub fn add(&mut self, metric: &MetricInfo, values: &[&str], number: f64) {
        if !number.is_finite() || metric.kind == MetricKind::Histogram {
            return;
        }
        let attributes = metric.attributes.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let attributes = attributes.map(|(name, value)| (*name, Value::from(clip(value)))).collect();
        self.push(*metric, Point { attributes, number: Number::Float(number) });
    }

    pub(crate) fn push(&mut self, info: MetricInfo, point: Point) {
        let at = self.families.iter().position(|family| family.info.name == info.name).unwrap_or_else(|| {
            self.families.push(Family { info, points: Vec::new() });
            self.families.len() - 1
        });
        let points = &mut self.families[at].points;
        if let Some(known) = points.iter_mut().find(|known| known.attributes == point.attributes) {
            // Two sources of one series would be an error to whoever reads them.
            return known.number.merge(point.number, info.kind);
        }
        if points.len() < MAX_SERIES {
            points.push(point);
        } else {
            match points.iter_mut().find(|known| is_overflow(known)) {
                Some(overflow) => overflow.number.merge(point.number, info.kind),
                None => points.push(Point { attributes: overflow_attributes(), ..point }),
            }
        }
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.families
    }

    pub(crate) fn points(&self) -> usize {
        self.families.iter().map(|family| family.points.len()).sum()
    }
}

impl Number {
    fn merge(&mut self, other: Self, kind: MetricKind) {
        match (self, other) {
            (Self::Integer(known), Self::Integer(other)) => *known = known.saturating_add(other),
            (Self::Float(known), Self::Float(other)) if kind == MetricKind::Counter => *known += other,
            // Of two gauges the last one counts.
            (known, other) => *known = other,
        }
    }
}

pub(crate) fn overflow_attributes() -> Vec<(&'static str, Value)> {
    vec![(OVERFLOW, Value::Boolean(true))]
}

fn is_overflow(point: &Point) -> bool {
    point.attributes.first().is_some_and(|(name, _)| *name == OVERFLOW)
}

fn clip(text: &str) -> &str {
    crate::value::clipped(text, MAX_LABEL)
}

const OVERFLOW: &str = "otel.metric.overflow";
const MAX_LABEL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTED: MetricInfo =
        MetricInfo::counter("grades.exported", "{grade}", "Grades.", &["course", "term"]);

    #[test]
    fn values_stand_at_their_attributes_and_empty_ones_nowhere() {
        let mut readings = Readings::default();
        readings.add(&EXPORTED, &["a", ""], 1.0);
        readings.add(&EXPORTED, &["a", "b"], 2.0);
        readings.add(&EXPORTED, &["a", "b"], 3.0);
        readings.add(&EXPORTED, &["c", "d", "e"], f64::NAN);

        let [family] = readings.families() else { panic!("{readings:?}") };
        let first = Point { attributes: vec![("course", "a".into())], number: Number::Float(1.0) };
        let second = vec![("course", "a".into()), ("term", "b".into())];
        assert_eq!(family.points, [first, Point { attributes: second, number: Number::Float(5.0) }]);
    }

    #[test]
    fn a_source_that_makes_up_attributes_fills_one_series() {
        let mut readings = Readings::default();
        for at in 0..5000 {
            readings.add(&EXPORTED, &[&at.to_string()], 1.0);
        }

        let points = &readings.families()[0].points;
        assert_eq!(points.len(), MAX_SERIES + 1);
        let last = points.last().unwrap();
        assert_eq!(
            (last.attributes.clone(), last.number.clone()),
            (overflow_attributes(), Number::Float(4000.0))
        );
    }
}
