//! The token endpoint.

use linchpin_test::{Reply, ScriptedTokenEndpoint};
use serde_json::{Value, json};

use crate::http::{Received, exchange};

async fn ask(endpoint: &ScriptedTokenEndpoint, media_type: &str, form: &str) -> Received {
    let length = form.len();
    let request = format!(
        "POST /token HTTP/1.1\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{form}"
    );
    exchange(endpoint.address(), &request).await
}

fn json_of(received: &Received) -> Value {
    serde_json::from_str(received.body().unwrap()).unwrap()
}

#[tokio::test]
async fn each_well_formed_request_gets_a_token_of_its_own() {
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();

    for number in 1..=2 {
        let answer = ask(&endpoint, FORM, "grant_type=client_credentials&scope=a").await;
        let token = format!("token-{number}");
        let expected = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
        assert_eq!((answer.status(), json_of(&answer)), (Some(200), expected));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    assert_eq!(endpoint.issued(), 2);
    let requests = endpoint.token_requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].field("grant_type").as_deref(), Some("client_credentials"));
}

#[tokio::test]
async fn a_request_that_is_no_form_or_names_no_single_grant_gets_none() {
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();
    let malformed = [
        ("application/json", "grant_type=client_credentials"),
        (FORM, ""),
        (FORM, "grant_type=client_credentials&grant_type=client_credentials"),
    ];

    for (media_type, form) in malformed {
        let refused = ask(&endpoint, media_type, form).await;
        assert_eq!((refused.status(), json_of(&refused)), (Some(400), json!({"error": "invalid_request"})));
    }

    assert_eq!((endpoint.issued(), endpoint.token_requests().len()), (0, 3));
}

#[tokio::test]
async fn the_script_comes_before_the_tokens() {
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();
    endpoint.script([Reply::token_error(401, "invalid_client"), Reply::token("scripted", 5)]);

    let refused = ask(&endpoint, FORM, "grant_type=client_credentials").await;
    let scripted = ask(&endpoint, FORM, "grant_type=client_credentials").await;
    let own = ask(&endpoint, FORM, "grant_type=client_credentials").await;

    assert_eq!((refused.status(), json_of(&refused)["error"].as_str()), (Some(401), Some("invalid_client")));
    assert_eq!(json_of(&scripted)["expires_in"], 5);
    assert_eq!(json_of(&own)["access_token"], "token-1");
    assert_eq!(endpoint.issued(), 1);
}

#[tokio::test]
async fn the_metadata_lead_to_the_endpoint() {
    let endpoint = ScriptedTokenEndpoint::start().await.unwrap();

    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
        let metadata = json_of(&exchange(endpoint.address(), &request).await);
        assert_eq!(metadata["issuer"], endpoint.url());
        assert_eq!(metadata["token_endpoint"], endpoint.token_url());
    }

    assert!(endpoint.token_requests().is_empty());
}

const FORM: &str = "application/x-www-form-urlencoded";
