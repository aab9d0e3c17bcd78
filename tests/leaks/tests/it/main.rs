//! No log line holds a secret, and one that does is found.

use attack::suites;
use leaks::{Log, Secrets, relayed};
use linchpin_jwt::{Algorithm, SigningKey};
use parity::send;

/// Everything at once, since a process has one log.
#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_any_crate_holds_a_part_of_a_secret() {
    let log = Log::start();
    let mut secrets = Secrets::default();

    relayed(&mut secrets).await;
    let mut lines = log.take();
    for suite in suites() {
        for attack in &suite.attacks {
            for request in [&attack.request, &attack.twin] {
                let sent = request.authorizations();
                sent.for_each(|value| {
                    secrets.add_token("an attack's token", &String::from_utf8_lossy(value))
                });
                for target in suite.targets {
                    // What is said to it is the business of `tests/attack`.
                    let _ = send(target.address, request);
                }
            }
        }
    }
    lines.extend(log.take());

    let leaks = secrets.leaks(&lines);
    assert!(leaks.is_empty(), "{} leaks, among them\n{}", leaks.len(), leaks[..leaks.len().min(10)].join(""));
    for target in ["linchpin::access", "linchpin_oauth", "hyper_util", "reqwest", "actix_server"] {
        let of = |form: &str| lines.iter().filter(|line| line.contains(form)).count();
        assert!(of(&format!(r#""target":"{target}"#)) > 0, "no JSON of {target}");
        assert!(of(&format!(" {target}")) > 0, "no text of {target}");
    }
    assert!(lines.iter().any(|line| line.contains("TRACE")));
}

/// HTTP/2 would put headers into the log of the crate `h2`; then a TLS upstream belongs into this test.
#[test]
fn nothing_here_speaks_http_2() {
    let lock = include_str!("../../../../Cargo.lock");

    assert!(!lock.contains("\nname = \"h2\"\n"));
}

#[test]
fn a_secret_that_leaks_is_found_in_whole_and_in_part_and_in_another_form() {
    let mut secrets = Secrets::default();
    let token = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .sign_compact(r#"{"alg":"ES256"}"#, r#"{"sub":"ann"}"#);
    let signature = token.rsplit('.').next().unwrap();
    secrets.add_token("token", &token);
    secrets.add("secret", "planted+secret of a client");
    secrets
        .add_pem("key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----\n");

    for (line, found) in [
        (format!("sent {token}"), Some("token")),
        (format!("rest …{}", &signature[70..]), Some("token")),
        (format!("[{}]", &signature[20..36]), Some("token")),
        ("Basic cGxhbnRlZCtzZWNyZXQgb2YgYSBjbGllbnQ=".to_owned(), Some("secret")),
        ("client_secret=planted%2Bsecret+of+a+client".to_owned(), Some("secret")),
        ("key MIGHAgEAMBMGByqGSM49AgEG".to_owned(), Some("key")),
        (format!("[{}]", &signature[20..35]), None),
        ("-----BEGIN PRIVATE KEY-----".to_owned(), None),
        (token.split('.').next().unwrap().to_owned(), None),
    ] {
        assert_eq!(secrets.in_line(&line), found, "{line}");
    }
}
