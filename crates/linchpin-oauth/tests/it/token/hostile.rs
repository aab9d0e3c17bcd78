//! Token endpoints on real sockets that do not what they should.

use std::time::Duration;

use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint, TokenErrorKind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::ask;

/// For servers that answer: a busy machine must not make a test fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a request, writes these bytes, and then goes on with `then`; the task returns the request.
async fn server<F>(
    answer: impl Into<Vec<u8>>,
    then: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (String, JoinHandle<String>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let answer = answer.into();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        // The body of these requests ends the way the form does.
        while !request.ends_with(b"grant_type=client_credentials") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&answer).await.unwrap();
        then(stream).await;
        String::from_utf8(request).unwrap()
    });
    (url, request)
}

/// Held open until the client hangs up, so that no answer ends early.
async fn hold(mut stream: TcpStream) {
    let _ = stream.read_u8().await;
}

fn source(url: &str, deadline: Duration) -> ClientCredentials {
    let client = ClientAuth::secret_basic("grades", "s3cret");
    let endpoint = TokenEndpoint::url(url, client).deadline(deadline).build().unwrap();
    ClientCredentials::builder(&endpoint).build().unwrap()
}

async fn kind(url: &str) -> TokenErrorKind {
    kind_within(url, PATIENCE).await
}

async fn kind_within(url: &str, deadline: Duration) -> TokenErrorKind {
    let error = ask(&source(url, deadline)).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(!told.contains("s3cret") && !told.contains("Z3JhZGVzOnMzY3JldA"), "{told}");
    error.kind()
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_token_is_fetched_with_one_post() {
    let (url, request) =
        server(ok(r#"{"access_token":"abc","token_type":"bearer","expires_in":60}"#), hold).await;

    let source = source(&url, PATIENCE);
    assert_eq!(ask(&source).await.unwrap().authorization(), "Bearer abc");

    drop(source);
    let request = request.await.unwrap().to_lowercase();
    assert!(request.starts_with("post /token http/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.contains("authorization: basic z3jhzgvzonmzy3jlda==\r\n"), "{request}");
}

#[tokio::test]
async fn no_redirect_takes_the_secret_to_a_third_host() {
    for status in [301, 302, 303, 307, 308] {
        let (third, seen) = server(ok(r#"{"access_token":"abc","token_type":"bearer"}"#), hold).await;
        let answer = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {third}\r\ncontent-length: 0\r\n\r\n");
        let (url, _) = server(answer, hold).await;

        assert_eq!(kind(&url).await, TokenErrorKind::BadAnswer, "{status}");

        // Nobody so much as connected: whoever does now is the first.
        let address = third.strip_prefix("http://").unwrap().strip_suffix("/token").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"it is me: grant_type=client_credentials").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        drop(stream);
        assert!(seen.await.unwrap().starts_with("it is me"), "{status}");
    }
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n";
    let (url, _) = server([head.as_bytes(), &vec![b' '; 100_000]].concat(), hold).await;

    // The rest never comes: whoever waits for it runs into the deadline.
    assert_eq!(kind(&url).await, TokenErrorKind::BadAnswer);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (url, _) = server(head, async |mut stream: TcpStream| {
        while stream.write_all(b"400\r\n").await.is_ok()
            && stream.write_all(&[b' '; 0x400]).await.is_ok()
            && stream.write_all(b"\r\n").await.is_ok()
        {}
    })
    .await;

    assert_eq!(kind(&url).await, TokenErrorKind::BadAnswer);
}

#[tokio::test]
async fn headers_without_end_are_not_read_to_their_end() {
    let (url, _) = server("HTTP/1.1 200 OK\r\n", async |mut stream: TcpStream| {
        while stream.write_all(&[b"x-more: ".as_slice(), &[b'a'; 1000], b"\r\n"].concat()).await.is_ok() {}
    })
    .await;

    assert_eq!(kind(&url).await, TokenErrorKind::Unavailable);
}

#[tokio::test]
async fn silence_ends_with_the_deadline_wherever_it_begins() {
    for answer in
        ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\""]
    {
        let (url, _) = server(answer, hold).await;

        let kind = kind_within(&url, Duration::from_millis(100)).await;

        assert_eq!(kind, TokenErrorKind::Timeout, "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_no_token() {
    for body in ["<html>s3cret</html>", "", "{}", r#"{"access_token":"a","token_type":"DPoP"}"#] {
        let (url, _) = server(ok(body), hold).await;

        assert_eq!(kind(&url).await, TokenErrorKind::BadAnswer, "{body}");
    }
    let (url, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", async |_| ()).await;
    assert_eq!(kind(&url).await, TokenErrorKind::Unavailable, "broken off");
    let (url, _) = server("SSH-2.0-OpenSSH_9.6\r\n", hold).await;
    assert_eq!(kind(&url).await, TokenErrorKind::Unavailable, "not HTTP");
    assert_eq!(kind("http://127.0.0.1:1/token").await, TokenErrorKind::Unavailable, "nobody there");
}

#[tokio::test]
async fn a_client_certificate_that_is_none_is_a_mistake_at_start() {
    for pem in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "s3cret"] {
        let client = ClientAuth::tls("grades", pem);

        let error = TokenEndpoint::url("https://id.example/token", client).build().unwrap_err();

        assert_eq!(error.problems()[0].setting, "client_certificate");
        assert!(!error.to_string().contains("s3cret"));
    }
}
