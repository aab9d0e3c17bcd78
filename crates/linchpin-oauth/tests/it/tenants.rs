//! Metadata that many tenants share, as that of Microsoft Entra.

use linchpin_core::{Clock, FakeClock};
use linchpin_jwt::KeySource;
use linchpin_oauth::RemoteKeys;

use crate::{
    rules,
    script::{JWKS, Script, jwk_set, key},
};

const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
const METADATA: &str = "https://login.example/common/v2.0/.well-known/openid-configuration";

async fn with_metadata_of(issuer: &str) -> (RemoteKeys, Script, FakeClock) {
    let (script, clock) = (Script::new(), FakeClock::default());
    script.answer(METADATA, format!(r#"{{"issuer":"{issuer}","jwks_uri":"{JWKS}"}}"#));
    script.answer(JWKS, jwk_set([&key()]));
    let keys = RemoteKeys::discovery_at("https://login.example/common/v2.0", TEMPLATE, rules());
    let keys = keys.clock(clock.clone()).build_with(script.clone()).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    (keys, script, clock)
}

#[tokio::test(start_paused = true)]
async fn shared_metadata_has_the_template_for_its_issuer() {
    let (keys, script, clock) = with_metadata_of(TEMPLATE).await;

    assert!(keys.keys(clock.now()).is_ok());
    assert_eq!(script.fetched(), [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn metadata_of_anybody_else_is_not_believed() {
    for other in [
        "https://login.example/common/v2.0",
        "https://login.example/{tenantid}/v2.0/",
        "https://login.example/aaaaaaaa-0000-4000-8000-00000000000a/v2.0",
        "https://login.example/{tenantId}/v2.0",
    ] {
        let (keys, script, clock) = with_metadata_of(other).await;

        assert!(keys.keys(clock.now()).is_err(), "{other}");
        assert!(!script.fetched().contains(&JWKS.to_owned()), "{other}");
    }
}
