//! Every attack against both services.

mod reasons;

use std::{collections::HashSet, sync::LazyLock};

use attack::{Attack, Refused, Suite, suites};
use parity::{Answer, Expected, Request, send};

/// The services, started once, and what is sent to them.
static SUITES: LazyLock<Vec<Suite>> = LazyLock::new(suites);

/// What each service says to each request; `problem` tells what is wrong with an answer, if anything is.
fn problems(
    request: fn(&Attack) -> &Request,
    problem: fn(&Suite, &Attack, &Answer) -> Option<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for suite in &*SUITES {
        for (attack, target) in suite.attacks.iter().flat_map(|attack| suite.targets.map(|to| (attack, to))) {
            let found = match send(target.address, request(attack)) {
                Ok(answer) => problem(suite, attack, &answer),
                Err(error) => Some(format!("no answer: {error}")),
            };
            let tell = |found| format!("{}, {}: {}\n    {found}", suite.name, target.name, attack.name);
            problems.extend(found.map(tell));
        }
    }
    problems
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems\n\n{}\n", problems.len(), problems.join("\n\n"));
}

#[test]
fn every_attack_is_refused_with_its_status_challenge_and_reason() {
    let problems = problems(
        |attack| &attack.request,
        |suite, attack, answer| match attack.refused {
            Refused::For(reason) => {
                let differences =
                    answer.differences(&Expected::refused(reason).scheme(suite.scheme).answer());
                (!differences.is_empty()).then(|| differences.join("\n    "))
            }
            Refused::AsHttp => {
                let challenged = answer.headers.iter().any(|line| line.starts_with("www-authenticate"));
                (answer.status_code() != 400 || challenged).then(|| format!("not 400: {answer:?}"))
            }
        },
    );

    assert_none(problems);
}

#[test]
fn every_valid_twin_gets_in() {
    let problems = problems(
        |attack| &attack.twin,
        |_, _, answer| {
            let gets_in =
                answer.status_code() == 200 && answer.body.contains(r#""iss":"https://issuer.test""#);
            (!gets_in).then(|| format!("{} {}", answer.status, answer.body))
        },
    );

    assert_none(problems);
}

#[test]
fn there_are_enough_attacks_and_no_two_on_a_service_have_the_same_name() {
    for suite in &*SUITES {
        let mut names = HashSet::new();
        let twice: Vec<_> = suite.attacks.iter().filter(|attack| !names.insert(&attack.name)).collect();
        assert!(twice.is_empty(), "{}: {twice:?}", suite.name);
    }

    let distinct = SUITES.iter().filter(|suite| suite.name != "fetched keys");
    let distinct: usize = distinct.map(|suite| suite.attacks.len()).sum();
    assert!(distinct >= 150, "only {distinct} attacks");
}
