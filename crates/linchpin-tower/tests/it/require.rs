//! A requirement as a layer.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response};
use linchpin_core::{roles, scopes};
use linchpin_tower::{VerifyLayer, require};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

use crate::support::{Body, Fake, Log, bearer, is_ready, text, who};

scopes! { Read = "grades:read"; }
roles! { Admin = "admin"; }

fn verify() -> VerifyLayer {
    VerifyLayer::new(Arc::new(Fake::default()))
}

#[tokio::test]
async fn the_inner_service_runs_only_for_callers_who_meet_the_requirement() {
    let open = ServiceBuilder::new().layer(verify()).service(who());
    let never = service_fn(async |_: Request<()>| -> Result<Response<Body>, Infallible> { unreachable!() });
    let closed = ServiceBuilder::new().layer(verify()).layer(require::<Read>()).service(never);

    assert_eq!(text(open.oneshot(bearer("good")).await.unwrap()).await, "ann");
    let refused = closed.clone().oneshot(bearer("good")).await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.headers()["www-authenticate"],
        r#"Bearer error="insufficient_scope", scope="grades:read""#
    );
    assert_eq!(closed.oneshot(bearer("old")).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_policy_of_the_verifying_layer_does_the_same_in_one() {
    let service = verify().policy(require::<Admin>()).layer(who());

    let refused = service.oneshot(bearer("good")).await.unwrap();

    assert_eq!(refused.status(), 403);
    assert!(!text(refused).await.contains("\"admin\""));
}

#[tokio::test]
async fn without_the_verifying_layer_it_is_our_mistake() {
    Log::take();

    let answer = require::<Read>().layer(who()).oneshot(bearer("good")).await.unwrap();

    assert_eq!(answer.status(), 500);
    assert_eq!(Log::take().matches("ERROR").count(), 1);
}

#[tokio::test]
async fn a_refused_request_gives_its_place_back() {
    let one = ServiceBuilder::new()
        .layer(verify())
        .layer(require::<Read>())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(who());
    let (mut first, mut second) = (one.clone(), one);
    assert!(is_ready(&mut first) && !is_ready(&mut second), "there is one place, and it is reserved");

    let refused = first.call(bearer("good")).await.unwrap();

    assert_eq!(refused.status(), 403);
    assert!(is_ready(&mut second), "the place is free, while the first service lives on");
    drop(first);
}
