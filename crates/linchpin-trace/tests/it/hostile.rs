//! Requests that are made to hurt: bounded work, a normal answer, and nothing secret on any line.

use linchpin_trace::{LogFormat, RequestHead};

use crate::support::{lines, observer};

#[test]
fn whatever_a_client_sends_is_observed_like_any_other_request() {
    let (observer, _) = observer();
    let observer = observer.proxies("private".parse().unwrap());
    let big = "x".repeat(64 * 1024);
    let bytes: Vec<u8> = (0..=255).collect();
    let hops = "10.0.0.2,".repeat(5000);
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    for name in ["x-request-id", "traceparent", "tracestate", "baggage", "x-forwarded-for", "forwarded"] {
        for value in [big.as_bytes(), &bytes, hops.as_bytes(), b"", b",", b"\"", b"%", b";=;"] {
            headers.extend([(name, value); 200]);
        }
    }

    let lines = lines("trace", LogFormat::Json, |_| {
        let head = RequestHead::new(&big, &big).scheme(&big).peer("10.0.0.1".parse().unwrap());
        let observation = observer.begin(head, headers);
        observation.context().set_route(&big);
        assert_eq!(observation.request_id().as_str().len(), 36);
        assert_eq!(observation.context().client_address(), Some("10.0.0.1".parse().unwrap()));
        observation.respond(404);
        observation.complete();
    });

    let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
    assert!(line.len() < 1024, "{line}");
    assert!(line.contains(r#""method":"_OTHER""#));
}

#[test]
fn credentials_are_on_no_line_at_any_level() {
    const SECRETS: [&str; 6] =
        ["s3cret-token", "s3cret-cookie", "s3cret-key", "s3cret-baggage", "s3cret-query", "s3cret-state"];
    let (observer, _) = observer();

    for format in [LogFormat::Json, LogFormat::Text] {
        let lines = lines("trace", format, |_| {
            let headers = [
                ("authorization", b"Bearer s3cret-token".as_slice()),
                ("cookie", b"session=s3cret-cookie"),
                ("x-api-key", b"s3cret-key"),
                ("baggage", b"token=s3cret-baggage"),
                ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("tracestate", b"vendor=s3cret-state"),
            ];
            let observation = observer.begin(RequestHead::new("GET", "/grades"), headers);
            observation.enter(|| tracing::trace!(context = ?observation.context(), "inside"));
            tracing::trace!(?observation, "outside");
            observation.complete();
        });

        assert_eq!(lines.len(), 3);
        for secret in SECRETS {
            assert!(!lines.concat().contains(secret), "{secret}: {lines:?}");
        }
    }
}
