//! The services in several configurations, and what is sent to each.

use std::time::Duration;

use linchpin::AuthBuilder;
use linchpin_jwt::Profile;

use crate::{
    Attack, Scene, Target, attacks,
    target::{serve_both, serve_keys},
};

/// Both services in one configuration, and what they have to withstand in it.
#[derive(Debug)]
pub struct Suite {
    /// What is special about the configuration.
    pub name: &'static str,
    /// The services.
    pub targets: [Target; 2],
    /// The scheme of their challenges.
    pub scheme: &'static str,
    /// What is sent; no two have the same name.
    pub attacks: Vec<Attack>,
}

/// Every suite, its services started.
pub fn suites() -> Vec<Suite> {
    let scene = &Scene::new();
    let keys = scene.issuer.jwk_set();
    let url = serve_keys(scene.issuer.clone());

    let suite = |name, attacks, configure: fn(AuthBuilder) -> AuthBuilder| {
        let (auth, keys) = (scene.auth(), keys.clone());
        let build = move || configure(auth().jwk_set(&*keys)).build().expect("the scene has usable keys");
        Suite { name, targets: serve_both(build), scheme: "Bearer", attacks }
    };
    let fetched = {
        let auth = scene.auth();
        // The scene's clock stands still, so the pause never ends: the keys count as current for all of it.
        let pause = Duration::from_secs(300);
        let build = move || {
            let auth = auth().jwks_url(&*url).jwks_unknown_key_interval(pause);
            auth.build().expect("the keys have a URL")
        };
        let attacks = attacks::on_generic(scene);
        Suite { name: "fetched keys", targets: serve_both(build), scheme: "Bearer", attacks }
    };
    let open_edx = suite("open_edx", attacks::on_open_edx(scene), |auth| auth.profile(Profile::OpenEdx));
    vec![
        suite("generic", attacks::on_generic(scene), |auth| auth),
        fetched,
        suite("rfc9068", attacks::on_rfc9068(scene), |auth| auth.profile(Profile::Rfc9068)),
        Suite { scheme: "JWT", ..open_edx },
        suite("limits", attacks::on_limits(scene), |auth| {
            auth.client_ids(["test-client"]).max_age(attacks::MAX_AGE).max_lifetime(attacks::MAX_LIFETIME)
        }),
    ]
}
