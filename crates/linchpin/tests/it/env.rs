//! The reader of the environment: what each variable does, and what is said of wrong ones.

use std::time::Duration;

use linchpin::{
    Auth, Check, Clock, ConfigError, Outcome, Reason, SETTINGS, SystemClock, VerifyToken, core::Caller,
};
use linchpin_test::TestIssuer;

const GOOD: [(&str, &str); 2] = [("AUTH_ISSUER", "http://127.0.0.1:9"), ("AUTH_AUDIENCE", "grades")];

async fn read(vars: &[(&str, &str)]) -> Result<Auth, ConfigError> {
    Auth::from_vars(GOOD.iter().chain(vars).copied())
}

#[tokio::test]
async fn issuer_and_audience_are_enough() {
    let auth = read(&[("AUTH_LEEWAY", ""), ("PATH", "/bin")]).await.unwrap();

    assert!(!auth.is_ready(), "nobody answers at the issuer, and that is no error");
}

#[tokio::test]
async fn nothing_set_is_told_with_what_to_set() {
    let error = Auth::from_vars::<&str, &str>([]).unwrap_err();

    assert_eq!(
        error.to_string(),
        "wrong configuration:
  AUTH_ISSUER is not set; set it to the issuer's URL, for example https://id.example
  AUTH_AUDIENCE is not set; set it to the `aud` that the issuer puts into tokens for this service, or set AUTH_CLIENT_IDS if it puts none"
    );
}

