//! The door for policy engines.

use std::{future::pending, time::Duration};

use linchpin_core::{Caller, Reason};
use linchpin_rbac::{EngineDecision, EngineFuture, Fact, PolicyDoor, PolicyEngine, PolicyQuestion, Resource};

/// Owners may do anything, from the office; what it does otherwise is in the action.
struct Owners;

impl PolicyEngine for Owners {
    fn evaluate<'a>(&'a self, question: PolicyQuestion<'a>) -> EngineFuture<'a> {
        Box::pin(async move {
            match question.action() {
                "fail" => return Err("a policy does not evaluate".into()),
                "hang" => pending().await,
                _ => {}
            }
            let fact = |facts: &[(&str, Fact<'a>)], name| {
                facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| *fact)
            };
            let owner = fact(question.resource().known_attributes(), "owner");
            let is_owner = owner == question.principal().subject().map(Fact::from);
            let in_office = fact(question.request_facts(), "in_office") == Some(true.into());
            Ok(match (owner.is_some() && is_owner, in_office) {
                (true, true) => EngineDecision::allow("owners"),
                (true, false) => EngineDecision::deny("not from outside"),
                (false, _) => EngineDecision::deny("nothing allows it"),
            })
        })
    }
}

fn ann() -> Caller {
    Caller::builder("https://id.example").subject("ann").build()
}

const OWNED: [(&str, Fact<'static>); 1] = [("owner", Fact::Text("ann"))];
const REPORT: Resource<'static> = Resource::new("Report", "r-7").attributes(&OWNED);
const IN_OFFICE: [(&str, Fact<'static>); 1] = [("in_office", Fact::Bool(true))];

#[tokio::test]
async fn the_engine_sees_principal_action_resource_and_facts() {
    let (door, ann, bob) = (PolicyDoor::new(Owners), ann(), Caller::builder("i").subject("bob").build());

    let allowed = door.decide(PolicyQuestion::new(&ann, "read", REPORT).facts(&IN_OFFICE)).await.unwrap();
    let outside = door.decide(PolicyQuestion::new(&ann, "read", REPORT)).await.unwrap();
    let other = door.decide(PolicyQuestion::new(&bob, "read", REPORT).facts(&IN_OFFICE)).await.unwrap();

    assert_eq!(allowed, EngineDecision::allow("owners"));
    assert_eq!((outside.is_allowed(), outside.reason()), (false, "not from outside"));
    assert!(!other.is_allowed());
    let refusal = door.require(PolicyQuestion::new(&ann, "read", REPORT)).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.reason().status()), (Reason::NotAllowed, 403));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_or_hangs_allows_nothing() {
    let (door, ann) = (PolicyDoor::new(Owners).deadline(Duration::from_millis(100)), ann());

    for action in ["fail", "hang"] {
        let started = tokio::time::Instant::now();
        let refusal =
            door.require(PolicyQuestion::new(&ann, action, REPORT).facts(&IN_OFFICE)).await.unwrap_err();

        assert_eq!(
            (refusal.reason(), refusal.reason().status()),
            (Reason::DecisionUnavailable, 503),
            "{action}"
        );
        assert!(started.elapsed() <= Duration::from_millis(101));
    }
}

#[tokio::test]
async fn restricted_applications_do_not_reach_the_engine_unless_they_are_let_in() {
    let door = PolicyDoor::new(Owners);
    let restricted = Caller::builder("i").subject("ann").restricted(true).build();
    let question = || PolicyQuestion::new(&restricted, "read", REPORT).facts(&IN_OFFICE);

    assert_eq!(door.require(question()).await.unwrap_err().reason(), Reason::RestrictedApplication);
    door.admitting_restricted().require(question()).await.unwrap();
}

#[test]
fn debug_tells_no_identifier_and_no_fact() {
    let ann = ann();
    let question = PolicyQuestion::new(&ann, "read", REPORT).facts(&IN_OFFICE);

    let shown = format!("{question:?} {:?}", OWNED[0].1);

    assert!(shown.contains("Report") && !shown.contains("r-7") && !shown.contains("ann"), "{shown}");
}
