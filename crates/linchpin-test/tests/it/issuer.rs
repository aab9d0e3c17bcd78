//! The served issuer, over real connections.

use std::{io, net::SocketAddr};

use linchpin_jwt::{Algorithm, KeyRules};
use linchpin_test::{Behaviour, ServedIssuer, TestIssuer};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The status and the body of `GET path`.
async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;

    let (head, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

async fn discover(issuer: &ServedIssuer) -> Value {
    let (status, body) = get(issuer.address(), "/.well-known/openid-configuration").await.unwrap();
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn the_url_is_the_issuer_and_discovery_leads_to_its_keys() {
    let issuer = TestIssuer::start().await.unwrap();

    let metadata = discover(&issuer).await;
    let (status, keys) = get(issuer.address(), "/jwks").await.unwrap();

    assert_eq!(issuer.issuer(), format!("http://{}", issuer.address()));
    assert_eq!((metadata["issuer"].as_str(), status), (Some(issuer.issuer()), 200));
    assert_eq!(metadata["jwks_uri"], issuer.jwks_url());
    let keys = KeyRules::new([Algorithm::ES256]).read_jwk_set(keys.as_bytes()).unwrap();
    assert!(keys.verify_jws(&issuer.token("ann").sign()).is_ok());
    assert_eq!(issuer.verify(&issuer.token("ann").sign()).unwrap().issuer(), issuer.issuer());
}

#[tokio::test]
async fn fetches_are_counted_by_kind() {
    let issuer = TestIssuer::start().await.unwrap();

    discover(&issuer).await;
    for _ in 0..2 {
        get(issuer.address(), "/jwks").await.unwrap();
    }
    assert_eq!(get(issuer.address(), "/other").await.unwrap().0, 404);

    assert_eq!((issuer.discovery_fetches(), issuer.jwks_fetches()), (1, 2));
    issuer.until_jwks_fetches(2).await;
}

#[tokio::test]
async fn a_rotation_is_published_at_once() {
    let issuer = TestIssuer::start().await.unwrap();

    issuer.rotate();
    assert_eq!(get(issuer.address(), "/jwks").await.unwrap().1, issuer.jwk_set());
    issuer.withdraw_old_keys();
    let (_, published) = get(issuer.address(), "/jwks").await.unwrap();

    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stopped_issuer_refuses_connections_until_it_is_started_again() {
    let mut issuer = TestIssuer::start().await.unwrap();
    let address = issuer.address();
    get(address, "/jwks").await.unwrap();

    for _ in 0..3 {
        issuer.stop().await;
        assert_eq!(get(address, "/jwks").await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        issuer.restart().await.unwrap();
        assert_eq!(get(address, "/jwks").await.unwrap().0, 200);
    }

    assert_eq!((issuer.address(), issuer.jwks_fetches()), (address, 4));
}

#[tokio::test]
async fn an_error_is_answered_as_long_as_it_is_asked_for() {
    let issuer = TestIssuer::start().await.unwrap();

    issuer.behave(Behaviour::Status(503));
    assert_eq!(get(issuer.address(), "/jwks").await.unwrap().0, 503);
    issuer.behave(Behaviour::Serve);
    assert_eq!(get(issuer.address(), "/jwks").await.unwrap().0, 200);

    assert_eq!(issuer.jwks_fetches(), 2);
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_server_stops() {
    let mut issuer = TestIssuer::start().await.unwrap();
    issuer.behave(Behaviour::Hang);

    let hanging = tokio::spawn(get(issuer.address(), "/jwks"));
    issuer.until_jwks_fetches(1).await;
    assert!(!hanging.is_finished());
    issuer.stop().await;

    assert!(hanging.await.unwrap().is_err());
}
