//! What is told of the keys, in each of their states.

use std::time::Duration;

use linchpin_core::{Clock, FakeClock};
use linchpin_jwt::KeySource;
use linchpin_oauth::{FetchResponse, KeyState, RemoteKeys};

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
    until(&keys, &clock, KeyState::Fresh).await;
    let age = health().age.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let fresh = health();
    assert_eq!((fresh.state, fresh.keys, fresh.last_error), (KeyState::Fresh, 2, None));
    assert_eq!(fresh.age.unwrap(), age + Duration::from_secs(7));

    script.answer(JWKS, FetchResponse::new(500, "secret words of the provider"));
    until(&keys, &clock, KeyState::Stale).await;
    let stale = health();
    assert_eq!(stale.keys, 2);
    assert_eq!(stale.last_error.as_deref(), Some("the key set was answered with status 500"));
    assert!((270..=310).contains(&stale.age.unwrap().as_secs()), "{:?}", stale.age);

    script.hang(JWKS);
    until(&keys, &clock, KeyState::Refreshing).await;
    assert!(keys.keys(clock.now()).is_ok());

    clock.advance(max_stale + Duration::from_secs(1));
    let too_stale = health();
    assert_eq!((too_stale.state, too_stale.keys), (KeyState::TooStale, 2));
    assert!(keys.keys(clock.now()).is_err());

    script.answer(JWKS, jwk_set([&key()]));
    until(&keys, &clock, KeyState::Fresh).await;
    let healed = health();
    assert_eq!((healed.keys, healed.last_error), (1, None));
}

/// Lets time pass until the keys are in this state, or too much of it has passed.
async fn until(keys: &RemoteKeys, clock: &FakeClock, state: KeyState) {
    for _ in 0..4000 {
        if keys.health(clock.now()).state == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never {state}: {:?}", keys.health(clock.now()));
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