#[tokio::test]
async fn every_wrong_value_is_reported_at_once_under_its_variable() {
    let error = Auth::from_vars([
        ("AUTH_ISSUER", "http://id.example"),
        ("AUTH_AUDIENCE", "a,,b"),
        ("AUTH_JWKS_URL", "id.example/keys"),
        ("AUTH_PROFILE", "oidc"),
        ("AUTH_ALGORITHMS", "RS256,none"),
        ("AUTH_LEEWAY", "soon"),
        ("AUTH_ROLES_CLAIM", "/a/~"),
        ("AUTH_MAX_TOKEN_BYTES", "0"),
        ("AUTH_TOKEN_CACHE", "on"),
        ("AUTH_TOKEN_CACHE_BYTES", "1000"),
        ("AUTH_REALM", " grades\n"),
        ("AUTH_NAME_ROLES", "yes"),
        ("AUTH_JWKS_REFRESH", "1"),
        ("AUTH_JWKS_MAX_STALE", "0"),
        ("AUTH_JWKS_FETCH_DEADLINE", "3600"),
        ("AUTH_JWKS_MAX_BYTES", "-1"),
        ("AUTH_JWKS_MAX_KEYS", "1.5"),
        ("AUTH_JWKS_UNKNOWN_KEY_INTERVAL", "0"),
        ("AUTH_ALLOW_HTTP_HOSTS", ","),
        ("AUTH_CA_FILE", "/no/such/file.pem"),
    ])
    .unwrap_err();

    let expected = [
        r#"AUTH_AUDIENCE is "a,,b", with an empty item; remove the extra comma"#,
        r#"AUTH_PROFILE is "oidc"; give generic, rfc9068 or open_edx"#,
        r#"AUTH_ALGORITHMS names "none", which is not supported; choose among RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA"#,
        r#"AUTH_LEEWAY is "soon"; give whole seconds, for example 30"#,
        r#"AUTH_ROLES_CLAIM is "/a/~"; give a name such as roles, or /realm_access/roles"#,
        "AUTH_MAX_TOKEN_BYTES is zero; give a whole number above zero",
        r#"AUTH_TOKEN_CACHE is "on"; give how many tokens are remembered, or 0 for none"#,
        r#"AUTH_JWKS_MAX_BYTES is "-1"; give a whole number above zero"#,
        r#"AUTH_JWKS_MAX_KEYS is "1.5"; give a whole number above zero"#,
        r#"AUTH_ALLOW_HTTP_HOSTS is ",", with an empty item; remove the extra comma"#,
        r#"AUTH_CA_FILE is "/no/such/file.pem", which cannot be read: No such file or directory (os error 2); name a PEM file that this process may read"#,
        "AUTH_REALM begins or ends with white space; remove it, often a stray line end",
        r#"AUTH_NAME_ROLES is "yes"; give true or false"#,
        "AUTH_JWKS_URL is not a URL; give a full URL, for example https://id.example",
        "AUTH_JWKS_REFRESH is below 10 seconds; give at least 10, since new keys are found without waiting for it",
        "AUTH_JWKS_MAX_STALE is shorter than the refresh; give several times the refresh, for example 14400",
        "AUTH_JWKS_FETCH_DEADLINE is zero or above a minute; give a few seconds, for example 5",
        "AUTH_JWKS_UNKNOWN_KEY_INTERVAL is below a second; give some seconds, for example 10",
        "AUTH_TOKEN_CACHE_BYTES is 1000; give at least 65536, or turn the cache off",
    ];
    let told: Vec<String> = error
        .problems()
        .iter()
        .map(|told| format!("{} {}; {}", told.setting, told.problem, told.fix))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn tenants_stand_in_the_issuer() {
    let tenants = ["8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11", "f3d7c2b8-90a1-4b55-8a64-0b7e5c1d2e33"];
    let with_tenants = async |tenants: &str| {
        let issuer = "http://127.0.0.1:9/{tenantid}/v2.0";
        Auth::from_vars([("AUTH_ISSUER", issuer), ("AUTH_AUDIENCE", "grades"), ("AUTH_TENANTS", tenants)])
    };

    let auth = with_tenants(&tenants.join(", ")).await.unwrap();
    assert_eq!(
        auth.verifier().names().collect::<Vec<_>>(),
        tenants.map(|tenant| format!("http://127.0.0.1:9/{tenant}/v2.0"))
    );
    for wrong in ["", "common"] {
        let error = with_tenants(wrong).await.unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert_eq!(error.problems()[0].setting, "AUTH_TENANTS", "{error}");
    }
}

#[tokio::test]
async fn a_file_stands_in_place_of_all_other_variables() {
    let error = read(&[("AUTH_CONFIG", "/no/such/file.toml"), ("AUTH_LEEWAY", "9"), ("AUTH_REALM", "")])
        .await
        .unwrap_err();

    let told: Vec<_> =
        error.problems().iter().map(|told| (told.setting.as_str(), told.problem.as_str())).collect();
    let conflict = "is set, and AUTH_CONFIG as well";
    assert_eq!(
        told[..3],
        [("AUTH_ISSUER", conflict), ("AUTH_AUDIENCE", conflict), ("AUTH_LEEWAY", conflict)],
        "an empty variable counts as unset"
    );
    let (setting, problem) = told[3];
    if cfg!(feature = "config-file") {
        assert_eq!(setting, "/no/such/file.toml");
        assert!(problem.starts_with("cannot be read: No such file"), "{problem}");
    } else {
        assert_eq!((setting, problem), ("AUTH_CONFIG", "is set, and this service was built without files"));
        assert!(error.problems()[3].fix.contains("the feature `config-file` of linchpin"), "{error}");
    }
    assert_eq!(told.len(), 4, "{error}");
}

#[tokio::test]
async fn secrets_are_not_for_published_keys() {
    let error = read(&[("AUTH_ALGORITHMS", "RS256,HS256")]).await.unwrap_err();

    assert!(error.to_string().contains("AUTH_ALGORITHMS allow HS256, whose key is a secret"), "{error}");
}

#[tokio::test]
async fn plain_http_to_another_host_is_told_with_the_way_out() {
    let plain = ("AUTH_JWKS_URL", "http://keycloak:8080/keys");
    let error = read(&[plain]).await.unwrap_err();

    assert!(error.to_string().contains("AUTH_JWKS_URL is plain http to another host"), "{error}");
    assert!(error.to_string().contains("AUTH_ALLOW_HTTP_HOSTS"), "{error}");
    assert!(read(&[plain, ("AUTH_ALLOW_HTTP_HOSTS", "keycloak")]).await.is_ok());
}

#[test]
fn the_table_in_the_docs_is_the_table_in_the_code() {
    let row = |setting: &linchpin::Setting| {
        format!("| `{}` | {} | {} |\n", setting.name, setting.meaning, setting.default)
    };
    let table: String = SETTINGS.iter().map(row).collect();

    let docs = include_str!("../../../../docs/settings.md");

    assert!(docs.contains(&table), "docs/settings.md should hold:\n\n{table}");
}

/// What becomes of a token under these settings, with a real issuer behind them.
async fn outcome(issuer: &str, vars: &[(&str, &str)], token: &str) -> Result<std::sync::Arc<Caller>, Reason> {
    let required = [("AUTH_ISSUER", issuer), ("AUTH_AUDIENCE", "tests"), ("AUTH_ALGORITHMS", "ES256")];
    let vars: std::collections::BTreeMap<&str, &str> = required.iter().chain(vars).copied().collect();
    let auth = Auth::from_vars(vars).unwrap();
    auth.ready().await;
    let result = match auth.verifier().verify(token, SystemClock.now()) {
        Outcome::Ready(result) => result,
        Outcome::Pending(pending) => pending.await,
    };
    result.map_err(|refusal| refusal.reason())
}

#[tokio::test]
async fn variables_change_what_is_accepted() {
    let issuer = TestIssuer::start().await.unwrap();
    let url = issuer.issuer().to_owned();
    let good = issuer.token("ann").claim("groups", vec!["staff"]).sign();
    let expired = issuer.token("ann").expires_in(Duration::ZERO).sign();
    let plain = issuer.token("ann").typ("JWT").sign();
    let reason = async |vars: &[(&str, &str)], token: &str| outcome(&url, vars, token).await.err();

    assert_eq!(reason(&[], &good).await, None);
    assert_eq!(reason(&[("AUTH_AUDIENCE", "a, tests")], &good).await, None);
    assert_eq!(reason(&[("AUTH_AUDIENCE", "a")], &good).await, Some(Reason::WrongAudience));
    assert_eq!(reason(&[("AUTH_CLIENT_IDS", "another")], &good).await, Some(Reason::WrongClientId));
    assert_eq!(reason(&[("AUTH_ALGORITHMS", "RS256,EdDSA,ES256")], &good).await, None);
    assert_eq!(reason(&[], &expired).await, None, "within the leeway");
    assert_eq!(reason(&[("AUTH_LEEWAY", "0")], &expired).await, Some(Reason::Expired));
    assert_eq!(reason(&[], &plain).await, None);
    assert_eq!(reason(&[("AUTH_PROFILE", "rfc9068")], &plain).await, Some(Reason::WrongTokenType));
    assert_eq!(reason(&[("AUTH_MAX_TOKEN_BYTES", "100")], &good).await, Some(Reason::TokenTooLarge));
    let old = issuer.token("ann").claim("iat", SystemClock.now().as_unix_seconds() - 1000).sign();
    assert_eq!(reason(&[], &old).await, None);
    assert_eq!(reason(&[("AUTH_MAX_AGE", "600")], &old).await, Some(Reason::TokenTooOld));
    assert_eq!(reason(&[("AUTH_MAX_LIFETIME", "1000")], &old).await, Some(Reason::LifetimeTooLong));
    assert_eq!(reason(&[("AUTH_JWKS_URL", &issuer.jwks_url())], &good).await, None);

    let roles = async |vars: &[(&str, &str)]| outcome(&url, vars, &good).await.unwrap().has_role("staff");
    assert!(!roles(&[]).await);
    assert!(roles(&[("AUTH_ROLES_CLAIM", "groups")]).await);
}

#[tokio::test]
async fn variables_change_how_keys_are_fetched() {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.rotate(); // two keys
    let url = issuer.issuer().to_owned();
    let is_ready_with = async |name: &str, value: &str| {
        let vars =
            [("AUTH_ISSUER", &*url), ("AUTH_AUDIENCE", "tests"), ("AUTH_ALGORITHMS", "ES256"), (name, value)];
        let auth = Auth::from_vars(vars).unwrap();
        let before = issuer.discovery_fetches();
        let token = issuer.token("ann").sign();
        let Outcome::Pending(pending) = auth.verifier().verify(&token, SystemClock.now()) else {
            panic!("knows keys")
        };
        let accepted = pending.await.is_ok();
        assert!(issuer.discovery_fetches() > before);
        accepted
    };

    assert!(is_ready_with("AUTH_JWKS_REFRESH", "60").await);
    assert!(is_ready_with("AUTH_JWKS_MAX_KEYS", "2").await);
    assert!(!is_ready_with("AUTH_JWKS_MAX_KEYS", "1").await);
    assert!(is_ready_with("AUTH_JWKS_MAX_BYTES", "10000").await);
    assert!(!is_ready_with("AUTH_JWKS_MAX_BYTES", "100").await);
}

#[tokio::test]
async fn roles_are_named_only_if_that_is_set() {
    let told = async |vars: &[(&'static str, &'static str)]| {
        let auth = read(vars).await.unwrap();
        auth.gate().refuse(&linchpin::Refusal::insufficient_role("dean")).into_body().contains("dean")
    };

    assert!(told(&[("AUTH_NAME_ROLES", "true")]).await);
    assert!(!told(&[("AUTH_NAME_ROLES", "false")]).await);
    assert!(!told(&[("AUTH_NAME_ROLES", "")]).await && !told(&[]).await);
}

#[tokio::test]
async fn the_realm_stands_in_challenges_and_a_broken_ca_file_is_told() {
    let auth = read(&[("AUTH_REALM", "grades")]).await.unwrap();
    let Check::Refuse(answer) = auth.gate().check([]) else { panic!("admitted") };
    assert!(answer.headers().any(|header| header == ("www-authenticate", r#"Bearer realm="grades""#)));

    let no_certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let error = read(&[("AUTH_CA_FILE", no_certificate)]).await.unwrap_err();
    assert_eq!(error.problems()[0].setting, "AUTH_CA_FILE");
    let told = read(&[("AUTH_AUDIENCE", ""), ("AUTH_CLIENT_IDS", "a,,b")]).await.unwrap_err();
    assert_eq!(told.problems().len(), 1, "{told}");
}
