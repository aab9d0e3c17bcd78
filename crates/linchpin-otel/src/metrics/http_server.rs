//! The numbers of requests.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use linchpin_trace::{AuthOutcome, MeterRequests, MeteredHead, RequestSummary};

use super::{
    catalogue::{AUTH_REQUESTS, SERVER_ACTIVE, SERVER_DURATION, SERVER_REQUEST_SIZE, SERVER_RESPONSE_SIZE},
    histogram::{BYTES, Histogram, SECONDS},
    readings::{Number, Point, Readings, overflow_attributes},
    table::{MAX_SERIES, Table},
};
use crate::value::Value;

/// Meters requests; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct HttpServer(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    active: Table<MeteredHead, AtomicI64>,
    ended: Table<Ended, Sizes>,
    auth: Table<Auth, AtomicU64>,
}

/// By what requests are told apart.
#[derive(Debug)]
struct Ended {
    head: MeteredHead,
    route: Option<Box<str>>,
    status: Option<u16>,
    error: Option<&'static str>,
}

#[derive(Debug)]
struct Auth {
    outcome: AuthOutcome,
    issuer: Option<Box<str>>,
}

/// Three metrics of the same attributes, found at once.
#[derive(Debug)]
struct Sizes {
    duration: Histogram,
    request: Histogram,
    response: Histogram,
}

impl HttpServer {
    pub(crate) fn new() -> Self {
        let sizes = || Sizes {
            duration: Histogram::new(SECONDS),
            request: Histogram::new(BYTES),
            response: Histogram::new(BYTES),
        };
        Self(Arc::new(Tables {
            active: Table::new(MAX_SERIES, AtomicI64::default),
            ended: Table::new(MAX_SERIES, sizes),
            auth: Table::new(MAX_SERIES, AtomicU64::default),
        }))
    }

    pub(crate) fn read(&self, readings: &mut Readings) {
        let Tables { active, ended, auth } = &*self.0;
        active.each(|head, count| {
            let count = count.load(Ordering::Relaxed);
            let attributes = head.map(head_attributes);
            if attributes.is_some() || count != 0 {
                readings.push(SERVER_ACTIVE, point(attributes, Number::Integer(count)));
            }
        });
        ended.each(|key, sizes| {
            for (info, histogram) in [
                (SERVER_DURATION, &sizes.duration),
                (SERVER_REQUEST_SIZE, &sizes.request),
                (SERVER_RESPONSE_SIZE, &sizes.response),
            ] {
                let counted = histogram.read();
                if counted.count() > 0 {
                    readings.push(info, point(key.map(Ended::attributes), Number::Histogram(counted)));
                }
            }
        });
        auth.each(|key, count| {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let number = Number::Integer(i64::try_from(count).unwrap_or(i64::MAX));
                readings.push(AUTH_REQUESTS, point(key.map(Auth::attributes), number));
            }
        });
    }
}

impl MeterRequests for HttpServer {
    fn began(&self, head: MeteredHead) {
        self.active(head, 1);
    }

    fn ended(&self, summary: &RequestSummary<'_>) {
        let RequestSummary { head, route, status, error, auth, issuer, .. } = *summary;
        self.active(head, -1);
        self.0.ended.update(
            (head, route, status, error),
            |known| {
                known.head == head
                    && known.route.as_deref() == route
                    && known.status == status
                    && known.error == error
            },
            || Ended { head, route: route.map(Into::into), status, error },
            |sizes| {
                sizes.duration.record(summary.duration.as_secs_f64());
                if let Some(bytes) = summary.request_bytes {
                    sizes.request.record(bytes as f64);
                }
                sizes.response.record(summary.response_bytes as f64);
            },
        );
        if auth != AuthOutcome::NotAsked {
            self.0.auth.update(
                (auth.as_str(), auth.reason(), issuer),
                |known| known.outcome == auth && known.issuer.as_deref() == issuer,
                || Auth { outcome: auth, issuer: issuer.map(Into::into) },
                |count| {
                    count.fetch_add(1, Ordering::Relaxed);
                },
            );
        }
    }
}

impl HttpServer {
    fn active(&self, head: MeteredHead, change: i64) {
        let update = |count: &AtomicI64| {
            count.fetch_add(change, Ordering::Relaxed);
        };
        self.0.active.update(head, |known| *known == head, || head, update);
    }
}

impl Ended {
    fn attributes(&self) -> Vec<(&'static str, Value)> {
        let mut attributes = head_attributes(&self.head);
        // A request that no route has matched has no such attribute: all of them are one series.
        attributes.extend(self.route.as_deref().map(|route| ("http.route", route.into())));
        if let Some(status) = self.status {
            attributes.push(("http.response.status_code", Value::Integer(status.into())));
        }
        let server_error = self.status.filter(|status| *status >= 500).map(|status| status.to_string());
        let error = self.error.map(Value::from).or(server_error.map(Value::from));
        attributes.extend(error.map(|error| ("error.type", error)));
        attributes
    }
}

impl Auth {
    fn attributes(&self) -> Vec<(&'static str, Value)> {
        let mut attributes = vec![("auth.outcome", self.outcome.as_str().into())];
        attributes.extend(self.outcome.reason().map(|reason| ("auth.reason", reason.into())));
        attributes.extend(self.issuer.as_deref().map(|issuer| ("auth.issuer", issuer.into())));
        attributes
    }
}

fn head_attributes(head: &MeteredHead) -> Vec<(&'static str, Value)> {
    vec![("http.request.method", head.method.into()), ("url.scheme", head.scheme.into())]
}

/// A point of a series, or of the one for what was too much.
fn point(attributes: Option<Vec<(&'static str, Value)>>, number: Number) -> Point {
    Point { attributes: attributes.unwrap_or_else(overflow_attributes), number }
}
