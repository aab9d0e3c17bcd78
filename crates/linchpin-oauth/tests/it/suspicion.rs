//! Tokens whose signature fails under a key that is there: forgeries, or a key that was swapped under the same id.

use std::time::Duration;

use linchpin_core::Reason;
use linchpin_jwt::SigningKey;

use crate::{
    script::{JWKS, jwk_set, key},
    stranger,
    unknown_keys::Service,
};

fn named(id: &str) -> SigningKey {
    key().with_key_id(Some(id))
}

#[tokio::test(start_paused = true)]
async fn a_key_swapped_under_its_id_is_found_without_waiting_for_the_refresh() {
    let (old, new) = (named("a"), named("a"));
    let service = Service::started_with(&old).await;
    service.script.answer(JWKS, jwk_set([&new]));

    let at_once = service.verify_now(&new).expect("nobody waits");
    assert_eq!(at_once.unwrap_err().reason(), Reason::BadSignature);
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert!(matches!(service.verify_now(&new), Some(Ok(()))));
    assert_eq!(service.verify(&old).await, Err(Reason::BadSignature), "the withdrawn key has ended");
    assert_eq!(service.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forged_signatures_cost_one_fetch_per_interval_and_delay_no_known_key() {
    let (known, forged) = (named("a"), named("a"));
    let service = Service::started_with(&known).await;
    let forged = service.token(&forged);

    for second in 0..100 {
        for _ in 0..100 {
            let refused = service.verify_token_now(&forged).expect("nobody waits").unwrap_err();
            assert_eq!(refused.reason(), Reason::BadSignature);
        }
        assert!(matches!(service.verify_now(&known), Some(Ok(()))), "at {second}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.clock.advance(Duration::from_secs(1));
    }

    assert_eq!(service.fetches(), 1 + 10, "the first one, and one in each ten seconds");
}

#[tokio::test(start_paused = true)]
async fn forged_signatures_do_not_delay_a_rotation() {
    let (known, forged) = (named("a"), named("a"));
    let service = Service::started_with(&known).await;
    let forged = service.token(&forged);
    for _ in 0..10_000 {
        service.verify_token_now(&forged).unwrap().unwrap_err();
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(service.fetches(), 2);

    let new = named("b");
    service.script.answer(JWKS, jwk_set([&known, &new]));

    assert_eq!(service.verify(&new).await, Ok(()));
    assert_eq!(service.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn forged_signatures_and_random_ids_together_cause_one_fetch_more_than_the_ids_alone() {
    let (known, forged) = (named("a"), named("a"));
    let service = Service::started_with(&known).await;

    for _ in 0..100 {
        service.verify_now(&forged).unwrap().unwrap_err();
        assert_eq!(service.verify(&stranger()).await, Err(Reason::UnknownKey));
    }

    assert_eq!(service.fetches(), 4, "the first one, one for the signature and a burst of two");
}

#[tokio::test(start_paused = true)]
async fn a_forged_signature_brings_nothing_down_while_the_provider_is_away() {
    let (known, forged) = (named("a"), named("a"));
    let service = Service::started_with(&known).await;
    service.script.fail(JWKS);

    service.verify_now(&forged).unwrap().unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;

    assert!(matches!(service.verify_now(&known), Some(Ok(()))));
}
