//! What the client and the inner service see.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use linchpin_core::{Caller, FakeClock, Gate, Outcome, Policy, Reason, Timestamp, VerifyToken};
use linchpin_tower::VerifyLayer;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Body, Fake, Log, ann, bearer, poll_once, text, who};

fn layer() -> VerifyLayer {
    VerifyLayer::new(Arc::new(Fake::default()))
}

async fn send(layer: &VerifyLayer, request: Request<()>) -> Response<Body> {
    layer.layer(who()).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_valid_token_reaches_the_service_with_its_identity() {
    let response = send(&layer(), bearer("good")).await;

    assert_eq!((response.status().as_u16(), text(response).await.as_str()), (200, "ann"));
}

#[tokio::test]
async fn a_refusal_is_a_complete_response() {
    let response = send(&layer(), bearer("old")).await;

    assert_eq!(response.status(), 401);
    let headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(
        headers,
        [
            ("content-type", b"application/problem+json".as_slice()),
            ("www-authenticate", br#"Bearer error="invalid_token""#)
        ]
    );
    assert_eq!(
        text(response).await,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token has expired.","reason":"expired"}"#
    );
}

#[tokio::test]
async fn the_inner_service_is_not_called_on_refusal() {
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let service = layer().layer(service_fn(move |_: Request<()>| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Body::default())) }
    }));

    for request in [Request::new(()), bearer("old"), bearer("a b")] {
        service.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(called.load(Ordering::SeqCst), 0);

    service.oneshot(bearer("good")).await.unwrap();
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_header_value_counts_as_it_came() {
    let with = |values: &[&[u8]]| {
        let mut request = Request::new(());
        for value in values {
            request.headers_mut().append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        request
    };

    for values in [
        &[b"Bearer good".as_slice(), b"Bearer good"][..],
        &[b"Bearer good", b"Basic dXNlcg=="],
        &[b"Bearer g\xf6\xf6d"],
        &[b"Bearer g\xc3\xb6d"],
        &[b"\xff"],
        &[b""],
    ] {
        let response = send(&layer(), with(values)).await;

        assert_eq!(response.status(), 400, "{values:?}");
        assert_eq!(response.headers()["www-authenticate"], r#"Bearer error="invalid_request""#);
    }
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_untouched() {
    let service = layer().layer(service_fn(|_: Request<()>| async {
        Err::<Response<Body>, _>(io::Error::new(io::ErrorKind::BrokenPipe, "inner"))
    }));

    let error = service.oneshot(bearer("good")).await.unwrap_err();

    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::BrokenPipe, "inner"));
}

#[tokio::test]
async fn an_optional_layer_admits_only_who_brings_nothing() {
    let layer = layer().optional();

    assert_eq!(text(send(&layer, Request::new(())).await).await, "-");
    assert_eq!(text(send(&layer, bearer("good")).await).await, "ann");
    assert_eq!(send(&layer, bearer("old")).await.status(), 401);
}

#[tokio::test]
async fn realm_and_hook_reach_the_answer() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook_seen = seen.clone();
    let layer = layer().realm("grades").on_refusal(move |refusal, extensions| {
        hook_seen.lock().unwrap().push(refusal.reason());
        extensions.insert("help", "https://help.example");
    });

    let response = send(&layer, Request::new(())).await;

    assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="grades""#);
    assert!(text(response).await.ends_with(r#","help":"https://help.example"}"#));
    assert_eq!(*seen.lock().unwrap(), [Reason::MissingCredential]);
}

#[tokio::test]
async fn the_clock_of_the_layer_is_the_one_that_counts() {
    struct Until(Timestamp);

    impl VerifyToken for Until {
        fn verify(&self, _token: &str, now: Timestamp) -> Outcome {
            Outcome::Ready(if now < self.0 { Ok(ann()) } else { Err(Reason::Expired.into()) })
        }
    }

    let clock = FakeClock::default();
    let until = linchpin_core::Clock::now(&clock).saturating_add(Duration::from_secs(1));
    let layer = VerifyLayer::new(Arc::new(Until(until))).clock(clock.clone());

    assert_eq!(send(&layer, bearer("good")).await.status(), 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&layer, bearer("good")).await.status(), 401);
}

#[tokio::test]
async fn a_request_that_waits_is_admitted_or_refused_in_the_end() {
    let late: [(_, u16, &str); 3] = [
        (Some(Ok(ann())), 200, "ann"),
        (Some(Err(Reason::UnknownKey.into())), 401, r#""reason":"unknown_key"}"#),
        (None, 503, r#""reason":"keys_unavailable"}"#),
    ];

    for (decision, status, end) in late {
        let (fake, decide) = Fake::with_slow();
        let mut response = Box::pin(VerifyLayer::from(Gate::new(fake)).layer(who()).oneshot(bearer("slow")));
        assert!(poll_once(response.as_mut()).is_pending());

        match decision {
            Some(decision) => decide.send(decision).unwrap(),
            None => drop(decide),
        }
        let response = response.await.unwrap();

        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("retry-after"), status == 503);
        assert!(text(response).await.ends_with(end));
    }
}

#[tokio::test]
async fn a_scheme_that_no_header_can_hold_is_left_out() {
    struct Odd;

    impl VerifyToken for Odd {
        fn verify(&self, _: &str, _: Timestamp) -> Outcome {
            Outcome::Ready(Ok(Arc::new(Caller::builder("i").build())))
        }

        fn schemes(&self) -> &[&'static str] {
            &["Bear\r\ner"]
        }
    }

    let response = send(&VerifyLayer::new(Arc::new(Odd)), Request::new(())).await;

    assert_eq!(response.status(), 401);
    assert!(!response.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason_and_without_the_token() {
    Log::take();

    send(&layer(), bearer("very-secret")).await;

    let log = Log::take();
    assert!(log.contains(r#"DEBUG linchpin_tower"#) && log.contains("request refused"), "{log}");
    assert!(log.contains(r#"reason="expired" status=401"#), "{log}");
    assert!(!log.contains("very-secret"), "{log}");
}

#[tokio::test]
async fn a_restricted_application_is_let_in_by_name_only() {
    for closed in [layer(), layer().optional(), layer().policy(Policy::authenticated())] {
        let refused = send(&closed, bearer("app")).await;
        assert_eq!(refused.status(), 403);
        assert!(!refused.headers().contains_key("www-authenticate"), "no other token would help");
        assert!(text(refused).await.contains(r#""reason":"restricted_application""#));
    }
    for open in [layer().admit_restricted(), layer().policy(Policy::optional()).admit_restricted()] {
        assert_eq!(text(send(&open, bearer("app")).await).await, "ann");
    }
}
