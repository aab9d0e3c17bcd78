//! Assignments beside the token.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use linchpin_core::{Caller, Reason, Role};
use linchpin_rbac::{
    Assignment, Context, ContextReq, Contexts, OneOrMore, RbacWithStore, RoleQuestion, RoleStore, Source,
    StoreFuture, WhyNot,
};

use crate::{caller, rbac};

#[derive(Clone)]
enum Script {
    Knows(Vec<Assignment>),
    Fails,
    Hangs,
}

struct Scripted {
    script: Script,
    asked: Arc<AtomicUsize>,
}

impl RoleStore for Scripted {
    fn assignments<'a>(&'a self, question: RoleQuestion<'a>) -> StoreFuture<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert_eq!((question.issuer(), question.subject()), ("https://id.example", "ann"));
            match &self.script {
                Script::Knows(assignments) => Ok(assignments.clone()),
                Script::Fails => Err("the database is away".into()),
                Script::Hangs => pending().await,
            }
        })
    }
}

fn with(script: Script) -> (RbacWithStore, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    (rbac().with_store(Scripted { script, asked: asked.clone() }), asked)
}

fn knows(assignments: impl IntoIterator<Item = Assignment>) -> (RbacWithStore, Arc<AtomicUsize>) {
    with(Script::Knows(assignments.into_iter().collect()))
}

#[tokio::test]
async fn the_store_grants_what_the_token_does_not() {
    let (rbac, asked) = knows([Assignment::in_context("a")]);
    let caller = caller(["learner:b"]);

    let decision = rbac.decide(&caller, "reader", "a").await.unwrap();

    assert_eq!(decision.grants().next().unwrap().source(), Source::Store);
    assert_eq!(decision.explain(), "granted: reader in context a; the store gives it there");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    rbac.decide(&caller, "reader", "c").await.unwrap().assert_denied(WhyNot::OtherContext);
    let both = ["a", "b"].map(Context::text);
    rbac.require(&caller, "reader", ContextReq::All(OneOrMore::of(&both))).await.unwrap();
}

#[tokio::test]
async fn the_store_is_not_asked_where_its_answer_cannot_help() {
    let (rbac, asked) = with(Script::Fails);
    let restricted = Caller::builder("https://id.example").subject("ann").restricted(true).build();
    let nameless = Caller::builder("https://id.example").build();
    let empty = Caller::builder("https://id.example").subject("").build();

    rbac.require(&caller(["staff:a"]), "editor", "a").await.unwrap();
    rbac.decide(&restricted, "reader", "a").await.unwrap().assert_denied(WhyNot::RestrictedApplication);
    rbac.decide(&caller(["staff:a"]), "unheard-of", "a")
        .await
        .unwrap()
        .assert_denied(WhyNot::UnknownFeatureRole);
    rbac.decide(&caller(["staff:a"]), "reader", "").await.unwrap().assert_denied(WhyNot::EmptyContext);
    rbac.decide(&nameless, "reader", "a").await.unwrap().assert_denied(WhyNot::NoRole);
    rbac.decide(&empty, "reader", "a").await.unwrap().assert_denied(WhyNot::NoRole);
    assert_eq!(rbac.contexts(&caller(["staff:*"]), "reader").await, Ok(Contexts::All));
    assert_eq!(rbac.contexts(&restricted, "reader").await, Ok(Contexts::None));

    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_neither_grants_nor_denies() {
    let too_much = vec![Assignment::everywhere(); 3];
    let scripts = [Script::Fails, Script::Hangs, Script::Knows(too_much)];
    for script in scripts {
        let rbac = with(script).0.deadline(Duration::from_millis(200)).max_assignments(2);
        let caller = caller(["learner:b"]);

        let started = tokio::time::Instant::now();
        let refusal = rbac.require(&caller, "reader", "a").await.unwrap_err();
        assert!(started.elapsed() <= Duration::from_millis(201));

        assert_eq!((refusal.reason(), refusal.reason().status()), (Reason::DecisionUnavailable, 503));
        assert!(refusal.retry_after().is_some());
        assert_eq!(rbac.contexts(&caller, "reader").await.unwrap_err().reason(), Reason::DecisionUnavailable);
    }
}

#[tokio::test]
async fn stored_contexts_are_read_like_those_of_a_token() {
    let caller = caller([]);
    let holds = |assignment: Assignment, request: ContextReq<'static>| {
        let (rbac, _) = knows([assignment]);
        let caller = &caller;
        async move { rbac.decide(caller, "reader", request).await.unwrap().is_granted() }
    };
    let one = |name| ContextReq::One(Context::text(name));

    assert!(holds(Assignment::everywhere(), one("a")).await);
    assert!(holds(Assignment::in_context("*"), one("a")).await);
    assert!(holds(Assignment::without_context(), ContextReq::Any).await);
    assert!(!holds(Assignment::without_context(), one("a")).await);
    assert!(!holds(Assignment::in_context(""), ContextReq::Any).await);
    assert!(!holds(Assignment::in_context("A"), one("a")).await);
    assert!(!holds(Assignment::everywhere(), one("")).await);
}

#[tokio::test]
async fn a_list_is_what_token_and_store_know_together() {
    let (rbac, _) =
        knows([Assignment::in_context("c"), Assignment::in_context("b"), Assignment::in_context("")]);

    let list = rbac.contexts(&caller(["learner:a", "learner:b"]), "reader").await.unwrap();

    let Contexts::Only(names) = &list else { panic!("{list:?}") };
    assert!(names.iter().eq(["a", "b", "c"]));
    let (everywhere, _) = knows([Assignment::everywhere()]);
    assert_eq!(everywhere.contexts(&caller(["learner:a"]), "reader").await, Ok(Contexts::All));
    let (nothing, _) = knows([]);
    assert_eq!(nothing.contexts(&caller(["other:a"]), "reader").await, Ok(Contexts::None));
}

#[tokio::test]
async fn restricted_applications_are_let_in_by_name() {
    let (rbac, _) = knows([Assignment::in_context("a")]);
    let restricted =
        Caller::builder("https://id.example").subject("ann").roles([Role::new("x")]).restricted(true).build();

    rbac.admitting_restricted().require(&restricted, "reader", "a").await.unwrap();
    let refusal = rbac.require(&restricted, "reader", "a").await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::RestrictedApplication);
}

#[tokio::test]
async fn roles_that_the_mapping_does_not_know_are_counted_once_for_token_and_store_together() {
    let plain = rbac();
    let script = Script::Knows(vec![Assignment::in_context("a")]);
    let rbac = plain.with_store(Scripted { script, asked: Arc::default() });

    rbac.decide(&caller(["unknown:a"]), "reader", "a").await.unwrap().assert_granted();
    rbac.decide(&caller(["unknown:a", "staff:a"]), "reader", "a").await.unwrap().assert_granted();
    rbac.decide(&caller(["unknown:a"]), "reader", "b").await.unwrap().assert_denied(WhyNot::OtherContext);

    assert_eq!(plain.unknown_roles(), 3);
}
