//! Where a role is held, and where it is asked for.

use linchpin_core::{Caller, Reason, Role};
use linchpin_rbac::{Context, ContextReq, Contexts, CourseKey, OneOrMore, Rule, Source, Uuid, WhyNot};

use crate::{caller, rbac};

#[test]
fn a_role_counts_in_its_own_context_and_no_other() {
    let (rbac, caller) = (rbac(), caller(["staff:physics"]));

    rbac.decide(&caller, "editor", "physics").assert_granted_by("staff:physics");
    rbac.decide(&caller, "editor", ContextReq::Any).assert_granted_by("staff:physics");
    for elsewhere in ["chemistry", "Physics", "physics ", "*", "staff:physics"] {
        rbac.decide(&caller, "editor", elsewhere).assert_denied(WhyNot::OtherContext);
    }
}

#[test]
fn a_star_is_every_context_and_only_a_star_is() {
    let (rbac, everywhere) = (rbac(), caller(["staff:*"]));

    for context in [Context::text("physics"), Context::EVERY, Uuid::from(7).into()] {
        rbac.decide(&everywhere, "editor", context).assert_granted_by("staff:*");
    }
    rbac.decide(&caller(["staff:physics"]), "editor", Context::EVERY).assert_denied(WhyNot::OtherContext);
}

#[test]
fn a_role_without_context_counts_nowhere_unless_it_is_said_to() {
    let rbac = rbac();

    rbac.decide(&caller(["staff"]), "reader", ContextReq::Any).assert_granted_by("staff");
    rbac.decide(&caller(["staff"]), "reader", "physics").assert_denied(WhyNot::OtherContext);
    rbac.decide(&caller(["staff"]), "reader", Context::EVERY).assert_denied(WhyNot::OtherContext);
    rbac.decide(&caller(["operator"]), "reader", "physics").assert_granted_by("operator");
    rbac.decide(&caller(["operator:chemistry"]), "reader", "physics").assert_denied(WhyNot::OtherContext);
}

#[test]
fn nothing_empty_is_a_grant() {
    let rbac = rbac();

    for empty in ["", ":", "staff:", ":physics", ":*"] {
        rbac.decide(&caller([empty]), "reader", ContextReq::Any).assert_denied(WhyNot::NoRole);
        rbac.decide(&caller([empty]), "reader", "physics").assert_denied(WhyNot::NoRole);
    }
    for roles in [vec![], vec!["staff:"], vec!["staff:*"], vec!["operator"]] {
        rbac.decide(&caller(roles), "reader", "").assert_denied(WhyNot::EmptyContext);
    }
    let with_empty = [Context::text("physics"), Context::text("")];
    rbac.decide(&caller(["staff:*"]), "reader", ContextReq::All(OneOrMore::of(&with_empty)))
        .assert_denied(WhyNot::EmptyContext);
}

#[test]
fn several_roles_may_add_up_to_all_contexts() {
    let (rbac, caller) = (rbac(), caller(["learner:a", "staff:b", "staff:b"]));
    let (both, three) = (["a", "b"].map(Context::text), ["a", "b", "c"].map(Context::text));

    let decision = rbac.decide(&caller, "reader", ContextReq::All(OneOrMore::of(&both)));

    assert!(decision.grants().map(|grant| grant.role()).eq(["learner:a", "staff:b"]), "{decision}");
    rbac.decide(&caller, "reader", ContextReq::All(OneOrMore::of(&three)))
        .assert_denied(WhyNot::OtherContext);
    rbac.decide(&caller, "editor", ContextReq::All(OneOrMore::of(&both))).assert_denied(WhyNot::OtherContext);
}

#[test]
fn a_feature_role_is_not_a_role_of_the_token() {
    let rbac = rbac();

    rbac.decide(&caller(["editor", "editor:a", "reader:*"]), "editor", "a").assert_denied(WhyNot::NoRole);
    rbac.decide(&caller(["staff:*"]), "staff", "a").assert_denied(WhyNot::UnknownFeatureRole);
    rbac.decide(&caller(["staff:*"]), "", "a").assert_denied(WhyNot::UnknownFeatureRole);
}

#[test]
fn a_decision_tells_rule_source_role_and_context() {
    let rbac = rbac();
    let course: CourseKey = "course-v1:edX+Demo+2026".parse().unwrap();
    let caller = caller(["other:x", "staff:course-v1:edX+Demo+2026", "operator"]);

    let decision = rbac.decide(&caller, "editor", &course);
    let grant = decision.grants().next().unwrap();

    assert_eq!(
        (grant.rule(), grant.source(), grant.role()),
        (Rule::SameContext, Source::Token, "staff:course-v1:edX+Demo+2026")
    );
    assert_eq!(
        decision.explain(),
        "granted: editor in context course-v1:edX+Demo+2026; \
         the token's staff:course-v1:edX+Demo+2026 gives it there"
    );
    assert_eq!(
        rbac.decide(&caller, "reader", "b").explain(),
        "granted: reader in context b; the token's operator gives it in every context"
    );
    assert_eq!(
        rbac.decide(&crate::caller(["x", "y:z"]), "reader", ContextReq::Any).explain(),
        "denied: reader in any context; nothing gives it (roles in the token: 2, unknown: 2)"
    );
    let contexts = ["course-v1:edX+Demo+2026", "b\n"].map(Context::text);
    assert_eq!(
        rbac.decide(&caller, "editor", ContextReq::All(OneOrMore::of(&contexts))).explain(),
        "denied: editor in contexts course-v1:edX+Demo+2026, b\\n; held, but not in context b\\n"
    );
}

