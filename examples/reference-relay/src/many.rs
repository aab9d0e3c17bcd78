//! The relay for the test harness of W3C Trace Context.
//!
//! # Do not copy this
//!
//! It calls whatever URL a stranger names, which is what attackers wish for (server-side request forgery): by it they reach what only
//! this machine can reach. The harness needs it, because it tests whether the trace goes along. So it is served only while the
//! service itself can be reached from this machine alone, calls nothing but this machine, follows no redirect, sends no credential,
//! hands no answer back, and is bounded in size, number and time. Even so other services on this machine can be reached through
//! it, and a service in production has no such route.

use std::{collections::HashMap, future::Future, time::Duration};

use bytes::Bytes;
use linchpin::{
    client::{Client, Error, Retries},
    core::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use url::{Host, Url};

/// Makes the calls that a request lists as `[{"url": …, "arguments": …}]`, one after the other: a POST to each URL, with the arguments
/// as its JSON body and with the id and the trace of the current request.
///
/// `is_served` says whether only this machine can reach the service, and `is_from_elsewhere` whether the request has one of the headers
/// [`OF_ELSEWHERE`]. `body` reads the request's body, [`MAX_BODY`] bytes at most.
///
/// # Errors
///
/// 404 where it is not served; 403 to pages in browsers and to what comes through a proxy; 408, 413 and 400 for a body that comes too slowly, is too large, or is not such
/// a list of at most 32 calls; 502, 503 or 504 if a call fails, and then the rest is not made.
pub async fn relay_many(
    is_served: bool,
    is_from_elsewhere: bool,
    body: impl Future<Output = Result<Bytes, Unreadable>>,
) -> Result<Made, Problem> {
    if !is_served {
        return Err(Problem::new(404, "Not Found"));
    }
    if is_from_elsewhere {
        let detail = "This route is neither for pages in a browser nor for what comes through a proxy.";
        return Err(Problem::new(403, "Forbidden").detail(detail));
    }
    let body = timeout(READ_TIMEOUT, body)
        .await
        .map_err(|_| Problem::new(408, "Request Timeout").detail("The body did not come in time."))?;
    let calls = parse(&body.map_err(Problem::from)?).map_err(bad_request)?;

    let late = |_| Problem::new(504, "Gateway Timeout").detail("The calls took too long in all.");
    timeout(CALLS_TIMEOUT, make(calls)).await.map_err(late)?
}

/// What tells that a request does not come straight from a program of this machine: any page that is open in a browser here could make
/// one, and so could whoever reaches a proxy that stands here.
pub const OF_ELSEWHERE: [&str; 4] = ["origin", "forwarded", "x-forwarded-for", "via"];

/// Why the body of a request could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// It is larger than [`MAX_BODY`].
    TooLarge,
    /// It broke off, or was not sent as HTTP has it.
    Broken,
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::TooLarge => {
                Self::new(413, "Content Too Large").detail("The body is larger than 64 KiB.")
            }
            Unreadable::Broken => Self::new(400, "Bad Request").detail("The body broke off."),
        }
    }
}

/// How many calls were made.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Made {
    made: usize,
}

#[derive(Deserialize)]
struct Call {
    url: String,
    /// As it was written, not as we would write it.
    arguments: Box<RawValue>,
}

/// The calls of a list, or what is wrong with it.
fn parse(body: &[u8]) -> Result<Vec<(Url, Box<RawValue>)>, &'static str> {
    let calls: Vec<Call> = serde_json::from_slice(body)
        .map_err(|_| "The body is not a JSON list of objects with url and arguments.")?;
    if calls.len() > MAX_CALLS {
        return Err("The list has more than 32 calls.");
    }
    // All of them are checked before the first one is made.
    let checked = |call: Call| match loopback_url(&call.url) {
        Some(url) => Ok((url, call.arguments)),
        None => Err("A URL is not a plain http URL of this machine."),
    };
    calls.into_iter().map(checked).collect()
}

fn bad_request(detail: &'static str) -> Problem {
    Problem::new(400, "Bad Request").detail(detail)
}

/// A URL of this machine by its own name or address, so that no other server's word counts for where it leads.
fn loopback_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_loopback = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    (url.scheme() == "http" && is_loopback && !has_user).then_some(url)
}

async fn make(calls: Vec<(Url, Box<RawValue>)>) -> Result<Made, Problem> {
    let mut clients = HashMap::new();
    let made = calls.len();
    for (url, arguments) in calls {
        let origin = url.origin().ascii_serialization();
        let client = match clients.get(&origin) {
            Some(client) => client,
            None => clients.entry(origin.clone()).or_insert(client(origin).map_err(bad_request)?),
        };
        call(client, &url, &arguments).await.map_err(|error| {
            tracing::warn!(kind = error.kind().name(), %error, "a call of the relay has failed");
            Problem::from(error)
        })?;
    }
    Ok(Made { made })
}

fn client(origin: String) -> Result<Client, &'static str> {
    let client =
        Client::builder("relay-many", origin).total_timeout(CALL_TIMEOUT).retries(Retries::none()).build();
    // A URL of this machine is one that a client takes.
    client.map_err(|_| "A URL cannot be called.")
}

async fn call(client: &Client, url: &Url, arguments: &RawValue) -> Result<(), Error> {
    let request = client.post(url.path()).query(url.query_pairs()).json(arguments);
    // What it says is nobody's business but the harness's.
    request.send().await?.error_for_status().await.map(drop)
}

/// The most bytes that a request's body may have.
pub const MAX_BODY: usize = 64 * 1024;

const MAX_CALLS: usize = 32;
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const CALLS_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_this_machine_are_called() {
        for good in [
            "http://127.0.0.1/x",
            "http://127.9.8.7:1",
            "http://[::1]:8080/a?b=c",
            "http://localhost:1/",
            "http://LOCALHOST",
            // Other spellings of 127.0.0.1.
            "http://127.1",
            "http://0x7f.0.0.1",
        ] {
            assert!(loopback_url(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "//127.0.0.1/",
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:127.0.0.1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://localhost./",
            "http://example/127.0.0.1",
            "http://127.0.0.1@example/",
            "http://ann:secret@127.0.0.1/",
            "http://ann@127.0.0.1/",
        ] {
            assert_eq!(loopback_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_list_of_calls_is_taken_and_nothing_else() {
        let count = |body: &str| parse(body.as_bytes()).ok().map(|calls| calls.len());
        let call = r#"{"url":"http://127.0.0.1:1/a","arguments":{"x":[1]}}"#;
        let list = |calls: usize| format!("[{}]", vec![call; calls].join(","));

        assert_eq!(count("[]"), Some(0));
        assert_eq!(count(&list(1)), Some(1));
        assert_eq!(count(&list(32)), Some(32));
        assert_eq!(count(&list(33)), None);
        for bad in [
            "",
            "{}",
            "null",
            "[1]",
            call,
            &format!("{}x", list(1)),
            r#"[{"url":"http://127.0.0.1:1"}]"#,
            r#"[{"arguments":[]}]"#,
            r#"[{"url":7,"arguments":[]}]"#,
            r#"[{"url":"http://example/","arguments":[]}]"#,
            &"[".repeat(MAX_BODY),
        ] {
            assert_eq!(count(bad), None, "{bad:.60}");
        }
    }
}
