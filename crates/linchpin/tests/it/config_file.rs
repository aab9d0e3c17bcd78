//! The file that `AUTH_CONFIG` names: what it does, and what is said of wrong ones.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use linchpin::{
    Auth, Check, Clock, ConfigError, Outcome, Reason, SystemClock, VerifyToken,
    core::Caller,
    jwt::{Algorithm, SigningKey},
};
use linchpin_test::TestIssuer;
use serde_json::json;

/// A directory of its own for the files of one test.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{test}"));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, name: &str, text: &str) -> Result<Auth, ConfigError> {
        Auth::from_file(self.write(name, text))
    }

    /// What is told of a file, without the file's own name.
    fn told(&self, name: &str, text: &str) -> Vec<String> {
        let error = self.load(name, text).unwrap_err();
        let prefix = format!("{}: ", self.0.join(name).display());
        let told = |told: &linchpin::core::Misconfiguration| {
            let place = told.setting.strip_prefix(&prefix).unwrap_or_else(|| panic!("{error}"));
            format!("{place} {}; {}", told.problem, told.fix)
        };
        error.problems().iter().map(told).collect()
    }
}

async fn verify(auth: &Auth, token: &str) -> Result<Arc<Caller>, Reason> {
    let result = match auth.verifier().verify(token, SystemClock.now()) {
        Outcome::Ready(result) => result,
        Outcome::Pending(pending) => pending.await,
    };
    result.map_err(|refusal| refusal.reason())
}

