//! What holds for every request.

use std::io::ErrorKind;

use linchpin_idp::{DevIdp, StartError};
use linchpin_jwt::Algorithm;
use tokio::net::TcpStream;

use crate::{get, post, send, start};

#[tokio::test]
async fn discovery_names_the_issuer_and_what_it_offers() {
    let idp = start().await;

    let metadata = get(idp.addr(), "/.well-known/openid-configuration").await.json();
    let of_rfc_8414 = get(idp.addr(), "/.well-known/oauth-authorization-server").await.json();

    let issuer = format!("http://{}", idp.addr());
    assert_eq!((idp.issuer(), metadata["issuer"].as_str()), (&*issuer, Some(&*issuer)));
    assert_eq!(metadata["jwks_uri"], format!("{issuer}/jwks"));
    assert_eq!(metadata["token_endpoint"], format!("{issuer}/token"));
    assert_eq!(metadata["grant_types_supported"], serde_json::json!(["client_credentials"]));
    assert_eq!(metadata["id_token_signing_alg_values_supported"], serde_json::json!(["ES256", "RS512"]));
    assert_eq!(metadata, of_rfc_8414);
}

#[tokio::test]
async fn the_key_set_holds_no_private_key() {
    let idp = start().await;

    let published = get(idp.addr(), "/jwks").await.json();

    for key in published["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let idp = start().await;

    assert_eq!(get(idp.addr(), "/").await.error(), (404, "not_found".to_owned()));
    assert_eq!(post(idp.addr(), "/authorize", &[], "").await.error(), (404, "not_found".to_owned()));
    let wrong_method = get(idp.addr(), "/token").await;
    assert_eq!(wrong_method.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    assert_eq!(post(idp.addr(), "/jwks", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_request_for_another_host_is_refused() {
    let idp = start().await;
    let (address, port) = (idp.addr(), idp.addr().port());
    let get = async |target: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        send(address, &format!("GET {target} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n"))
            .await
            .unwrap()
            .status
    };
    let ours = format!("127.0.0.1:{port}");
    let theirs = format!("attacker.example:{port}");

    assert_eq!(get("/jwks", &[&ours]).await, 200);
    assert_eq!(get("/jwks", &[&format!("localhost:{port}")]).await, 200);
    assert_eq!(get(&format!("http://{ours}/jwks"), &[&ours]).await, 200);
    for hosts in [&[][..], &[""], &["localhost"], &[&theirs], &[&ours, &theirs], &[&theirs, &ours]] {
        assert_eq!(get("/jwks", hosts).await, 421, "{hosts:?}");
        assert_eq!(get("/no/such/path", hosts).await, 421, "{hosts:?}");
    }
    assert_eq!(get(&format!("http://{theirs}/jwks"), &[&ours]).await, 421);
    let refused = send(address, "GET /jwks HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(refused.error(), (421, "misdirected_request".to_owned()));
}

#[tokio::test]
async fn bodies_are_bounded() {
    let idp = start().await;
    let large = format!("scope={}", "a".repeat(16 * 1024));

    let form = ["content-type: application/x-www-form-urlencoded"];
    assert_eq!(post(idp.addr(), "/token", &form, &large).await.error(), (413, "invalid_request".to_owned()));
    let json = ["content-type: application/json"];
    assert_eq!(
        post(idp.addr(), "/dev/token", &json, &large).await.error(),
        (413, "invalid_request".to_owned())
    );
}

#[tokio::test]
async fn a_stopped_provider_refuses_connections() {
    let idp = start().await;
    let address = idp.addr();
    let _idle = TcpStream::connect(address).await.unwrap();
    get(address, "/jwks").await;

    idp.stop().await;

    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_unless_it_is_asked_for() {
    let open = DevIdp::builder().algorithm(Algorithm::ES256).bind(([0, 0, 0, 0], 0));
    let error = open.start().await.unwrap_err();
    assert!(matches!(error, StartError::Config(_)), "{error}");

    let open = DevIdp::builder().algorithm(Algorithm::ES256).bind(([0, 0, 0, 0], 0));
    let idp = open.allow_any_address().issuer("http://idp:9000").start().await.unwrap();

    let loopback = ([127, 0, 0, 1], idp.addr().port()).into();
    let request =
        "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: idp:9000\r\nconnection: close\r\n\r\n";
    assert_eq!(send(loopback, request).await.unwrap().json()["issuer"], "http://idp:9000");
}

#[tokio::test]
async fn an_address_that_is_taken_is_a_clear_error() {
    let idp = start().await;

    let error = DevIdp::builder().bind(idp.addr()).start().await.unwrap_err();

    assert!(matches!(error, StartError::Bind { address, .. } if address == idp.addr()), "{error}");
}
