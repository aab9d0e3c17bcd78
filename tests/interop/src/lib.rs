//! A certified OpenID provider that nobody here wrote: [`oidc-provider`](https://www.npmjs.com/package/oidc-provider).
//!
//! [`Provider`] is one in a process of its own, with the clients that a test gives it. This package is apart because it is
//! never published and needs Node.js; `cargo xtask test` sees to that, and to what `provider/package-lock.json` names.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A provider on a loopback port. Its process ends when this is dropped, and also when the test's process does.
pub struct Provider {
    issuer: String,
    process: Child,
}

impl Provider {
    /// Starts a provider with clients as [`client`] makes them, and waits until it listens.
    ///
    /// # Panics
    ///
    /// If it does not start: the message says what it wrote, or what has to be installed.
    pub async fn start(clients: &[Value]) -> Self {
        let folder = folder();
        assert!(
            folder.join("node_modules").is_dir(),
            "the provider is not installed; `cargo xtask test` does it, or `npm ci --prefix {}`",
            folder.display()
        );
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .arg(json!({ "clients": clients }).to_string())
            .current_dir(folder)
            // It ends with its standard input.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}", cannot_start(&error)));
        let mut first = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let listens = timeout(STARTED_WITHIN, output.read_line(&mut first)).await;
        let ready: Option<Value> = serde_json::from_str(&first).ok();
        let Some(issuer) = ready.and_then(|ready| Some(ready["issuer"].as_str()?.to_owned())) else {
            let _ = process.start_kill();
            let mut said = String::new();
            let _ = process.stderr.take().expect("it is piped").read_to_string(&mut said).await;
            panic!("the provider does not start ({listens:?}): {first}{said}");
        };
        Self { issuer, process }
    }

    /// The name of the issuer, which is its URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Asks for a token with fields in a form, as a client that knows nothing of ours would, and gives back the answer's JSON.
    ///
    /// # Panics
    ///
    /// If there is no answer.
    pub async fn ask(&self, client: &str, secret: &str, fields: &[(&str, &str)]) -> Value {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = reqwest::Client::new()
            .post(format!("{}/token", self.issuer))
            .basic_auth(client, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = request.send().await.expect("the provider answers");
        let answer = answer.bytes().await.expect("the provider finishes its answer");
        serde_json::from_slice(&answer).expect("a token endpoint answers JSON")
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).field("process", &self.process.id()).finish()
    }
}

/// The registration of a client for client credentials, by RFC 7591: how it authenticates, and what with.
pub fn client(id: &str, method: &str, credential: (&str, Value)) -> Value {
    json!({
        "client_id": id,
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
        "scope": "read:reports",
        "token_endpoint_auth_method": method,
        credential.0: credential.1,
    })
}

fn cannot_start(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "the interop tests need Node.js 18 or newer, with npm; on Debian, `cargo xtask test` \
                                    installs it when it may, or `apt-get install nodejs npm`"
                .to_owned()
        }
        _ => format!("node: {error}"),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("provider")
}

/// It makes its keys first, and the machine may be busy with other tests.
const STARTED_WITHIN: Duration = Duration::from_secs(60);
