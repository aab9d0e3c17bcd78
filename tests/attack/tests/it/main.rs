//! Every attack against both services.

mod reasons;

use std::{collections::HashSet, sync::LazyLock};

use attack::{Attack, Refused, Scene, Target, attacks, serve_both};
use parity::{Answer, Expected, Request, send};

/// The services, started once, and what is sent to them.
struct Suite {
    targets: [Target; 2],
    attacks: Vec<Attack>,
}

static SUITE: LazyLock<Suite> = LazyLock::new(|| {
    let scene = Scene::new();
    let attacks = attacks(&scene).into_iter().flat_map(|(_, attacks)| attacks).collect();
    Suite { targets: serve_both(&scene.auth()), attacks }
});

/// What each service says to each request; `problem` tells what is wrong with an answer, if anything is.
fn problems<'a>(
    request: fn(&Attack) -> &Request,
    problem: impl Fn(&Attack, &Answer) -> Option<String> + 'a,
) -> Vec<String> {
    let pairs = SUITE.attacks.iter().flat_map(|attack| SUITE.targets.iter().map(move |to| (attack, to)));
    let found = pairs.filter_map(|(attack, target)| {
        let told = |problem| format!("{}: {}\n    {problem}", target.name, attack.name);
        match send(target.address, request(attack)) {
            Ok(answer) => problem(attack, &answer).map(told),
            Err(error) => Some(told(format!("no answer: {error}"))),
        }
    });
    found.collect()
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems\n\n{}\n", problems.len(), problems.join("\n\n"));
}

#[test]
fn every_attack_is_refused_with_its_status_challenge_and_reason() {
    let problems = problems(
        |attack| &attack.request,
        |attack, answer| match attack.refused {
            Refused::For(reason) => {
                let differences = answer.differences(&Expected::refused(reason).answer());
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
        |_, answer| {
            let gets_in =
                answer.status_code() == 200 && answer.body.contains(r#""iss":"https://issuer.test""#);
            (!gets_in).then(|| format!("{} {}", answer.status, answer.body))
        },
    );

    assert_none(problems);
}

#[test]
fn there_are_enough_attacks_and_no_two_have_the_same_name() {
    let mut names = HashSet::new();

    let twice: Vec<_> = SUITE.attacks.iter().filter(|attack| !names.insert(&attack.name)).collect();

    assert!(twice.is_empty(), "{twice:?}");
    assert!(names.len() >= 150, "only {} attacks", names.len());
}
