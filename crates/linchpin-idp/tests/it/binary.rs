//! The binary, as a developer and a script use it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Output, Stdio},
};

use linchpin_core::Reason;
use linchpin_jwt::Profile;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    net::TcpSocket,
    process::{Child, ChildStdout, Command},
};

use crate::verify;

fn linchpin_idp(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linchpin-idp"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = linchpin_idp(args).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The binary while it serves.
struct Serving {
    process: Child,
    issuer: String,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Serving {
    async fn start(args: &[&str]) -> Self {
        let mut process = linchpin_idp(args).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = stdout.next_line().await.unwrap().expect("it starts");
        let issuer = first.strip_prefix("Issuer: ").unwrap().to_owned();
        Self { process, issuer, stdout }
    }

    fn address(&self) -> SocketAddr {
        self.issuer.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sends a signal; then the status, and what was printed beside the issuer.
    async fn end(mut self, signal: &str) -> (Option<i32>, String, String) {
        let id = self.process.id().unwrap().to_string();
        assert!(
            Command::new("sh")
                .args(["-c", &format!("kill -s {signal} {id}")])
                .status()
                .await
                .unwrap()
                .success()
        );
        let status = self.process.wait().await.unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            stdout += &(line + "\n");
        }
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
        (status.code(), stdout, stderr)
    }
}

#[tokio::test]
async fn it_serves_until_a_signal_and_says_what_it_is() {
    for (args, signal) in [
        (&["--bind", "127.0.0.1:0"][..], "TERM"),
        (&["serve", "--bind", "127.0.0.1:0", "--audience", "a b"], "INT"),
    ] {
        let idp = Serving::start(args).await;
        let issuer = idp.issuer.clone();

        let (status, stdout, stderr) = idp.end(signal).await;

        assert_eq!(status, Some(0), "{stderr}");
        assert!(stdout.contains(&format!("export AUTH_ISSUER={issuer}\n")), "{stdout}");
        let audience = if signal == "TERM" { "grades" } else { "'a b'" };
        assert!(stdout.contains(&format!("export AUTH_AUDIENCE={audience}\n")), "{stdout}");
        assert!(stdout.contains(&format!("curl -s {issuer}/dev/token ")), "{stdout}");
        assert!(stderr.contains("Never run it in production") && !stderr.contains('\x1b'), "{stderr}");
    }
}

#[tokio::test]
async fn token_prints_the_token_alone_and_rotate_changes_the_keys() {
    let idp = Serving::start(&["serve", "--bind", "127.0.0.1:0", "--algorithm", "ES256"]).await;
    let issuer = ["--issuer", &idp.issuer];

    let wanted = ["token", "--user", "ann", "--scope", "grades:read", "--audience", "courses", "--ttl", "60"];
    let (status, token, stderr) = run(&[&wanted[..], &issuer].concat()).await;
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let token = token.strip_suffix('\n').unwrap();
    let caller = verify(idp.address(), Profile::Rfc9068, "courses", token).await.unwrap();
    assert!(caller.has_scope("grades:read") && !caller.has_scope("grades:write"));

    let (_, like_an_lms, _) =
        run(&[&["token", "--user", "ben", "--shape", "open-edx"][..], &issuer].concat()).await;
    assert!(verify(idp.address(), Profile::OpenEdx, "grades", like_an_lms.trim_end()).await.is_ok());

    let (status, stdout, _) = run(&[&["rotate"][..], &issuer].concat()).await;
    assert_eq!((status, stdout.as_str()), (Some(0), "rotated; 4 keys are published\n"));
    assert!(verify(idp.address(), Profile::Rfc9068, "courses", token).await.is_ok());
    run(&[&["rotate", "--withdraw"][..], &issuer].concat()).await;
    let refused = verify(idp.address(), Profile::Rfc9068, "courses", token).await.unwrap_err();
    assert_eq!(refused, Reason::UnknownKey);

    let (status, stdout, stderr) = run(&[&["token", "--user", "dora"][..], &issuer].concat()).await;
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("there is no user \"dora\"; there are: ann, ben, cleo"), "{stderr}");
    assert_eq!(idp.end("TERM").await.0, Some(0));
}

#[tokio::test]
async fn users_come_from_a_file() {
    let file = write_file("users.toml", "[[users]]\nname = \"dora\"\nroles = [\"admin\"]\n");
    let idp = Serving::start(&["--bind", "127.0.0.1:0", "--algorithm", "ES256", "--users", &file]).await;

    let (_, token, _) = run(&["token", "--user", "dora", "--issuer", &idp.issuer]).await;

    let caller = verify(idp.address(), Profile::Rfc9068, "grades", token.trim_end()).await.unwrap();
    assert!(caller.has_role("admin"));
}

#[tokio::test]
async fn without_a_provider_there_is_an_error_that_says_how_to_start_one() {
    // Bound and not listening: nobody else is given the port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let issuer = format!("http://{address}");

    for command in [&["token", "--user", "ann"][..], &["rotate"]] {
        let (status, stdout, stderr) = run(&[command, &["--issuer", &issuer]].concat()).await;
        assert_eq!((status, stdout.as_str()), (Some(1), ""));
        assert!(
            stderr.contains(&format!("start one with `linchpin-idp serve --bind {address}`")),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn wrong_usage_has_a_status_of_its_own() {
    for args in [
        &["token"][..],
        &["nonsense"],
        &["--nonsense"],
        &["--bind", "nowhere"],
        &["--algorithm", "HS256"],
        &["--algorithm", "none"],
        &["token", "--user", "ann", "--shape", "saml"],
        &["token", "--user", "ann", "--ttl", "soon"],
        &["token", "--user", "ann", "--issuer", "https://id.example"],
    ] {
        let (status, stdout, stderr) = run(args).await;
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_why_and_what_to_do() {
    let (status, _, stderr) = run(&["serve", "--bind", "0.0.0.0:0"]).await;
    assert_eq!(status, Some(1));
    assert!(stderr.contains("others can reach") && stderr.contains("--allow-any-address"), "{stderr}");

    let file = write_file("wrong.toml", "[[users]]\nname = \"ann\"\nrole = \"admin\"\n");
    let (status, _, stderr) = run(&["--users", &file, "--bind", "127.0.0.1:0"]).await;
    assert_eq!(status, Some(1));
    assert!(stderr.contains(&format!("{file}, line 3, cannot be read: unknown field `role`")), "{stderr}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, _, stderr) = run(&["--bind", &address]).await;
    assert_eq!(status, Some(1));
    assert!(stderr.contains(&format!("cannot listen on {address}: ")), "{stderr}");
}

#[tokio::test]
async fn any_address_is_a_choice_with_a_loud_name() {
    let args = ["--bind", "0.0.0.0:0", "--allow-any-address", "--algorithm", "ES256"];

    let idp = Serving::start(&args).await;

    assert!(idp.address().ip().is_loopback(), "the issuer is one that can be reached from here");
    assert_eq!(idp.end("TERM").await.0, Some(0));
}

fn write_file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
