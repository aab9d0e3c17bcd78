//! The middleware around applications and scopes.

use std::{
    cell::Cell,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    App, Error, HttpMessage, HttpResponse,
    body::BoxBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, fn_service},
    error::ErrorImATeapot,
    middleware::{Compat, Condition, DefaultHeaders},
    test::{TestRequest, init_service},
    web,
};
use linchpin_actix::{
    Caller, OptionalCaller, Problem, Require, VerifyMiddleware,
    routes::{authenticated, optional},
};
use linchpin_core::{
    AdmitRestricted, Clock, FakeClock, Gate, Identity, Outcome, Reason, Timestamp, VerifyToken, scopes,
};

use crate::support::{Answered, Fake, ann, get, poll_once, send};

async fn who(caller: OptionalCaller) -> String {
    caller.as_option().and_then(|caller| caller.subject()).unwrap_or("-").to_owned()
}

fn strict() -> VerifyMiddleware {
    VerifyMiddleware::new(Arc::new(Fake::default()))
}

fn request(token: &str) -> ServiceRequest {
    TestRequest::default().insert_header(("authorization", format!("Bearer {token}"))).to_srv_request()
}

#[actix_web::test]
async fn routes_inside_a_scope_are_protected_and_routes_outside_are_open() {
    let scope = web::scope("").wrap(strict()).route("/who", web::get().to(who));
    let app = App::new().route("/healthz", web::get().to(|| async { "ok" })).service(scope);
    let app = init_service(app).await;

    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&app, get("/who", [])).await.status, 401);
    for authorization in [b"Bearer old".as_slice(), b"\xff", b"Bearer good"] {
        assert_eq!(send(&app, get("/healthz", [authorization])).await.body, "ok");
    }
}

#[actix_web::test]
async fn a_resource_and_an_application_can_be_wrapped() {
    let resource = web::resource("/who").wrap(strict()).route(web::get().to(who));
    let by_resource = init_service(App::new().service(resource)).await;
    let by_app = init_service(App::new().route("/who", web::get().to(who)).wrap(strict())).await;

    assert_eq!(send(&by_resource, get("/who", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&by_app, get("/who", [b"Bearer good"])).await.body, "ann");
    for refused in [
        send(&by_resource, get("/who", [b"Bearer old"])).await,
        send(&by_app, get("/who", [b"Bearer old"])).await,
        send(&by_app, get("/unknown", [b"Bearer old"])).await,
    ] {
        assert_eq!((refused.status, refused.reason()), (401, "expired"));
    }
}

#[actix_web::test]
async fn a_refusal_is_status_headers_and_body() {
    let app = init_service(App::new().route("/who", web::get().to(who)).wrap(strict())).await;

    let refused = send(&app, get("/who", [b"Bearer old"])).await;

    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.headers,
        [
            ("content-type", "application/problem+json"),
            ("www-authenticate", r#"Bearer error="invalid_token""#)
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        refused.body,
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token has expired.","reason":"expired"}"#
    );
}

#[actix_web::test]
async fn answers_are_those_of_the_tower_layer() {
    for reason in Reason::ALL {
        let ours = Answered::new(actix_web::ResponseError::error_response(&Problem::from(*reason))).await;

        let theirs: http::Response<String> =
            linchpin_tower::into_response(linchpin_core::Problem::from(*reason).into());
        let mut headers: Vec<_> = theirs
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        let status = theirs.status().as_u16();
        assert_eq!(ours, Answered { status, headers, body: theirs.into_body() });
    }
}

#[actix_web::test]
async fn malformed_and_repeated_credentials_are_400() {
    let app = init_service(App::new().route("/who", web::get().to(who)).wrap(strict().optional())).await;

    for value in [b"Bearer g\xf6\xf6d".as_slice(), b"Bearer a b", b"", b"\xff\xfe"] {
        let refused = send(&app, get("/who", [value])).await;
        assert_eq!((refused.status, refused.reason()), (400, "malformed_credential"), "{value:?}");
    }
    let refused = send(&app, get("/who", [b"Bearer good", b"Bearer good"])).await;
    assert_eq!((refused.status, refused.reason()), (400, "repeated_credential"));
}

#[actix_web::test]
async fn an_optional_middleware_admits_only_who_brings_nothing() {
    let app = init_service(App::new().route("/who", web::get().to(who)).wrap(strict().optional())).await;

    assert_eq!(send(&app, get("/who", [])).await.body, "-");
    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
    assert_eq!(send(&app, get("/who", [b"Bearer old"])).await.reason(), "expired");
    assert_eq!(send(&app, get("/who", [b"Basic dXNlcg=="])).await.reason(), "unsupported_scheme");
}

#[actix_web::test]
async fn the_innermost_middleware_has_the_last_word() {
    let app = App::new().route("/who", web::get().to(who)).wrap(strict()).wrap(strict().optional());
    let app = init_service(app).await;

    assert_eq!(send(&app, get("/who", [])).await.status, 401);
    assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann");
}

#[actix_web::test]
async fn the_clock_of_the_middleware_is_the_one_that_counts() {
    struct Until(Timestamp);

    impl VerifyToken for Until {
        fn verify(&self, _token: &str, now: Timestamp) -> Outcome {
            Outcome::Ready(if now < self.0 { Ok(ann()) } else { Err(Reason::Expired.into()) })
        }
    }

    let clock = FakeClock::default();
    let until = clock.now().saturating_add(Duration::from_secs(1));
    let middleware = VerifyMiddleware::new(Arc::new(Until(until))).clock(clock.clone());
    let app = init_service(App::new().route("/who", web::get().to(who)).wrap(middleware)).await;

    assert_eq!(send(&app, get("/who", [b"Bearer any"])).await.status, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&app, get("/who", [b"Bearer any"])).await.status, 401);
}

#[actix_web::test]
async fn a_scheme_that_no_header_can_hold_is_left_out() {
    struct Odd;

    impl VerifyToken for Odd {
        fn verify(&self, _: &str, _: Timestamp) -> Outcome {
            Outcome::Ready(Ok(ann()))
        }

        fn schemes(&self) -> &[&'static str] {
            &["Bear\r\ner"]
        }
    }

    let middleware = VerifyMiddleware::new(Arc::new(Odd));
    let app = init_service(App::new().route("/who", web::get().to(who)).wrap(middleware)).await;

    let refused = send(&app, get("/who", [])).await;

    assert_eq!((refused.status, refused.header("www-authenticate")), (401, None));
}

#[actix_web::test]
async fn the_inner_service_is_called_for_the_admitted_only_and_its_errors_pass_untouched() {
    let called = Rc::new(Cell::new(0));
    let count = called.clone();
    let inner = fn_service(move |request: ServiceRequest| {
        count.set(count.get() + 1);
        assert!(request.extensions().contains::<Identity>());
        ready(Err::<ServiceResponse, Error>(ErrorImATeapot("inner")))
    });
    let service = strict().new_transform(inner).await.unwrap();

    for bad in ["old", "a b"] {
        assert!(service.call(request(bad)).await.unwrap().status().is_client_error());
    }
    assert_eq!(called.get(), 0);

    let error = service.call(request("good")).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.as_response_error().status_code().as_u16()),
        ("inner", 418)
    );
    assert_eq!(called.get(), 1);
}