#[tokio::test]
async fn the_example_of_the_docs_loads() {
    let docs = include_str!("../../../../docs/issuers.md");
    let example = docs.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();

    let auth = Files::new("docs").load("auth.toml", example).unwrap();

    assert_eq!(
        auth.verifier().names().collect::<Vec<_>>(),
        [
            "https://sso.example/realms/school",
            "https://login.microsoftonline.com/8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11/v2.0",
            "https://login.microsoftonline.com/f3d7c2b8-90a1-4b55-8a64-0b7e5c1d2e33/v2.0",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1Cd2Ef3",
            "https://id.example",
            "https://lms.example/oauth2",
        ]
    );
    assert_eq!(auth.verifier().schemes(), ["Bearer", "JWT"]);
    let Check::Refuse(answer) = auth.gate().check([]) else { panic!("admitted") };
    assert!(answer.headers().any(|header| header == ("www-authenticate", r#"Bearer realm="grades""#)));
    let names_roles = |auth: &Auth| {
        auth.gate().refuse(&linchpin::Refusal::insufficient_role("dean")).body().contains("dean")
    };
    assert!(!names_roles(&auth));
    let named =
        Files::new("names").load("auth.toml", &example.replace("name_roles = false", "name_roles = true"));
    assert!(names_roles(&named.unwrap()));
    assert!(auth.is_ready(), "the keys of one issuer stand in the file");
}

#[tokio::test]
async fn toml_and_json_say_the_same_and_every_setting_counts() {
    let files = Files::new("same");
    let served = TestIssuer::start().await.unwrap();
    let given = TestIssuer::builder().issuer("https://given.test").audience("given").build();
    let set = TestIssuer::builder().issuer("https://set.test").audience("set").build();
    let secret = SigningKey::from_secret(Algorithm::HS256, &[b's'; 32]).unwrap();
    files.write("given.pem", given.public_pem());
    files.write("secret", [&[b's'; 32][..], b"\r\n"].concat());
    let toml = format!(
        r#"
        [[issuer]]
        issuer = "{served}"
        audience = ["other", "tests"]
        algorithms = "ES256"
        client_ids = ["test-client"]
        jwks_refresh = 60
        max_lifetime = 3600

        [[issuer]]
        issuer = "https://given.test"
        audience = "given"
        pem_files = ["given.pem"]
        algorithms = ["ES256"]
        roles_claim = "/a/roles"

        [[issuer]]
        provider = "open_edx"
        issuer = "https://set.test"
        audience = "set"
        algorithms = ["ES256"]
        jwks = '{jwks}'

        [[issuer]]
        issuer = "https://secret.test"
        audience = "secret"
        secret_file = "secret"
        algorithms = ["HS256"]
        "#,
        served = served.issuer(),
        jwks = set.jwk_set(),
    );
    let json = json!({"issuer": [
        {"issuer": served.issuer(), "audience": ["other", "tests"], "algorithms": "ES256",
            "client_ids": ["test-client"], "jwks_refresh": 60, "max_lifetime": 3600},
        {"issuer": "https://given.test", "audience": "given", "pem_files": "given.pem", "algorithms": ["ES256"],
            "roles_claim": "/a/roles"},
        {"provider": "open_edx", "issuer": "https://set.test", "audience": "set", "algorithms": ["ES256"],
            "jwks": serde_json::from_str::<serde_json::Value>(&set.jwk_set()).unwrap()},
        {"issuer": "https://secret.test", "audience": "secret", "secret_file": "secret", "algorithms": ["HS256"]},
    ]});

    for auth in [files.load("auth.toml", &toml).unwrap(), files.load("auth.json", &json.to_string()).unwrap()]
    {
        assert!(verify(&auth, &served.token("ann").sign()).await.is_ok());
        let two_hours = served.token("ann").expires_in(std::time::Duration::from_secs(7200)).sign();
        assert_eq!(verify(&auth, &two_hours).await.unwrap_err(), Reason::LifetimeTooLong);
        let by_other = served.token("ann").claim("client_id", "x").sign();
        assert_eq!(verify(&auth, &by_other).await.unwrap_err(), Reason::WrongClientId);

        let token = given.token("ann").claim("a", json!({"roles": ["admin"]})).sign();
        assert!(verify(&auth, &token).await.unwrap().has_role("admin"));
        let old = set.token("ann").claim("version", "2.0.0").sign();
        assert!(verify(&auth, &set.token("ann").sign()).await.is_ok());
        assert_eq!(verify(&auth, &old).await.unwrap_err(), Reason::UnsupportedVersion);

        let exp = SystemClock.now().as_unix_seconds() + 60;
        let claims = json!({"iss": "https://secret.test", "aud": "secret", "exp": exp});
        assert!(verify(&auth, &secret.sign_jwt(&claims)).await.is_ok());
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_by_its_place() {
    let told = Files::new("wrong").told(
        "auth.toml",
        r#"
        relam = "grades"
        name_roles = "yes"

        [[issuer]]
        provider = "keycloak"
        base = "https://sso.example"
        realm = 7
        audiences = ["grades"]
        leeway = "soon"
        issuer = "https://id.example"

        [[issuer]]
        issuer = "http://id.example"
        audience = []
        client_ids = ["a", 7]
        algorithms = ["RS256", "none"]
        profile = "oidc"
        roles_claim = ""
        jwks_refresh = 1
        max_age = -1
        max_token_bytes = 0
        jwks_max_keys = 1.5
        ca_file = "no-such.pem"

        [[issuer]]
        provider = "okta"
        domain = " school.okta.com"
        tenants = [true]
        audience = "api://default"

        [[issuer]]
        provider = "keyclock"
        base = "https://sso.example"
        audience = "grades"

        [[issuer]]
        provider = "open_edx"
        issuer = "https://lms.example"
        audience = "openedx"
        pem_files = ["no-such.pem"]

        [[issuer]]
        provider = "entra_id"
        audience = "x"
        "#,
    );

    let audience =
        "give the `aud` that the issuer puts into tokens for this service (or client_ids, if it sends none)";
    let expected = [
        "name_roles is a text; give true or false",
        "relam is not a setting; did you mean realm?",
        "issuer[0].realm is a whole number; give a text",
        "issuer[0].leeway is a text; give whole seconds, for example 30",
        "issuer[0].audiences is not a setting; did you mean audience?",
        "issuer[0].issuer has no meaning here; leave it out, or name the provider that it belongs to",
        "issuer[1].audience is an empty list; list at least one, or leave it out",
        "issuer[1].client_ids holds a whole number; give a list of texts",
        r#"issuer[1].profile is "oidc"; give generic, rfc9068 or open_edx"#,
        r#"issuer[1].algorithms names "none", which is not supported; choose among RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,HS256,HS384,HS512"#,
        "issuer[1].max_age is -1; give whole seconds, for example 30",
        "issuer[1].roles_claim is empty; give a value, or leave it out",
        "issuer[1].max_token_bytes is zero; give a whole number above zero",
        "issuer[1].jwks_max_keys is a fraction; give a whole number above zero",
        "issuer[1].ca_file cannot be read: No such file or directory (os error 2); name a PEM file that this process may read",
        "issuer[2].domain begins or ends with white space; remove it, often a stray line end",
        "issuer[2].server is missing; give the id of the authorization server, for example default",
        "issuer[2].tenants holds true or false; give a list of texts",
        r#"issuer[3].provider is "keyclock", which is not known; did you mean "keycloak"? leave it out for any other, and give the issuer"#,
        "issuer[4].pem_files[0] cannot be read: No such file or directory (os error 2); name a PEM file that this process may read",
        "issuer[5].tenants are missing; list the ids of the tenants whose users may call",
        &format!("issuer[0].audience is missing; {audience}"),
        "issuer[1].issuer is plain http to another host; use https, since whoever can change the answer can sign tokens (a host on a private network can be allowed by name: allow_http_host, AUTH_ALLOW_HTTP_HOSTS)",
        "issuer[1].jwks_refresh is below 10 seconds; give at least 10, since new keys are found without waiting for it",
        "issuer[1].jwks_unknown_key_interval is longer than the refresh; give less than the refresh, for example 10",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_builders_find_has_the_name_that_it_has_in_the_file() {
    let files = Files::new("names");
    let told = |members: &str| {
        let file = format!("[[issuer]]\nissuer = \"https://id.example\"\naudience = \"a\"\n{members}");
        files
            .told("auth.toml", &file)
            .into_iter()
            .map(|told| told.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    files.write("no.pem", "no pem");
    files.write("short", "short");

    for (members, expected) in [
        ("pem_files = 'no.pem'", "issuer[0].pem_files"),
        ("jwks = '{}'", "issuer[0].jwks"),
        ("secret_file = 'short'\nalgorithms = 'HS256'", "issuer[0].secret_file"),
        ("jwks_url = 'id.example'", "issuer[0].jwks_url"),
        ("jwks_max_stale = 1", "issuer[0].jwks_max_stale"),
        ("roles_claim = 'aud'", "issuer[0].roles_claim"),
        ("ca_file = 'no.pem'", "issuer[0].ca_file"),
        ("allow_http_hosts = ['*']", "issuer[0].allow_http_hosts"),
        ("algorithms = 'HS256'", "issuer[0].algorithms"),
        ("tenants = '8a1f6a54-2c1e-4d9e-9d0c-6d1b8a3e0f11'", "issuer[0].tenants"),
        ("[[issuer]]\nissuer = 'https://id.example'\naudience = 'b'", "issuer"),
    ] {
        assert_eq!(told(members), [expected], "{members}");
    }
}

#[tokio::test]
async fn a_file_that_is_none_is_told_without_a_line_of_it() {
    let files = Files::new("none");
    let told = |name: &str, text: &str| files.load(name, text).unwrap_err().to_string();

    for (name, text) in [
        ("a.toml", "realm = \"x\"\n[[issuer]]\nsecret = hush-hush\n"),
        ("a.toml", "[[issuer]]\nrealm = 'hush-hush"),
        ("a.toml", "x = 1\nhush-hush = 2\nhush-hush = 3\n"),
        ("a.json", "{\"issuer\":\n\"hush-hush\",}"),
        ("a.json", "hush-hush"),
    ] {
        let told = told(name, text);
        assert!(told.contains(" is not ") && told.contains("by line "), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }
    assert!(told("a.json", "[]").contains("a.json is a list; write a table of settings"));
    assert!(told("a.json", "{}").contains("issuer is missing; declare at least one, under [[issuer]]"));
    assert!(told("a.json", r#"{"issuer":{}}"#).contains("issuer is a table; give a list of tables"));
    assert!(told("a.json", r#"{"issuer":[7]}"#).contains("issuer[0] is a whole number; write a table"));
    assert!(told("a.yaml", "").contains("has a name that ends neither with .toml nor with .json"));
    assert!(told("a.json", r#"{"realm":"a","realm":"a","issuer":[]}"#).contains("realm is given twice"));
}

#[tokio::test]
async fn a_secret_in_the_file_is_in_no_error_and_in_no_debug() {
    let files = Files::new("secret");
    let pasted = "-----BEGIN PRIVATE KEY----- hush-hush";
    let text = format!(
        r#"
        [[issuer]]
        issuer = "https://id.example"
        audience = "a"
        algorithms = ["HS256"]
        secret_file = "hush-hush"
        pem_files = ["{pasted}"]
        jwks = '{{"keys":[{{"kty":"oct","k":"hush-hush"}}]}}'
        "#
    );

    let told = files.load("auth.toml", &text).unwrap_err().to_string();

    assert!(["secret_file", "pem_files[0]", "jwks"].iter().all(|place| told.contains(place)), "{told}");
    assert!(!told.contains("hush"), "{told}");
    let good = r#"{"issuer":[{"issuer":"https://id.example","audience":"a","algorithms":"HS256",
        "jwks":{"keys":[{"kty":"oct","k":"aHVzaC1odXNoaHVzaC1odXNoaHVzaC1odXNoaHVzaC1odXNo"}]}}]}"#;
    let shown = format!("{:?}", files.load("auth.json", good).unwrap());
    assert!(shown.contains("https://id.example") && !shown.contains("aHVz"), "{shown}");
}

#[tokio::test]
async fn the_variable_names_the_file() {
    let files = Files::new("variable");
    let issuer = TestIssuer::builder().audience("grades").build();
    files.write("key.pem", issuer.public_pem());
    let path = files.write(
        "auth.toml",
        "[[issuer]]\nissuer = 'https://issuer.test'\naudience = 'grades'\npem_files = 'key.pem'\nalgorithms = 'ES256'",
    );

    let auth = Auth::from_vars([("AUTH_CONFIG", path.to_str().unwrap()), ("AUTH_ISSUER", "")]).unwrap();

    assert!(verify(&auth, &issuer.token("ann").sign()).await.is_ok());
}
