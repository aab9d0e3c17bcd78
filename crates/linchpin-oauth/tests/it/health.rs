//! What is told of the keys, in each of their states.

use std::time::Duration;

use linchpin_core::{Clock, FakeClock};
use linchpin_jwt::KeySource;
use linchpin_oauth::{FetchResponse, KeyState};

use crate::{
    remote,
    script::{JWKS, Script, jwk_set, key},
};

#[tokio::test(start_paused = true)]
async fn every_state_is_told_with_what_there_is() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.hang(JWKS);
    let max_stale = Duration::from_secs(3600);
    let keys = remote().max_stale(max_stale).clock(clock.clone()).build_with(script.clone()).unwrap();
    let health = || keys.health(clock.now());

    let never = health();
    assert_eq!(
        (never.state, never.keys, never.age, never.last_error),
        (KeyState::NeverLoaded, 0, None, None)
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    let failed = health();
    assert_eq!((failed.state, failed.age), (KeyState::NeverLoaded, None));
    assert_eq!(failed.last_error.as_deref(), Some("no whole answer within 5s"));

    script.answer(JWKS, jwk_set([&key(), &key()]));
    keys.ready().await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let fresh = health();
    assert_eq!((fresh.state, fresh.keys, fresh.last_error), (KeyState::Fresh, 2, None));
    assert!((7..8).contains(&fresh.age.unwrap().as_secs()), "{:?}", fresh.age);

    script.answer(JWKS, FetchResponse::new(500, "secret words of the provider"));
    tokio::time::sleep(Duration::from_secs(300)).await;
    let stale = health();
    assert_eq!((stale.state, stale.keys), (KeyState::Stale, 2));
    assert_eq!(stale.last_error.as_deref(), Some("the key set was answered with status 500"));
    assert!((307..308).contains(&stale.age.unwrap().as_secs()), "{:?}", stale.age);

    script.hang(JWKS);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(health().state, KeyState::Refreshing);

    clock.advance(max_stale + Duration::from_secs(1));
    let too_stale = health();
    assert_eq!((too_stale.state, too_stale.keys), (KeyState::TooStale, 2));
    assert!(keys.keys(clock.now()).is_err());

    script.answer(JWKS, jwk_set([&key()]));
    tokio::time::sleep(Duration::from_secs(12)).await;
    let healed = health();
    assert_eq!((healed.state, healed.keys, healed.last_error), (KeyState::Fresh, 1, None));
}

#[tokio::test(start_paused = true)]
async fn keys_are_usable_exactly_in_the_states_that_say_so() {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(JWKS, jwk_set([&key()]));
    let keys = remote().clock(clock.clone()).build_with(script.clone()).unwrap();
    for second in 0..200 {
        if second == 5 {
            script.fail(JWKS);
        }
        let usable = keys.health(clock.now()).state.is_usable();
        assert_eq!(usable, keys.keys(clock.now()).is_ok(), "at {second}");
        tokio::time::sleep(Duration::from_secs(120)).await;
        clock.advance(Duration::from_secs(120));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_beginning_of_an_error_is_kept() {
    let (script, clock) = (Script::new(), FakeClock::default());
    let bad_keys = vec![r#"{"kty":"none"}"#; 100].join(",");
    script.answer(JWKS, format!(r#"{{"keys":[{bad_keys}]}}"#));
    let keys = remote().clock(clock.clone()).build_with(script).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;

    let told = keys.health(clock.now()).last_error.unwrap();

    assert!(told.starts_with("the key set is of no use: the key set has no usable key"), "{told}");
    assert_eq!(told.chars().count(), 512);
}
