//! The authorization rows of what Open edX does, by their numbers there; "ours" where we differ on purpose.

use linchpin_core::{
    AdmitRestricted, AllOf, AnyOf, Authenticated, Caller, CallerBuilder, Facts, Reason, Requirement, Role,
    SystemClock,
};
use linchpin_jwt::Profile;
use linchpin_rbac::{
    Context, ContextReq, Contexts, CourseKey, OneOrMore, Uuid, WhyNot,
    open_edx::{Access, Asked, Staff, Superuser, is_staff, is_superuser},
};
use linchpin_test::TestIssuer;
use serde_json::json;

use crate::{caller, rbac};

const COURSE: &str = "course-v1:edX+DemoX+Demo_Course";

fn course() -> CourseKey {
    COURSE.parse().unwrap()
}

fn user(name: &str) -> CallerBuilder {
    Caller::builder("https://lms.example")
        .subject("5f3c")
        .claims_json(json!({"preferred_username": name}).to_string())
}

fn reason(access: &Access, asked: Asked<'_>) -> Option<Reason> {
    access.require(asked).err().map(|refusal| refusal.reason())
}

#[test]
fn row_38_a_token_without_version_is_unrestricted_and_has_no_filters() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier_builder().profile(Profile::OpenEdx).build().unwrap();
    let token = issuer.token("ann").without("version").sign();

    let linchpin_core::Outcome::Ready(Ok(caller)) =
        linchpin_core::VerifyToken::verify(&verifier, &token, issuer.now())
    else {
        panic!("refused")
    };

    assert!(!caller.is_restricted() && caller.filters().next().is_none());
    assert_eq!(Facts::new(&caller, &SystemClock).meet::<Authenticated>(), Ok(()));
}

