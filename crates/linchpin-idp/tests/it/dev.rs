//! The development endpoints, and the same from within the process.

use std::time::Duration;

use linchpin_core::{FakeClock, Reason, Timestamp};
use linchpin_idp::{DevIdp, MintErrorKind, Shape, TokenRequest};
use linchpin_jwt::{Algorithm, Profile};
use serde_json::Value;

use crate::{get, post, post_json, start, verify};

#[tokio::test]
async fn a_user_gets_an_rfc9068_token() {
    let idp = start().await;

    let answer =
        post_json(idp.addr(), "/dev/token", r#"{"user":"ann","scope":"grades:read","ttl":60}"#).await;

    assert_eq!(
        (answer.json()["expires_in"].as_u64(), answer.json()["token_type"].as_str()),
        (Some(60), Some("Bearer"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let caller = verify(idp.addr(), Profile::Rfc9068, "grades", &answer.token()).await.unwrap();
    assert_eq!(caller.subject(), Some("ann"));
    assert!(
        caller.has_role("instructor") && caller.has_scope("grades:read") && !caller.has_scope("grades:write")
    );
    let lifetime = caller.expires_at().unwrap().saturating_duration_since(caller.issued_at().unwrap());
    assert_eq!(lifetime, Duration::from_secs(60));
}

#[tokio::test]
async fn a_user_gets_an_expired_token_if_one_is_wanted() {
    let idp = start().await;

    let answer = post_json(idp.addr(), "/dev/token", r#"{"user":"ann","expired":true}"#).await;

    let refused = verify(idp.addr(), Profile::Rfc9068, "grades", &answer.token()).await;
    assert_eq!(refused.unwrap_err(), Reason::Expired);
}

#[tokio::test]
async fn a_user_gets_an_open_edx_token() {
    let idp = start().await;

    let answer =
        post_json(idp.addr(), "/dev/token", r#"{"user":"ben","shape":"open-edx","audience":"lms"}"#).await;

    let caller = verify(idp.addr(), Profile::OpenEdx, "lms", &answer.token()).await.unwrap();
    let claims = caller.claims::<Value>().unwrap();
    assert_eq!((&claims["preferred_username"], &claims["administrator"]), (&"ben".into(), &true.into()));
    assert!(caller.has_role("admin") && caller.has_scope("read:reports") && caller.has_scope("profile"));
    assert_eq!(caller.filters().collect::<Vec<_>>(), ["user:me"]);
    assert_eq!((caller.token_id(), caller.not_before()), (None, None));
    let header = answer.token().split('.').next().unwrap().to_owned();
    assert_eq!(
        header, "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9",
        r#"{{"alg":"RS512","typ":"JWT"}}, without a kid"#
    );
    let as_rfc9068 = verify(idp.addr(), Profile::Rfc9068, "lms", &answer.token()).await;
    assert_eq!(as_rfc9068.unwrap_err(), Reason::AlgorithmNotAllowed);
}

#[tokio::test]
async fn several_audiences_stand_in_one_token() {
    let idp = start().await;

    let answer = post_json(idp.addr(), "/dev/token", r#"{"user":"cleo","audience":["a","b"]}"#).await;

    for audience in ["a", "b"] {
        let caller = verify(idp.addr(), Profile::Generic, audience, &answer.token()).await.unwrap();
        assert!(caller.scopes().is_empty() && caller.roles().is_empty());
    }
}

#[tokio::test]
async fn a_bad_wish_is_answered_with_what_would_be_good() {
    let idp = start().await;
    let cases = [
        ("", "invalid_request", "give an object with `user`"),
        ("[]", "invalid_request", "give an object with `user`"),
        ("{}", "invalid_request", "missing field `user`"),
        (r#"{"user":7}"#, "invalid_request", "invalid type"),
        (r#"{"user":"ann","name":"x"}"#, "invalid_request", "unknown field `name`"),
        (r#"{"user":"ann","user":"ben"}"#, "invalid_request", "duplicate field `user`"),
        (r#"{"user":"ann","audience":7}"#, "invalid_request", "an audience is a text or a list of texts"),
        (r#"{"user":"ann","audience":""}"#, "invalid_target", "an audience is empty"),
        (r#"{"user":"ann","shape":"saml"}"#, "invalid_request", "the shapes are rfc9068 and open-edx"),
        (r#"{"user":"ann","ttl":0}"#, "invalid_request", "1 to 2592000 seconds"),
        (r#"{"user":"ann","ttl":-1}"#, "invalid_request", "invalid value"),
        (r#"{"user":"ann","ttl":18446744073709551615}"#, "invalid_request", "1 to 2592000 seconds"),
        (r#"{"user":"dora"}"#, "unknown_user", "there is no user \"dora\"; there are: ann, ben, cleo"),
        (r#"{"user":"ann","scope":"read:reports"}"#, "invalid_scope", "it has: grades:read grades:write"),
        (r#"{"user":"cleo","scope":"x"}"#, "invalid_scope", "it has: none"),
    ];

    for (body, code, hint) in cases {
        let answer = post_json(idp.addr(), "/dev/token", body).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(description.contains(hint), "{body}: {description}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_reaches_no_development_endpoint() {
    let idp = start().await;
    let before = get(idp.addr(), "/jwks").await.body;

    for headers in [
        &[][..],
        &["content-type: text/plain"],
        &["content-type: application/x-www-form-urlencoded"],
        &["content-type: multipart/form-data; boundary=a"],
        &["content-type: text/plain; a=application/json"],
        &["content-type: application/json", "content-type: text/plain"],
    ] {
        for path in ["/dev/rotate", "/dev/token"] {
            let answer = post(idp.addr(), path, headers, r#"{"user":"ann"}"#).await;
            assert_eq!(answer.error(), (415, "invalid_request".to_owned()), "{path} {headers:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }

    assert_eq!(get(idp.addr(), "/jwks").await.body, before);
}

#[tokio::test]
async fn an_old_key_verifies_until_it_is_withdrawn() {
    let idp = start().await;
    let token = idp.mint(&TokenRequest::for_user("ann")).unwrap();
    let like_an_lms = idp.mint(&TokenRequest::for_user("ann").shape(Shape::OpenEdx)).unwrap();

    let rotated = post_json(idp.addr(), "/dev/rotate", "").await.json();
    assert_eq!(rotated["published"].as_array().unwrap().len(), 4);
    let newer = idp.mint(&TokenRequest::for_user("ann")).unwrap();
    for token in [&token, &newer] {
        assert!(verify(idp.addr(), Profile::Rfc9068, "grades", token).await.is_ok());
    }
    assert!(verify(idp.addr(), Profile::OpenEdx, "grades", &like_an_lms).await.is_ok());

    let rotated = post_json(idp.addr(), "/dev/rotate?withdraw=true", "{}").await.json();
    assert_eq!(rotated["published"].as_array().unwrap().len(), 2);
    for token in [&token, &newer] {
        let refused = verify(idp.addr(), Profile::Rfc9068, "grades", token).await.unwrap_err();
        assert_eq!(refused, Reason::UnknownKey);
    }
    let refused = verify(idp.addr(), Profile::OpenEdx, "grades", &like_an_lms).await.unwrap_err();
    assert_eq!(refused, Reason::BadSignature, "it names no key, and the one that fits is another");
}

#[tokio::test]
async fn a_rotation_does_just_what_it_was_asked_for() {
    let idp = start().await;

    for query in ["withdraw=yes", "withdraw=true&withdraw=true", "other=true"] {
        let answer = post_json(idp.addr(), &format!("/dev/rotate?{query}"), "").await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{query}");
    }
    idp.rotate().unwrap();
    assert_eq!(get(idp.addr(), "/jwks").await.json()["keys"].as_array().unwrap().len(), 4);
    idp.withdraw_old_keys();
    assert_eq!(get(idp.addr(), "/jwks").await.json()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tokens_are_issued_by_the_clock_of_the_provider_and_have_ids_of_their_own() {
    let long_ago = FakeClock::at(Timestamp::from_unix_seconds(1_000_000_000));
    let idp = DevIdp::builder().algorithm(Algorithm::ES256).clock(long_ago.clone()).start().await.unwrap();

    let first = idp.mint(&TokenRequest::for_user("ann").lifetime(Duration::from_secs(60))).unwrap();
    let second = idp.mint(&TokenRequest::for_user("ann")).unwrap();

    let refused = verify(idp.addr(), Profile::Rfc9068, "grades", &first).await.unwrap_err();
    assert_eq!(refused, Reason::Expired);
    let payload = |token: &str| token.split('.').nth(1).unwrap().to_owned();
    assert_ne!(payload(&first), payload(&second));
    long_ago.set(linchpin_core::Clock::now(&linchpin_core::SystemClock));
    let now = idp.mint(&TokenRequest::for_user("ann")).unwrap();
    assert!(verify(idp.addr(), Profile::Rfc9068, "grades", &now).await.is_ok());
}

#[tokio::test]
async fn the_library_refuses_what_the_endpoint_refuses() {
    let idp = start().await;
    let refused = |request: TokenRequest| idp.mint(&request).unwrap_err().kind();

    assert_eq!(refused(TokenRequest::for_user("dora")), MintErrorKind::UnknownUser);
    assert_eq!(refused(TokenRequest::for_user("ann").scope("admin")), MintErrorKind::InvalidScope);
    assert_eq!(refused(TokenRequest::for_user("ann").audience("")), MintErrorKind::InvalidAudience);
    assert_eq!(
        refused(TokenRequest::for_user("ann").lifetime(Duration::ZERO)),
        MintErrorKind::InvalidLifetime
    );
}