#[test]
#[should_panic(
    expected = "expected a grant by learner:a, but it is granted: reader in context a; the token's staff:a"
)]
fn the_assertion_says_what_was_decided_instead() {
    let (rbac, caller) = (rbac(), caller(["staff:a", "learner:a"]));

    rbac.decide(&caller, "reader", "a").assert_granted_by("learner:a");
}

#[test]
#[should_panic(expected = "denied: reader in context b; held, but not in context b")]
fn the_assertion_of_a_grant_fails_for_a_denial() {
    let (rbac, caller) = (rbac(), caller(["staff:a"]));

    rbac.decide(&caller, "reader", "b").assert_granted();
}

#[test]
fn a_denial_is_403_and_names_the_feature_role_to_those_only_who_are_configured_to_learn_it() {
    let rbac = rbac();

    let refusal = rbac.require(&caller(["learner:a"]), "editor", "a").unwrap_err();

    assert_eq!((refusal.reason(), refusal.reason().status()), (Reason::InsufficientRole, 403));
    assert!(refusal.roles().eq(["editor"]));
    let told = linchpin_core::Problem::from(refusal).into_answer();
    assert!(!told.body().contains("editor") && !format!("{told:?}").contains("learner"), "{told:?}");
}

#[test]
fn restricted_applications_are_refused_unless_they_are_let_in() {
    let rbac = rbac();
    let restricted =
        Caller::builder("https://id.example").roles([Role::new("staff:*")]).restricted(true).build();

    rbac.decide(&restricted, "reader", "a").assert_denied(WhyNot::RestrictedApplication);
    assert_eq!(rbac.contexts(&restricted, "reader"), Contexts::None);
    let refusal = rbac.require(&restricted, "reader", ContextReq::Any).unwrap_err();
    assert_eq!(refusal.reason(), Reason::RestrictedApplication);

    assert_eq!(rbac.admitting_restricted().require(&restricted, "reader", "a"), Ok(()));
    assert_eq!(rbac.admitting_restricted().contexts(&restricted, "reader"), Contexts::All);
}

#[test]
fn a_list_is_all_some_or_none_and_the_three_are_told_apart() {
    let rbac = rbac();
    let list = |roles: &[&str], feature| rbac.contexts(&caller(roles.iter().copied()), feature);

    assert_eq!(list(&["staff:a", "learner:*"], "reader"), Contexts::All);
    assert_eq!(list(&["operator"], "reader"), Contexts::All);
    for none in [&[][..], &["staff"], &["staff:"], &["x:a"], &["reader:a"]] {
        assert_eq!(list(none, "reader"), Contexts::None, "{none:?}");
    }
    assert_eq!(list(&["staff:*"], "nothing"), Contexts::None);
    let some = list(&["staff:b", "learner:a", "staff:b", "staff"], "reader");
    let Contexts::Only(names) = &some else { panic!("{some:?}") };
    assert!(names.iter().eq(["a", "b"]));
    assert!(
        some.contains("a") && !some.contains("c") && !some.contains("") && !some.contains(Context::EVERY)
    );
    assert!(Contexts::All.contains("x") && !Contexts::All.contains("") && !Contexts::None.contains("a"));
    assert_eq!(Contexts::None.require_some().unwrap_err().reason(), Reason::InsufficientRole);
    assert_eq!(some.clone().require_some(), Ok(some));
}

#[test]
fn a_list_of_uuids_holds_those_that_are() {
    let id = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
    let list = rbac().contexts(&caller([&*format!("staff:{id}"), "staff:physics"]), "reader");

    let Contexts::Only(names) = &list else { panic!("{list:?}") };

    let uuid: Uuid = id.parse().unwrap();
    assert!(names.uuids().eq([uuid]) && list.contains(uuid));
}

#[test]
fn roles_that_the_mapping_does_not_know_are_counted_whatever_is_decided() {
    let rbac = rbac();

    rbac.decide(&caller(["unknown:a", "staff:a"]), "reader", "a").assert_granted();
    assert_eq!(rbac.unknown_roles(), 1);
    rbac.decide(&caller(["staff:a", "unknown"]), "reader", "a").assert_granted();
    assert_eq!(rbac.unknown_roles(), 2, "behind the role that grants, too");
    rbac.decide(&caller(["unknown:a", "staff:a", "", "Staff"]), "reader", "b")
        .assert_denied(WhyNot::OtherContext);
    assert_eq!(rbac.unknown_roles(), 5);
    rbac.decide(&caller(["unknown"]), "unheard-of", "a").assert_denied(WhyNot::UnknownFeatureRole);
    assert_eq!(rbac.unknown_roles(), 6);
    assert!(rbac.contexts(&caller(["staff:a", "unknown"]), "reader").contains("a"));
    assert_eq!(rbac.clone().unknown_roles(), 7);
    rbac.decide(&caller(["staff:b", "learner", "operator:"]), "reader", "b").assert_granted();
    assert_eq!(rbac.unknown_roles(), 7, "a role without a context is known");
}

#[test]
fn debug_tells_no_role_and_no_context_of_the_caller() {
    let (rbac, caller) = (rbac(), caller(["staff:secret-place"]));

    let decision = rbac.decide(&caller, "reader", "secret-place");
    let grant = decision.grants().next().unwrap();
    let list = rbac.contexts(&caller, "reader");

    let shown = format!("{decision:?} {grant:?} {list:?} {:?}", decision.request());
    assert!(!shown.contains("secret") && !shown.contains("staff"), "{shown}");
}