#[test]
fn row_50_staff_follows_administrator_and_is_staff_is_ignored() {
    let claims = |claims: &str| Caller::builder("i").claims_json(claims).build();
    let meets = |caller: &Caller| Facts::new(caller, &SystemClock).meet::<Staff>().is_ok();

    assert!(meets(&claims(r#"{"administrator":true}"#)));
    assert!(!meets(&claims(r#"{"administrator":false}"#)));
    assert!(!meets(&claims(r#"{"is_staff":true}"#)));
}

#[test]
fn row_60_ours_staff_is_what_this_token_says() {
    let claims = |claims: &str| Caller::builder("i").claims_json(claims).build();

    let verdicts =
        [r#"{"administrator":true}"#, "{}", r#"{"administrator":false}"#].map(|each| is_staff(&claims(each)));

    // Theirs remembers the first token in the second.
    assert_eq!(verdicts, [true, false, false]);
}

#[test]
fn row_64_the_organisation_of_the_course_has_to_be_among_the_filters() {
    let access = Access::content_org();
    let allows = |filters: &[&str]| {
        let caller = user("ann").filters(filters.iter().copied()).build();
        access.require(Asked::by(&caller).course(&course())).is_ok()
    };

    assert!(allows(&["content_org:edX"]) && allows(&["content_org:TestX", "user:me", "content_org:edX"]));
    assert!(!allows(&["content_org:TestX"]) && !allows(&["test:TestX"]) && !allows(&[]));
    for near in [
        "content_org:edx",
        "content_org:",
        "content_org",
        "content_org:edX+DemoX",
        "content_org:edX ",
        "Content_org:edX",
    ] {
        assert!(!allows(&[near]), "{near}");
    }
    let caller = user("ann").filters(["content_org:edX", "content_org:"]).build();
    assert_eq!(reason(&access, Asked::by(&caller)), Some(Reason::NotAllowed), "no course is no organisation");
}

#[test]
fn row_66_restricted_is_who_says_so_and_there_is_no_not() {
    let (restricted, free) = (user("ann").restricted(true).build(), user("ann").build());

    assert_eq!(reason(&Access::restricted(), Asked::by(&restricted)), None);
    assert_eq!(reason(&Access::restricted(), Asked::by(&free)), Some(Reason::NotAllowed));
    // Ours: being unrestricted is asked by everything that does not let the others in; the anonymous have no caller.
    assert_eq!(Facts::new(&free, &SystemClock).meet::<Authenticated>(), Ok(()));
    let refused = Facts::new(&restricted, &SystemClock).meet::<Authenticated>().unwrap_err();
    assert_eq!(refused.reason(), Reason::RestrictedApplication);
}

#[test]
fn row_68_users_see_themselves_and_applications_need_the_scope() {
    let access = Access::restricted_or_user(["grades:read"]);
    let (ann, course) = (user("ann").build(), course());

    assert_eq!(reason(&access, Asked::by(&ann).course(&course).user("ann")), None);
    assert_eq!(reason(&access, Asked::by(&ann).course(&course).user("Ann")), None);
    for other in ["bob", "", "5f3c", "ann "] {
        assert!(reason(&access, Asked::by(&ann).course(&course).user(other)).is_some(), "{other}");
    }
    assert!(reason(&access, Asked::by(&ann).course(&course)).is_some());
    let restricted = user("ann").restricted(true).filters(["content_org:edX", "user:me"]).build();
    let refusal = access.require(Asked::by(&restricted).course(&course).user("ann")).unwrap_err();
    assert_eq!((refusal.reason(), refusal.scope()), (Reason::InsufficientScope, Some("grades:read")));
}

#[test]
fn row_70_the_filter_for_users_narrows_an_application_down() {
    let access = Access::restricted_or_user(["grades:read"]);
    let course = course();
    let allows = |filters: &[&str], user_in_path: Option<&str>| {
        let caller = user("ann")
            .restricted(true)
            .scopes(["grades:read".parse().unwrap()])
            .filters(["content_org:edX"].into_iter().chain(filters.iter().copied()))
            .build();
        let asked = Asked::by(&caller).course(&course);
        access.require(user_in_path.map_or(asked, |name| asked.user(name))).is_ok()
    };

    assert!(allows(&["user:me"], Some("ann")) && allows(&["user:me"], Some("ANN")));
    assert!(!allows(&["user:me"], None));
    assert!(!allows(&["user:another"], Some("ann")) && !allows(&["user:me"], Some("another")));
    assert!(allows(&[], Some("another")), "an application that acts by itself");
    // Ours: theirs looks at the first filter alone.
    assert!(
        !allows(&["user:me", "user:another"], Some("ann"))
            && !allows(&["user:another", "user:me"], Some("ann"))
    );
    assert!(!allows(&["user:"], Some("")) && !allows(&["user:me"], Some("me")));
}

#[test]
fn row_72_ours_restricted_applications_are_refused_wherever_nobody_lets_them_in() {
    let everything = |inner: Access| {
        [
            Access::any_of([inner.clone()]),
            Access::all_of([inner.clone(), inner.clone()]),
            Access::any_of([Access::superuser(), Access::all_of([Access::any_of([inner])])]),
        ]
    };
    let restricted = Caller::builder("i")
        .subject("ann")
        .scopes(["grades:read".parse().unwrap()])
        .roles([Role::new("staff:*")])
        .filters(["content_org:edX"])
        .claims_json(r#"{"administrator":true,"superuser":false,"preferred_username":"ann"}"#)
        .restricted(true)
        .build();
    let (rbac, course) = (rbac(), course());
    let asked = Asked::by(&restricted).course(&course).user("ann");

    for rule in [
        Access::staff(),
        Access::user_in_path(),
        Access::subject_in_path(),
        Access::scopes(["grades:read"]),
        Access::content_org(),
        Access::user_filter(),
        Access::feature_role(&rbac, "reader"),
    ] {
        for access in everything(rule.clone()) {
            let decision = access.decide(asked);
            assert!(!decision.is_granted(), "{}", decision.explain());
            assert!(
                decision.explain().contains("restricted applications are not let in"),
                "{}",
                decision.explain()
            );
        }
        let admitted = rule.admit_restricted();
        assert!(admitted.decide(asked).is_granted(), "{}", admitted.decide(asked).explain());
        // Who is let in by one rule is not let in by its neighbour.
        let both = Access::all_of([admitted, Access::staff()]);
        assert_eq!(reason(&both, asked), Some(Reason::RestrictedApplication));
    }
    fn refused<R: Requirement>(caller: &Caller) -> bool {
        Facts::new(caller, &SystemClock).meet::<R>().is_err()
    }
    assert!(refused::<Staff>(&restricted) && refused::<AnyOf<(Staff, Superuser)>>(&restricted));
    assert!(refused::<AllOf<(AdmitRestricted<Staff>, Authenticated)>>(&restricted));
    assert!(!refused::<AdmitRestricted<Staff>>(&restricted));
}

#[test]
fn row_80_ours_a_list_that_was_not_scoped_is_no_value() {
    // Theirs are errors at run time: a policy that is missing, or not callable. Ours has to be matched to get at a list,
    // and a feature role that nobody declared sees nothing.
    let all = caller(["staff:*"]);

    assert_eq!(rbac().contexts(&all, "not declared"), Contexts::None);
}

#[test]
fn row_82_a_role_without_context_is_enough_where_none_is_asked_for() {
    let rbac = rbac();

    rbac.decide(&caller(["staff"]), "reader", ContextReq::Any).assert_granted_by("staff");
    rbac.decide(&caller(["staff"]), "reader", "a").assert_denied(WhyNot::OtherContext);
    rbac.decide(&caller([]), "reader", ContextReq::Any).assert_denied(WhyNot::NoRole);
    assert_eq!(rbac.contexts(&caller([]), "reader"), Contexts::None);
}

#[test]
fn row_84_all_contexts_that_are_asked_for_have_to_be_assigned() {
    let rbac = rbac();
    let holds = |roles: &[&str], asked: &[Context<'_>]| {
        let all = OneOrMore::new(asked).expect("some are asked for");
        rbac.decide(&caller(roles.iter().copied()), "reader", ContextReq::All(all)).is_granted()
    };
    let [one, two, three] = ["1", "2", "3"].map(Context::text);

    assert!(!holds(&[], &[one]));
    assert!(holds(&["staff:1", "staff:2", "staff:3"], &[two, three]));
    assert!(!holds(&["staff:1", "staff:2"], &[one, two, three]));
    // Ours: asking for nothing grants in theirs; here it has to be called Any.
    assert_eq!(OneOrMore::new(&[]), None);
    rbac.decide(&caller(["staff:x"]), "reader", "").assert_denied(WhyNot::EmptyContext);
    rbac.decide(&caller(["staff:x"]), "reader", ContextReq::Any).assert_granted();
}

#[test]
fn row_86_course_keys_keep_their_colons_and_ours_a_uuid_equals_its_text() {
    let rbac = rbac();
    let id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let course: CourseKey = "course-v1:E+D+R".parse().unwrap();

    rbac.decide(&caller(["staff:course-v1:E+D+R"]), "reader", &course).assert_granted();
    rbac.decide(&caller(["staff:course-v1:e+D+R"]), "reader", &course).assert_denied(WhyNot::OtherContext);
    // Theirs denies.
    let uuid: Uuid = id.parse().unwrap();
    rbac.decide(&caller([&*format!("staff:{}", id.to_uppercase())]), "reader", uuid).assert_granted();
    rbac.decide(&caller(["staff:a"]), "reader", "*").assert_denied(WhyNot::OtherContext);
    rbac.decide(&caller(["staff:*"]), "reader", "*").assert_granted();
}

#[test]
fn row_88_duplicate_contexts_are_one() {
    let list = rbac().contexts(&caller(["staff:a", "learner:a", "staff:a", "staff"]), "reader");

    let Contexts::Only(names) = &list else { panic!("{list:?}") };
    assert!(names.iter().eq(["a"]));
}

#[test]
fn row_90_a_listing_is_filtered_by_its_contexts() {
    let rbac = rbac();
    let list = |caller: &Caller| match is_superuser(caller) {
        // Ours: the service says so, where theirs has a switch.
        true => Contexts::All,
        false => rbac.contexts(caller, "reader"),
    };
    let superuser = Caller::builder("i").claims_json(r#"{"superuser":true}"#).build();
    let staff = Caller::builder("i").claims_json(r#"{"administrator":true}"#).build();

    assert_eq!(list(&superuser), Contexts::All);
    assert_eq!(rbac.contexts(&superuser, "reader"), Contexts::None);
    assert_eq!(list(&staff), Contexts::None);
    assert_eq!(list(&staff).require_some().unwrap_err().reason().status(), 403);
    assert_eq!(list(&caller([])), Contexts::None);
    assert_eq!(list(&caller(["staff:*"])), Contexts::All);
    assert!(matches!(list(&caller(["staff:a"])), Contexts::Only(names) if names.iter().eq(["a"])));
}

#[test]
fn empty_rules_let_nobody_in() {
    let ann = Caller::builder("i").claims_json(r#"{"administrator":true,"preferred_username":""}"#).build();
    let nobody: [&str; 0] = [];

    for access in [
        Access::any_of([]),
        Access::all_of([]),
        Access::scopes(nobody),
        Access::all_of([Access::staff(), Access::any_of([])]),
        Access::all_of([Access::staff(), Access::all_of([])]),
        Access::user_in_path(),
        Access::subject_in_path(),
    ] {
        assert_eq!(reason(&access, Asked::by(&ann).user("")), Some(Reason::NotAllowed), "{access:?}");
    }
}

#[test]
fn the_refusal_is_the_one_that_helps_most() {
    let (rbac, course) = (rbac(), course());
    let nobody = Caller::builder("i").build();
    let asked = Asked::by(&nobody).course(&course);

    let by_scope =
        Access::any_of([Access::staff(), Access::feature_role(&rbac, "reader"), Access::scopes(["a", "b"])]);
    let refusal = by_scope.require(asked).unwrap_err();
    assert_eq!((refusal.reason(), refusal.scope()), (Reason::InsufficientScope, Some("a b")));
    let by_role = Access::any_of([Access::staff(), Access::feature_role(&rbac, "reader")]);
    assert!(by_role.require(asked).unwrap_err().roles().eq(["reader"]));
    assert_eq!(reason(&Access::scopes(["not a scope"]), asked), Some(Reason::NotAllowed));
}

#[test]
fn a_trace_names_every_rule_and_nobody() {
    let access = Access::restricted_or_user(["grades:read"]);
    let ann = user("ann").restricted(true).filters(["content_org:edX"]).build();
    let course = course();

    assert_eq!(
        access.decide(Asked::by(&ann).course(&course).user("ann")).explain(),
        "denied: any of (\
         any of (staff: no, restricted applications are not let in; user in path: no, restricted applications are not let in); \
         restricted let in: all of (restricted application: yes; scopes grades:read: no; filter content_org: yes; filter user: yes))"
    );
}
