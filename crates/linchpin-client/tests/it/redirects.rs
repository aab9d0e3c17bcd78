//! Redirects stay where they are, and the token with them.

use linchpin_oauth::StaticToken;
use linchpin_test::Reply;
use serde_json::json;

use crate::support::{builder, get, upstream};

#[tokio::test(start_paused = true)]
async fn by_default_none_is_followed() {
    let upstream = upstream().await;
    upstream.script([Reply::redirect(302, "/elsewhere")]);

    let error = get(&builder(&upstream).build().unwrap()).await.unwrap_err();

    assert_eq!(error.status().unwrap(), 302);
    upstream.assert_requests(1);
}

#[tokio::test(start_paused = true)]
async fn within_the_origin_as_many_as_allowed_are_followed() {
    let upstream = upstream().await;
    let token = StaticToken::new("abc").unwrap();
    let client = builder(&upstream).follow_redirects(2).token_source(token).build().unwrap();
    let to = |path: &str| Reply::redirect(307, format!("{}{path}", upstream.url()));

    upstream.script([to("/a"), Reply::redirect(302, "/b"), Reply::json(json!({"found": true}))]);
    assert_eq!(get(&client).await.unwrap(), json!({"found": true}));
    let requests = upstream.take_requests();
    assert_eq!(requests.iter().map(|request| request.path()).collect::<Vec<_>>(), ["/", "/a", "/b"]);
    assert!(requests.iter().all(|request| request.bearer() == Some("abc")));

    upstream.script([to("/a"), to("/b"), to("/c")]);
    assert_eq!(get(&client).await.unwrap_err().status().unwrap(), 307);
    upstream.assert_requests(3);
}

#[tokio::test(start_paused = true)]
async fn no_redirect_leads_to_another_host_port_scheme_or_user() {
    let (upstream, third) = (upstream().await, upstream().await);
    let token = StaticToken::new("abc").unwrap();
    let client = builder(&upstream).follow_redirects(5).token_source(token).build().unwrap();
    let port = upstream.address().port();

    for target in [
        third.url(),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://ann:pw@127.0.0.1:{port}/"),
        format!("//127.0.0.1:{}/", third.address().port()),
        "http://evil.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://[".to_owned(),
    ] {
        upstream.script([Reply::redirect(307, &target)]);
        let result = client.get("/").send().await;
        assert!(result.map_or(true, |answer| answer.status() == 307), "{target}");
    }

    third.assert_requests(0);
    assert_eq!(third.connections(), 0);
    upstream.assert_requests(8);
}
