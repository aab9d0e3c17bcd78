//! A service that calls the next one, and what becomes of it when that is killed.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    Result,
    cases::{self, Case},
    process::Process,
    report::{Answer, Report},
    roles::{CLIENT_ID, Role},
};

/// Runs this chapter of the story: the axum service calls an actix service, and the actix service an axum service.
pub(crate) async fn run(report: &mut Report, client: &Client, issuer: &str, token: &str) -> Result<()> {
    report.chapter("axum calls actix, and actix calls axum");
    let mut next =
        [Process::service(Role::Actix, issuer).await?, Process::service(Role::Axum, issuer).await?];
    let mut first = [
        Process::calling(Role::Axum, issuer, &next[0].url).await?,
        Process::calling(Role::Actix, issuer, &next[1].url).await?,
    ];
    for service in next.iter().chain(&first) {
        cases::until_ready(client, service).await?;
    }
    let case =
        relayed("a good token", token, Answer::OK, "the next one sees our own token, in the same trace");
    let mut answers = Vec::new();
    for (first, next) in first.iter_mut().zip(&mut next) {
        answers.push(in_one_trace(client, first, next, &case).await?);
    }
    report.row(&case, pair(answers)?);

    report.chapter("The service that is called is killed");
    for next in &mut next {
        next.kill().await?;
    }
    let broken = Answer { status: 502, reason: None };
    let case = relayed("a good token", token, broken, "trouble upstream is told as such");
    report.row(&case, until(client, &first, &case, 1).await?);
    let refused = Answer { status: 503, reason: None };
    let case =
        relayed("the same, until the breaker opens", token, refused, "nobody waits for what fails anyway");
    report.row(&case, until(client, &first, &case, 10).await?);

    report.chapter("It comes back");
    for next in &mut next {
        next.start_again(issuer).await?;
        cases::until_ready(client, next).await?;
    }
    let case = relayed("the same, until a probe gets through", token, Answer::OK, "it heals by itself");
    report.row(&case, until(client, &first, &case, 200).await?);
    Ok(())
}

fn relayed(sent: &'static str, token: &str, expected: Answer, shows: &'static str) -> Case {
    cases::bearer(sent, "/relay", token, expected, shows)
}

/// The answer of the first service; what is wrong with it stands where a reason would.
async fn in_one_trace(
    client: &Client,
    first: &mut Process,
    next: &mut Process,
    case: &Case,
) -> Result<Answer> {
    let response = request(client, first, case).header("x-request-id", REQUEST_ID).send().await?;
    let status = response.status().as_u16();
    let told: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
    let traces = [first.trace_of(REQUEST_ID).await?, next.trace_of(REQUEST_ID).await?];
    let wrong = if told["client_id"] != CLIENT_ID {
        Some("another caller".to_owned())
    } else {
        (traces[0] != traces[1]).then(|| format!("two traces, {} and {}", traces[0], traces[1]))
    };
    Ok(Answer { status, reason: wrong })
}

/// Asks each of the services up to so many times, and returns the first answer that is as expected, or else the last one.
async fn until(client: &Client, services: &[Process; 2], case: &Case, most: u32) -> Result<[Answer; 2]> {
    let mut answers = Vec::new();
    for service in services {
        let mut asked = 0;
        let answer = loop {
            // Whatever happens to the next service, this one answers in time.
            let response = timeout(DEADLINE, request(client, service, case).send()).await;
            let response = response.map_err(|_| "a service did not answer before the deadline")??;
            let answer = Answer { status: response.status().as_u16(), reason: None };
            asked += 1;
            if answer == case.expected || asked == most {
                break answer;
            }
            sleep(Duration::from_millis(50)).await;
        };
        answers.push(answer);
    }
    pair(answers)
}

fn request(client: &Client, service: &Process, case: &Case) -> reqwest::RequestBuilder {
    let deadline = DEADLINE.as_millis().to_string();
    let request =
        client.get(format!("{}{}", service.url, case.path)).header("x-request-timeout-ms", deadline);
    case.authorization
        .iter()
        .fold(request, |request, authorization| request.header("authorization", authorization))
}

fn pair(answers: Vec<Answer>) -> Result<[Answer; 2]> {
    answers.try_into().map_err(|_| "one of the two services was not asked".into())
}

const REQUEST_ID: &str = "quickstart-chain";
const DEADLINE: Duration = Duration::from_secs(5);
