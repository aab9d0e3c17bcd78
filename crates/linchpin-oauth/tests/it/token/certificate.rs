//! A client that shows a certificate, against a server that asks for one.

use std::sync::Arc;

use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint, TokenErrorKind};
use rcgen::{CertifiedKey, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer,
        server::WebPkiClientVerifier,
    },
};

use super::ask;

fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn pem(made: &CertifiedKey<KeyPair>) -> String {
    format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem())
}

/// A token endpoint for one request of the client with this certificate; the task returns the request.
async fn server(
    own: &CertifiedKey<KeyPair>,
    client: &CertifiedKey<KeyPair>,
) -> (String, JoinHandle<Option<String>>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/token", listener.local_addr().unwrap());
    let request = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.ok()?;
        let mut request = Vec::new();
        while !request.ends_with(b"client_id=grades") {
            request.push(stream.read_u8().await.ok()?);
        }
        let body = r#"{"access_token":"abc","token_type":"Bearer"}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
        Some(String::from_utf8(request).unwrap())
    });
    (url, request)
}

fn source(url: &str, client: ClientAuth, roots: &str) -> ClientCredentials {
    ClientCredentials::builder(&TokenEndpoint::url(url, client).ca_pem(roots).build().unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_certificate_is_shown_and_the_id_is_sent_without_a_secret() {
    let (own, client) = (certificate("127.0.0.1"), certificate("grades"));
    let (url, request) = server(&own, &client).await;

    let source = source(&url, ClientAuth::tls("grades", pem(&client)), &own.cert.pem());
    assert_eq!(ask(&source).await.unwrap().secret(), "abc");

    drop(source);
    let request = request.await.unwrap().unwrap().to_lowercase();
    assert!(!request.contains("authorization") && !request.contains("client_secret"), "{request}");
}

#[tokio::test]
async fn without_the_right_certificate_there_is_no_connection() {
    let (own, client, other) = (certificate("127.0.0.1"), certificate("grades"), certificate("grades"));
    for wrong in [ClientAuth::tls("grades", pem(&other)), ClientAuth::secret_post("grades", "s3cret")] {
        let (url, request) = server(&own, &client).await;

        let error = ask(&source(&url, wrong, &own.cert.pem())).await.unwrap_err();

        assert_eq!(error.kind(), TokenErrorKind::Unavailable, "{error:?}");
        assert_eq!(request.await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_certificate_and_the_key_of_another_are_a_mistake_at_start() {
    let (client, other) = (certificate("grades"), certificate("grades"));
    let mixed = format!("{}{}", client.cert.pem(), other.signing_key.serialize_pem());

    let error =
        TokenEndpoint::url("https://id.example/token", ClientAuth::tls("grades", mixed)).build().unwrap_err();

    assert_eq!(error.problems()[0].setting, "client_certificate");
}