#[actix_web::test]
async fn a_request_that_waits_is_admitted_or_refused_in_the_end() {
    for (decision, status) in [(Ok(ann()), 200), (Err(Reason::UnknownKey.into()), 401)] {
        let (fake, decide) = Fake::with_slow();
        let middleware = VerifyMiddleware::from(Gate::new(fake));
        let scope = web::scope("").wrap(middleware).route("/who", web::get().to(who));
        let app = init_service(App::new().service(scope)).await;
        let mut slow = Box::pin(send(&app, get("/who", [b"Bearer slow"])));
        assert!(poll_once(slow.as_mut()).is_pending());

        assert_eq!(send(&app, get("/who", [b"Bearer good"])).await.body, "ann", "others do not wait");
        decide.send(decision).unwrap();

        let answered = slow.await;
        assert_eq!(answered.status, status, "{answered:?}");
    }
}

#[actix_web::test]
async fn dropping_a_request_that_waits_frees_everything() {
    let (fake, decide) = Fake::with_slow();
    let held = Rc::new(());
    let inner_held = held.clone();
    let inner = fn_service(move |request: ServiceRequest| {
        let _ = &inner_held;
        ready(Ok::<_, Error>(request.into_response(HttpResponse::Ok().finish())))
    });
    let service = VerifyMiddleware::new(fake).new_transform(inner).await.unwrap();

    let mut slow = Box::pin(service.call(request("slow")));
    assert!(poll_once(slow.as_mut()).is_pending());
    drop(service);
    assert_eq!(Rc::strong_count(&held), 2);
    drop(slow);

    assert_eq!(Rc::strong_count(&held), 1);
    assert!(decide.is_closed(), "the verification under way is dropped as well");
}

