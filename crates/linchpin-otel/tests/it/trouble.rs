//! Collectors that are down, slow, or something else altogether.

use std::{net::TcpListener, time::Duration};

use linchpin_otel::Delivered;

use crate::support::{Collector, Manner, PATIENCE, lines, serve, telemetry};

/// What is left of telemetry after a number of requests, when the collector answers in some manner.
async fn after(manner: Manner, count: usize, timeout: &str) -> (Collector, Delivered) {
    let collector = Collector::start(manner);
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", timeout),
    ]);
    serve(&telemetry, count);
    telemetry.flush(PATIENCE).await;
    let delivered = telemetry.delivered().traces;
    telemetry.shutdown(PATIENCE).await;
    (collector, delivered)
}

#[tokio::test]
async fn what_a_collector_will_not_have_is_counted_and_told_once_by_a_line_that_shows_nothing_of_the_answer()
{
    for status in [400, 401, 403, 404, 413, 500, 501, 302] {
        let (collector, delivered) = after(Manner::Status(status), 1100, LONG).await;

        assert_eq!((delivered.exported, delivered.refused), (0, 1100), "{status}");
        let told = lines(&collector.address.to_string());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&status.to_string()) && !told[0].contains("hunter2"), "{told:?}");
        assert_eq!(collector.requests().len(), 3, "no batch is sent twice");
    }
}

#[tokio::test]
async fn a_page_of_html_is_no_collectors_answer() {
    let (collector, delivered) = after(Manner::Html, 3, LONG).await;

    assert_eq!((delivered.exported, delivered.refused), (0, 3));
    let told = lines(&collector.address.to_string());
    assert!(told.len() == 1 && told[0].contains("HTML") && !told[0].contains("hunter2"), "{told:?}");
}

#[tokio::test]
async fn a_collector_that_is_busy_or_never_answers_loses_the_batch_after_the_timeout() {
    for manner in [Manner::Never, Manner::Status(503), Manner::Status(429)] {
        let (collector, delivered) = after(manner.clone(), 3, "300").await;

        assert_eq!((delivered.exported, delivered.undelivered), (0, 3), "{manner:?}");
        assert_eq!(lines(&collector.address.to_string()).len(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_a_counter() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "100"),
    ]);

    serve(&telemetry, 3);
    telemetry.flush(PATIENCE).await;

    assert_eq!(telemetry.delivered().traces.undelivered, 3);
    assert_eq!(lines(&address.to_string()).len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_read_up_to_a_bound() {
    let (_, delivered) = after(Manner::Endless, 3, LONG).await;

    assert_eq!(delivered.exported, 3);
}

#[tokio::test]
async fn a_part_that_was_refused_is_counted() {
    let (collector, delivered) = after(Manner::Partial(2), 5, LONG).await;

    assert_eq!((delivered.exported, delivered.refused), (3, 2));
    let told = lines(&collector.address.to_string());
    assert!(told.len() == 1 && told[0].contains(r"no\\nroom"), "{told:?}");
}

#[tokio::test]
async fn a_queue_that_is_full_drops_and_counts_and_requests_go_on() {
    let collector = Collector::start(Manner::Never);
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
    ]);

    // One batch may be under way already, the next one waits.
    serve(&telemetry, 1000);

    let dropped = telemetry.delivered().traces.overflow;
    assert!((900..=990).contains(&dropped), "{dropped}");
}

#[tokio::test]
async fn recovery_is_told_once_too() {
    let collector = Collector::start(Manner::Status(400));
    let telemetry = telemetry(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]);
    for manner in [Manner::Status(400), Manner::Status(404), Manner::Well, Manner::Well, Manner::Html] {
        collector.set(manner);
        serve(&telemetry, 1);
        telemetry.flush(PATIENCE).await;
    }

    let told = lines(&collector.address.to_string());
    let messages = ["does not arrive", "arrives again", "does not arrive"];
    assert_eq!(told.len(), messages.len(), "{told:?}");
    assert!(told.iter().zip(messages).all(|(line, message)| line.contains(message)), "{told:?}");
    assert!(told[1].contains(r#""lost":2"#), "{told:?}");
}

#[tokio::test]
async fn shutting_down_ends_with_its_deadline_and_dropping_at_once() {
    let collector = Collector::start(Manner::Never);
    let vars =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")];

    let telemetry_that_is_shut_down = telemetry(&vars);
    serve(&telemetry_that_is_shut_down, 3);
    let telemetry_that_is_dropped = telemetry(&vars);
    serve(&telemetry_that_is_dropped, 3);

    // Either would hang for an hour if it waited for the collector.
    telemetry_that_is_shut_down.shutdown(Duration::from_millis(100)).await;
    drop(telemetry_that_is_dropped);
}

/// A timeout that no answer takes.
const LONG: &str = "30000";
