//! The reader of `CLIENT_*`: what each variable does, and what is said of wrong ones.

use std::path::PathBuf;

use linchpin::{
    ConfigError,
    jwt::{Algorithm, SigningKey},
    oauth::{ClientCredentials, TokenError, TokenOutcome, TokenRequest, TokenSource},
    service_token,
};
use linchpin_idp::{Client, DevIdp};

const GOOD: [(&str, &str); 3] =
    [("AUTH_ISSUER", "http://127.0.0.1:9"), ("CLIENT_ID", "grades"), ("CLIENT_SECRET", "s3cret")];

/// These variables, in place of the good ones of the same name.
fn read(vars: &[(&str, &str)]) -> Result<ClientCredentials, ConfigError> {
    let vars: std::collections::BTreeMap<&str, &str> = GOOD.iter().chain(vars).copied().collect();
    service_token::from_vars(vars)
}

fn told(vars: &[(&str, &str)]) -> Vec<String> {
    let error = read(vars).unwrap_err();
    assert!(!error.to_string().contains("s3cret") && !error.to_string().contains("placeholder"), "{error}");
    error.problems().iter().map(|told| format!("{} {}", told.setting, told.problem)).collect()
}

/// A file that is removed in the end.
struct File(PathBuf);

impl File {
    fn with(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("linchpin-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn ask(source: &ClientCredentials) -> Result<String, TokenError> {
    let token = match source.token(&TokenRequest::new("https://billing.example:443")) {
        TokenOutcome::Ready(result) => result,
        TokenOutcome::Pending(pending) => pending.await,
    };
    token.map(|token| token.secret().to_owned())
}

#[tokio::test]
async fn an_id_a_secret_and_the_issuer_are_enough() {
    let source = read(&[("CLIENT_ADDRESS_HEADER", "forwarded"), ("CLIENT_SCOPES", "")]).unwrap();

    assert!(ask(&source).await.unwrap_err().is_unavailable(), "nobody answers at the issuer");
    assert!(!format!("{source:?}").contains("s3cret"));
}

#[tokio::test]
async fn nothing_set_is_told_with_what_to_set() {
    let error = service_token::from_vars::<&str, &str>([]).unwrap_err();

    assert_eq!(
        error.to_string(),
        "wrong configuration:
  CLIENT_ID is not set; set it to the id under which this service is registered
  CLIENT_SECRET_FILE is not set, nor is CLIENT_KEY_FILE or CLIENT_CERTIFICATE_FILE; set the one that the client is registered with, or say which in CLIENT_AUTH_METHOD
  CLIENT_ISSUER is not set, nor is AUTH_ISSUER; set it to the issuer's URL, for example https://id.example"
            .to_owned()
            + ", or set CLIENT_TOKEN_URL"
    );
}

#[tokio::test]
async fn every_wrong_value_is_reported_at_once_under_its_variable() {
    assert_eq!(
        told(&[
            ("CLIENT_ID", " grades"),
            ("CLIENT_SECRET", "s3cret\n"),
            ("CLIENT_TOKEN_URL", "http://id.example/token"),
            ("CLIENT_DEADLINE", "soon"),
            ("CLIENT_SCOPES", "a,,b"),
            ("AUTH_CA_FILE", "/no/such/file.pem"),
        ]),
        [
            "CLIENT_ID begins or ends with white space",
            "CLIENT_SECRET begins or ends with white space",
            "CLIENT_DEADLINE is \"soon\"",
            "AUTH_CA_FILE is \"/no/such/file.pem\", which cannot be read: No such file or directory (os error 2)",
            "CLIENT_SCOPES is \"a,,b\", with an empty item",
            "CLIENT_TOKEN_URL is plain http to another host",
        ]
    );
    assert_eq!(
        told(&[("CLIENT_ISSUER", "http://id.example")]),
        ["CLIENT_ISSUER is plain http to another host"]
    );
    assert_eq!(told(&[("AUTH_ISSUER", "id.example")]), ["AUTH_ISSUER is not a URL"]);
    assert_eq!(told(&[("CLIENT_DEADLINE", "61")]), ["CLIENT_DEADLINE is zero or above a minute"]);
    assert_eq!(told(&[("CLIENT_RESOURCE", "billing")])[0].split(' ').next(), Some("CLIENT_RESOURCE"));
    assert_eq!(told(&[("CLIENT_SCOPES", "a b")])[0].split(' ').next(), Some("CLIENT_SCOPES"));
}

#[tokio::test]
async fn the_way_to_authenticate_has_to_be_clear() {
    let file = File::with("clear", "text");
    let path = file.path();

    assert_eq!(told(&[("CLIENT_AUTH_METHOD", "secret")]), ["CLIENT_AUTH_METHOD is \"secret\""]);
    assert_eq!(
        told(&[("CLIENT_KEY_FILE", path)]),
        ["CLIENT_SECRET_FILE is not the only way to authenticate that is set"]
    );
    assert_eq!(
        told(&[("CLIENT_SECRET_FILE", path)]),
        ["CLIENT_SECRET is set, and CLIENT_SECRET_FILE as well"]
    );
    for (method, missing) in [
        ("client_secret_basic", "CLIENT_SECRET_FILE is not set"),
        ("client_secret_post", "CLIENT_SECRET_FILE is not set"),
        ("private_key_jwt", "CLIENT_KEY_FILE is not set"),
        ("tls_client_auth", "CLIENT_CERTIFICATE_FILE is not set"),
    ] {
        assert_eq!(told(&[("CLIENT_SECRET", ""), ("CLIENT_AUTH_METHOD", method)]), [missing]);
    }
    assert!(read(&[("CLIENT_AUTH_METHOD", "client_secret_post"), ("CLIENT_KEY_FILE", path)]).is_ok());
}

#[tokio::test]
async fn files_that_are_of_no_use_are_told_without_what_stands_in_them() {
    let (empty, lines) = (File::with("empty", "\n"), File::with("lines", "s3cret\ns3cret\n"));
    let without_secret = |vars: &[(&str, &str)]| told(&[&[("CLIENT_SECRET", "")], vars].concat());

    for file in [&empty, &lines] {
        let problem = "CLIENT_SECRET_FILE names a file that is empty or has several lines";
        assert_eq!(without_secret(&[("CLIENT_SECRET_FILE", file.path())]), [problem]);
    }
    assert_eq!(
        without_secret(&[("CLIENT_SECRET_FILE", "/no/such/file")]),
        ["CLIENT_SECRET_FILE names a file that cannot be read: No such file or directory (os error 2)"]
    );
    assert_eq!(
        without_secret(&[("CLIENT_KEY_FILE", lines.path())]),
        ["CLIENT_KEY_FILE is of no use: the text is not one PEM block"]
    );
    assert_eq!(
        without_secret(&[("CLIENT_KEY_FILE", lines.path()), ("CLIENT_KEY_ALGORITHM", "none")]),
        ["CLIENT_KEY_ALGORITHM is \"none\""]
    );
    let problems = without_secret(&[("CLIENT_CERTIFICATE_FILE", lines.path())]);
    assert!(problems[0].starts_with("CLIENT_CERTIFICATE_FILE is of no use"), "{problems:?}");
}

#[tokio::test]
async fn a_token_is_fetched_with_a_secret_from_a_file() {
    let client = Client::new("grades", "s3:cr&t %").scopes(["a", "b"]).audiences(["billing"]);
    let idp = DevIdp::builder().algorithm(Algorithm::ES256).clients([client]).start().await.unwrap();
    let secret = File::with("secret", "s3:cr&t %\r\n");

    for method in ["client_secret_basic", "client_secret_post"] {
        let source = read(&[
            ("CLIENT_ISSUER", idp.issuer()),
            ("CLIENT_SECRET", ""),
            ("CLIENT_SECRET_FILE", secret.path()),
            ("CLIENT_AUTH_METHOD", method),
            ("CLIENT_SCOPES", "a"),
            ("CLIENT_AUDIENCE", "billing"),
        ]);

        let token = ask(&source.unwrap()).await.unwrap();

        assert_eq!(token.split('.').count(), 3, "{method}: a JWT");
    }
    let wrong = read(&[("CLIENT_ISSUER", idp.issuer())]).unwrap();
    let error = ask(&wrong).await.unwrap_err();
    assert!(error.is_refused() && error.error_code() == Some("invalid_client"), "{error}");
}

#[tokio::test]
async fn a_token_is_fetched_with_a_key_from_a_file() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = SigningKey::from_pkcs8_pem(Algorithm::ES256, &pem).unwrap();
    let client = Client::with_public_key("grades", key.public_pem().unwrap());
    let idp = DevIdp::builder().algorithm(Algorithm::ES256).clients([client]).start().await.unwrap();
    let file = File::with("key", &pem);
    let vars = |more: &[(&'static str, &'static str)]| {
        let mut vars = vec![
            ("CLIENT_ISSUER", idp.issuer().to_owned()),
            ("CLIENT_SECRET", String::new()),
            ("CLIENT_KEY_FILE", file.path().to_owned()),
            ("CLIENT_KEY_ALGORITHM", "ES256".to_owned()),
        ];
        vars.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        vars
    };
    let source = |more: &[(&'static str, &'static str)]| {
        let vars = vars(more);
        read(&vars.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).unwrap()
    };

    assert!(ask(&source(&[])).await.is_ok());

    let elsewhere =
        ask(&source(&[("CLIENT_ASSERTION_AUDIENCE", "https://other.example")])).await.unwrap_err();
    assert_eq!(elsewhere.error_code(), Some("invalid_client"));
}

#[test]
fn the_table_in_the_docs_is_the_table_in_the_code() {
    let row = |setting: &linchpin::Setting| {
        format!("| `{}` | {} | {} |\n", setting.name, setting.meaning, setting.default)
    };
    let table: String = service_token::SETTINGS.iter().map(row).collect();

    let docs = include_str!("../../../../docs/settings.md");

    assert!(docs.contains(&table), "docs/settings.md should hold:\n\n{table}");
}

#[tokio::test]
async fn without_any_of_the_variables_there_is_no_token_and_that_is_no_mistake() {
    let read = |vars: &[(&str, &str)]| {
        let found = service_token::from_vars_if_set(vars.iter().copied());
        found.map(|source| source.is_some()).map_err(|error| error.problems().len())
    };

    assert_eq!(read(&[]), Ok(false));
    // Those that have a meaning elsewhere, and those that are empty, set nothing.
    let others =
        [("AUTH_ISSUER", "https://id.example"), ("CLIENT_ADDRESS_HEADER", "forwarded"), ("CLIENT_ID", "")];
    assert_eq!(read(&others), Ok(false));
    assert_eq!(read(&GOOD), Ok(true));
    // One that is set is meant.
    assert_eq!(read(&[("AUTH_ISSUER", "https://id.example"), ("CLIENT_SCOPES", "a")]), Err(2));
}