#[actix_web::test]
async fn the_inner_service_is_asked_again_after_the_wait() {
    /// Busy at the first question, then broken or ready.
    struct Busy {
        asked: Rc<Cell<u32>>,
        broken: bool,
    }

    impl Service<ServiceRequest> for Busy {
        type Response = ServiceResponse<BoxBody>;
        type Error = Error;
        type Future = Ready<Result<ServiceResponse<BoxBody>, Error>>;

        fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            self.asked.set(self.asked.get() + 1);
            match self.asked.get() {
                1 => Poll::Pending,
                _ if self.broken => Poll::Ready(Err(ErrorImATeapot("broken"))),
                _ => Poll::Ready(Ok(())),
            }
        }

        fn call(&self, request: ServiceRequest) -> Self::Future {
            assert_eq!(self.asked.get(), 2);
            ready(Ok(request.into_response(HttpResponse::Ok().finish())))
        }
    }

    for broken in [false, true] {
        let (fake, decide) = Fake::with_slow();
        let asked = Rc::new(Cell::new(0));
        let inner = Busy { asked: asked.clone(), broken };
        let service = VerifyMiddleware::new(fake).new_transform(inner).await.unwrap();
        let mut slow = Box::pin(service.call(request("slow")));

        assert!(poll_once(slow.as_mut()).is_pending());
        assert_eq!(asked.get(), 0, "while it waits, it takes no place");
        decide.send(Ok(ann())).unwrap();
        assert!(poll_once(slow.as_mut()).is_pending());

        assert_eq!(slow.await.is_err(), broken);
    }
}

#[actix_web::test]
async fn other_middleware_may_stand_on_either_side_and_use_the_extensions() {
    let app = App::new()
        .route("/who", web::get().to(who))
        .wrap_fn(|request, inner| {
            assert!(request.extensions().contains::<Identity>());
            request.extensions_mut().insert("inside");
            let response = inner.call(request);
            async {
                let response = response.await?;
                let extensions = response.request().extensions();
                assert!(extensions.contains::<Identity>(), "nobody took it out");
                assert!(extensions.contains::<&str>());
                drop(extensions);
                Ok(response)
            }
        })
        .wrap(strict())
        .wrap(Condition::new(true, Compat::new(strict().optional())))
        .wrap_fn(|request, inner| {
            request.extensions_mut().insert(7_u8);
            let response = inner.call(request);
            async {
                let response = response.await?;
                assert_eq!(response.request().extensions_mut().remove(), Some(7_u8));
                Ok(response)
            }
        })
        .wrap(DefaultHeaders::new().add(("x-outer", "1")));
    let app = init_service(app).await;

    let admitted = send(&app, get("/who", [b"Bearer good"])).await;
    let refused = send(&app, get("/who", [b"Bearer old"])).await;

    assert_eq!((admitted.body.as_str(), admitted.header("x-outer")), ("ann", Some("1")));
    assert_eq!((refused.status, refused.header("x-outer")), (401, Some("1")), "a refusal is a response");
}

#[actix_web::test]
async fn a_restricted_application_is_let_in_by_name_only() {
    scopes! { Read = "grades:read"; Write = "grades:write"; }
    let admits = web::scope("")
        .route("/who", web::get().to(async |caller: Caller| caller.subject().unwrap().to_owned()))
        .route("/scope", web::get().to(async |_: Require<Read>| -> &'static str { unreachable!() }))
        .route("/read", web::get().to(async |_: Require<AdmitRestricted<Read>>| "read"))
        .route(
            "/write",
            web::get().to(async |_: Require<AdmitRestricted<Write>>| -> &'static str { unreachable!() }),
        )
        .wrap(strict().admit_restricted());
    let open = init_service(App::new().service(admits)).await;

    for closed in
        [strict(), strict().optional(), strict().policy(authenticated()), strict().policy(optional())]
    {
        let app = init_service(App::new().route("/who", web::get().to(who)).wrap(closed)).await;
        let refused = send(&app, get("/who", [b"Bearer app"])).await;
        assert_eq!((refused.status, refused.reason()), (403, "restricted_application"));
        assert_eq!(refused.header("www-authenticate"), None, "no other token would help");
    }
    assert_eq!(send(&open, get("/who", [b"Bearer app"])).await.body, "ann");
    assert_eq!(send(&open, get("/read", [b"Bearer app"])).await.body, "read");
    assert_eq!(send(&open, get("/scope", [b"Bearer app"])).await.reason(), "restricted_application");
    assert_eq!(send(&open, get("/write", [b"Bearer app"])).await.reason(), "insufficient_scope");
}
