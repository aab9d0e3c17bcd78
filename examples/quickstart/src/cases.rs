//! What is sent, and what has to come back.

use std::time::Duration;

use reqwest::{Client, header};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    Result, chain,
    process::Process,
    report::{Answer, Report},
    roles::Role,
    token,
};

/// A request, and what it is expected to show.
pub(crate) struct Case {
    pub(crate) sent: &'static str,
    pub(crate) path: &'static str,
    pub(crate) authorization: Option<String>,
    pub(crate) expected: Answer,
    pub(crate) shows: &'static str,
}

/// Runs everything, in the order of a story; returns the provider that runs at its end.
pub(crate) async fn run(
    report: &mut Report,
    mut provider: Process,
    services: &[Process; 2],
) -> Result<Process> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let mint = async |provider: &Process, request: Value| token::mint(&client, provider, request).await;
    let ann = json!({"user": "ann"});
    let good = mint(&provider, ann.clone()).await?;

    report.chapter("Tokens, good and bad");
    let cases = [
        Case {
            sent: "no token",
            path: "/whoami",
            authorization: None,
            expected: Answer::refused(401, "missing_credential"),
            shows: "who brings nothing is asked to authenticate",
        },
        bearer("a good token", "/whoami", &good, Answer::OK, "who has a valid token gets in"),
        bearer(
            "a good token, no such role",
            "/admin",
            &good,
            Answer::refused(403, "insufficient_role"),
            "known is not the same as allowed",
        ),
        bearer(
            "an admin's token",
            "/admin",
            &mint(&provider, json!({"user": "ben"})).await?,
            Answer::OK,
            "roles come from the token",
        ),
        bearer(
            "a good token, no such scope",
            "/scoped",
            &good,
            Answer::refused(403, "insufficient_scope"),
            "the challenge names the scope that is missing",
        ),
        bearer(
            "a token for another audience",
            "/whoami",
            &mint(&provider, json!({"user": "ann", "audience": "billing"})).await?,
            Answer::refused(401, "wrong_audience"),
            "a token for one service is worth nothing at the next",
        ),
        bearer(
            "an expired token",
            "/whoami",
            &mint(&provider, json!({"user": "ann", "expired": true})).await?,
            Answer::refused(401, "expired"),
            "a token ends when it says",
        ),
        bearer(
            "a token with changed claims",
            "/admin",
            &token::tampered(&good)?,
            Answer::refused(401, "bad_signature"),
            "nobody promotes himself",
        ),
        bearer(
            "forged: alg none",
            "/whoami",
            &token::unsigned(&good)?,
            Answer::refused(401, "algorithm_not_allowed"),
            "no signature is no token",
        ),
        bearer(
            "forged: HS256, public key as secret",
            "/whoami",
            &token::confused(&client, &provider, &good).await?,
            Answer::refused(401, "algorithm_not_allowed"),
            "a public key is not a secret",
        ),
        Case {
            sent: "two tokens in one header",
            path: "/whoami",
            authorization: Some(format!("Bearer {good}, Bearer {good}")),
            expected: Answer::refused(400, "malformed_credential"),
            shows: "what can be read in two ways is refused",
        },
    ];
    send_all(report, &client, services, cases).await?;

    report.chapter("The provider rotates its keys");
    token::rotate(&client, &provider).await?;
    let rotated = mint(&provider, ann.clone()).await?;
    let cases = [
        bearer(
            "a token under the new key",
            "/whoami",
            &rotated,
            Answer::OK,
            "new keys are found at once, without a restart",
        ),
        bearer(
            "a token under the old key",
            "/whoami",
            &good,
            Answer::OK,
            "old keys count until they are withdrawn",
        ),
    ];
    send_all(report, &client, services, cases).await?;

    chain::run(report, &client, &provider.url, &rotated).await?;

    report.chapter("The provider is killed");
    provider.kill().await?;
    let cases =
        [bearer("a good token", "/whoami", &rotated, Answer::OK, "keys outlive an outage of the provider")];
    send_all(report, &client, services, cases).await?;

    report.chapter("Two more services start, and the provider is not there");
    let late = [
        Process::service(Role::Axum, &provider.url).await?,
        Process::service(Role::Actix, &provider.url).await?,
    ];
    let cases = [
        Case {
            sent: "no token, to the health check",
            path: "/healthz",
            authorization: None,
            expected: Answer::OK,
            shows: "services start without their provider",
        },
        bearer(
            "a good token",
            "/whoami",
            &rotated,
            Answer::refused(503, "keys_unavailable"),
            "not knowing is neither yes nor no",
        ),
    ];
    send_all(report, &client, &late, cases).await?;

    report.chapter("The provider comes back, with keys that nobody has seen");
    let address = provider.url.trim_start_matches("http://").to_owned();
    let provider = Process::provider(&address).await?;
    let fresh = mint(&provider, ann).await?;
    for service in &late {
        until_ready(&client, service).await?;
    }
    let case = |sent, shows| [bearer(sent, "/whoami", &fresh, Answer::OK, shows)];
    send_all(report, &client, &late, case("a new token, to the two that waited", "they heal by themselves"))
        .await?;
    send_all(report, &client, services, case("a new token, to the two before", "they take the new keys too"))
        .await?;
    Ok(provider)
}

pub(crate) fn bearer(
    sent: &'static str,
    path: &'static str,
    token: &str,
    expected: Answer,
    shows: &'static str,
) -> Case {
    Case { sent, path, authorization: Some(format!("Bearer {token}")), expected, shows }
}

async fn send_all(
    report: &mut Report,
    client: &Client,
    services: &[Process; 2],
    cases: impl IntoIterator<Item = Case>,
) -> Result<()> {
    for case in cases {
        let answers = [send(client, &services[0], &case).await?, send(client, &services[1], &case).await?];
        report.row(&case, answers);
    }
    Ok(())
}

async fn send(client: &Client, service: &Process, case: &Case) -> Result<Answer> {
    let mut request = client.get(format!("{}{}", service.url, case.path));
    if let Some(authorization) = &case.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
    Ok(Answer { status, reason: body["reason"].as_str().map(str::to_owned) })
}

pub(crate) async fn until_ready(client: &Client, service: &Process) -> Result<()> {
    let ready = async {
        while client.get(format!("{}/readyz", service.url)).send().await?.status() != 200 {
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    let too_long =
        || format!("the {} service did not find the provider within 10 seconds", service.role.name());
    timeout(Duration::from_secs(10), ready).await.map_err(|_| too_long())?
}
