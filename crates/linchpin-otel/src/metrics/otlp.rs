//! Metrics as OTLP has them.

use linchpin_core::Timestamp;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{InstrumentationScope, KeyValue},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point::Value as NumberValue,
    },
    resource::v1::Resource,
};
use prost::Message;

use super::{
    MetricKind, Readings,
    readings::{Family, Number, Point},
};
use crate::{
    spans::nanos,
    value::{Value, key_value},
};

/// A request with everything that was read; all numbers count from the start of the process.
pub(crate) fn request(
    readings: &Readings,
    resource: Resource,
    scope: InstrumentationScope,
    (began, now): (Timestamp, Timestamp),
) -> Vec<u8> {
    let metrics = readings.families().iter().map(|family| metric(family, nanos(began), nanos(now))).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
    let resource_metrics =
        ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }.encode_to_vec()
}

fn metric(Family { info, points }: &Family, start_time_unix_nano: u64, time_unix_nano: u64) -> Metric {
    let numbers = || {
        let number = |point: &Point| {
            let value = match point.number {
                Number::Integer(number) => NumberValue::AsInt(number),
                Number::Float(number) => NumberValue::AsDouble(number),
                Number::Histogram(_) => return None,
            };
            Some(NumberDataPoint {
                attributes: attributes(&point.attributes),
                start_time_unix_nano,
                time_unix_nano,
                value: Some(value),
                ..NumberDataPoint::default()
            })
        };
        points.iter().filter_map(number).collect()
    };
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let data = match info.kind {
        // Requests under way rise and fall, and add up over instances: a sum, as the conventions ask.
        MetricKind::Gauge if info.name == super::catalogue::SERVER_ACTIVE.name => {
            Data::Sum(Sum { data_points: numbers(), aggregation_temporality, is_monotonic: false })
        }
        MetricKind::Gauge => Data::Gauge(Gauge { data_points: numbers() }),
        MetricKind::Counter => {
            Data::Sum(Sum { data_points: numbers(), aggregation_temporality, is_monotonic: true })
        }
        MetricKind::Histogram => {
            let histogram = |point: &Point| {
                let Number::Histogram(counted) = &point.number else { return None };
                Some(HistogramDataPoint {
                    attributes: attributes(&point.attributes),
                    start_time_unix_nano,
                    time_unix_nano,
                    count: counted.count(),
                    sum: Some(counted.sum),
                    bucket_counts: counted.counts.clone(),
                    explicit_bounds: counted.bounds.to_vec(),
                    ..HistogramDataPoint::default()
                })
            };
            let data_points = points.iter().filter_map(histogram).collect();
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }
    };
    Metric {
        name: info.name.to_owned(),
        description: info.description.to_owned(),
        unit: info.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn attributes(attributes: &[(&'static str, Value)]) -> Vec<KeyValue> {
    attributes.iter().map(|(name, value)| key_value(name, value.clone())).collect()
}
