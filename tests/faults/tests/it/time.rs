//! What happens over time, and under floods: a scripted provider, and a clock that stands still unless it is told to move.

use std::{rc::Rc, time::Duration};

use faults::Framework;
use linchpin_jwt::{Algorithm, SigningKey};
use tokio::{
    task::LocalSet,
    time::{Instant, sleep},
};

use crate::script::{ACCEPTED, Mode, Scene, refused};

#[tokio::test(start_paused = true)]
async fn a_service_that_starts_before_its_provider_heals_within_ten_seconds_of_its_start() {
    for framework in Framework::ALL {
        let scene = Scene::start(framework, Mode::Down).await;
        assert_eq!(scene.get(&scene.good()).await, refused(503, "keys_unavailable"));

        sleep(Duration::from_secs(600)).await;
        // Between four and five seconds a pause, after a few shorter ones.
        assert!((120..=155).contains(&scene.new_fetches()));
        assert_eq!(scene.get(&scene.good()).await, refused(503, "keys_unavailable"));
        scene.set(Mode::Up);

        assert!(scene.time_to_heal().await <= TEN_SECONDS);
        assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
        assert!(scene.new_fetches() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_requests_at_a_cold_start_share_one_fetch() {
    for framework in Framework::ALL {
        let scene = Rc::new(Scene::start(framework, Mode::Up).await);
        let token = scene.good();

        let local = LocalSet::new();
        let requests: Vec<_> = (0..500)
            .map(|_| {
                let (scene, token) = (scene.clone(), token.clone());
                local.spawn_local(async move { scene.get(&token).await })
            })
            .collect();
        local.await;

        for request in requests {
            assert_eq!(request.await.unwrap(), ACCEPTED);
        }
        assert_eq!(scene.new_fetches(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_random_key_ids_cause_two_fetches_and_delay_nobody() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let good = scene.good();
        let stranger = SigningKey::generate(Algorithm::ES256).unwrap();

        for number in 0..10_000 {
            let id = format!("random-{number}");
            let unknown = scene.issuer.token("eve").signed_by(&stranger).key_id(Some(&id)).sign();
            assert_eq!(scene.get(&unknown).await, refused(401, "unknown_key"));
        }
        assert_eq!(scene.new_fetches(), 2);

        let from = Instant::now();
        assert_eq!(scene.get(&good).await, ACCEPTED);
        assert_eq!(from.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_random_key_ids_wait_together_for_a_provider_that_hangs_and_known_keys_do_not() {
    for framework in Framework::ALL {
        let scene = Rc::new(Scene::warm(framework).await);
        let good = scene.good();
        let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
        scene.set(Mode::Hanging);

        let local = LocalSet::new();
        let from = Instant::now();
        let unknown: Vec<_> = (0..10_000)
            .map(|number| {
                let id = format!("random-{number}");
                let token = scene.issuer.token("eve").signed_by(&stranger).key_id(Some(&id)).sign();
                let scene = scene.clone();
                local.spawn_local(async move { scene.get(&token).await })
            })
            .collect();
        local
            .run_until(async {
                sleep(Duration::from_secs(1)).await; // all of them wait by now
                let before = Instant::now();
                assert_eq!(scene.get(&good).await, ACCEPTED);
                assert_eq!(before.elapsed(), Duration::ZERO, "a known key waits for nothing");
            })
            .await;
        local.await;

        for request in unknown {
            assert_eq!(request.await.unwrap(), refused(503, "keys_unavailable"));
        }
        assert!(from.elapsed() <= Duration::from_secs(12), "a deadline, and one more for who joined late");
        assert!(scene.new_fetches() <= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_with_overlap_refuses_nobody() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let old = scene.good();

        scene.issuer.rotate();
        let new = scene.good();

        assert_eq!(scene.get(&new).await, ACCEPTED, "the new key is fetched for the first who needs it");
        assert_eq!(scene.new_fetches(), 1);
        assert_eq!(scene.get(&old).await, ACCEPTED);
        assert_eq!(scene.get(&new).await, ACCEPTED);
        assert_eq!(scene.new_fetches(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_without_overlap_ends_the_old_key_with_the_first_new_token() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let old = scene.good();

        scene.issuer.rotate();
        scene.issuer.withdraw_old_keys();

        assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
        assert_eq!(scene.new_fetches(), 1);
        assert_eq!(scene.get(&old).await, refused(401, "unknown_key"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_counts_until_the_next_refresh_and_no_longer() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let stolen = scene.issuer.token("ann").expires_in(Duration::from_secs(3600)).sign();

        scene.issuer.rotate();
        scene.issuer.withdraw_old_keys();
        assert_eq!(scene.get(&stolen).await, ACCEPTED, "nothing has told the service yet");
        sleep(REFRESH + Duration::from_secs(1)).await;

        assert_eq!(scene.get(&stolen).await, refused(401, "unknown_key"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_swapped_under_its_name_counts_within_ten_seconds_of_its_first_token() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let old = scene.good();
        scene.issuer.swap_keys();

        assert_eq!(scene.get(&scene.good()).await, refused(401, "bad_signature"));
        sleep(TEN_SECONDS).await;

        assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
        assert_eq!(scene.get(&old).await, refused(401, "bad_signature"));
        assert!(scene.new_fetches() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forged_signatures_cause_no_more_fetches_than_unknown_keys_do() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        let forged = scene.issuer.token("ann").with_broken_signature().sign();

        for _ in 0..10_000 {
            assert_eq!(scene.get(&forged).await, refused(401, "bad_signature"));
        }
        sleep(Duration::from_secs(1)).await;

        assert!(scene.new_fetches() <= 2);
        assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_outlived_for_four_hours_and_then_answered_503() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;
        scene.set(Mode::Down);

        for _ in 0..4 * 4 - 1 {
            sleep(Duration::from_secs(15 * 60)).await;
            assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
            assert_eq!(scene.service.probe("/readyz").await.status, 200);
        }
        // Attempts are five seconds apart at most, and four at least.
        assert!((225 * 60 / 5 - 100..=225 * 60 / 4).contains(&scene.new_fetches()));
        sleep(Duration::from_secs(16 * 60)).await;
        assert_eq!(scene.get(&scene.good()).await, refused(503, "keys_unavailable"));
        assert_eq!(scene.service.probe("/readyz").await.status, 503);

        scene.set(Mode::Up);
        assert!(scene.time_to_heal().await <= TEN_SECONDS);
        assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_flaps_disturbs_nobody_and_is_not_flooded() {
    for framework in Framework::ALL {
        let scene = Scene::warm(framework).await;

        for round in 0..600 {
            scene.set([Mode::Down, Mode::Up, Mode::Hanging][round % 3]);
            sleep(Duration::from_secs(7)).await;
            assert_eq!(scene.get(&scene.good()).await, ACCEPTED);
        }

        // Each refresh, and what follows while it fails: two short retries and one every four seconds.
        assert!(scene.new_fetches() <= 600 * 7 / 4, "never more often than every four seconds on average");
        scene.set(Mode::Up);
        assert!(scene.time_to_heal().await <= TEN_SECONDS);
    }
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// How often keys are fetched by default.
const REFRESH: Duration = Duration::from_secs(300);
