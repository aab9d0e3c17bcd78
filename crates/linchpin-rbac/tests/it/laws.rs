//! Adding never widens, taking away never grants, and what is unknown never helps.

use linchpin_core::{Caller, Role, Scope};
use linchpin_rbac::{
    Assignment, Context, ContextReq, Contexts, CourseKey, OneOrMore, Rbac, RoleQuestion, RoleStore,
    StoreFuture,
    open_edx::{Access, Asked},
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

use crate::rbac;

const FEATURES: [&str; 3] = ["reader", "editor", "unheard-of"];
const PLACES: [&str; 8] =
    ["a", "b", "course-v1:x+y+z", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "*", "", ":", "A"];

fn role() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["learner", "staff", "operator", "other", "reader", "", "Staff"]);
    let place = prop::option::of(prop::sample::select(PLACES.to_vec()));
    prop_oneof![
        8 => (names, place).prop_map(|(name, place)| match place {
            Some(place) => format!("{name}:{place}"),
            None => name.to_owned(),
        }),
        1 => any::<String>(),
    ]
}

fn places() -> impl Strategy<Value = Vec<String>> {
    vec(prop::sample::select(PLACES.map(str::to_owned).to_vec()), 1..5)
}

fn caller(roles: &[String]) -> Caller {
    Caller::builder("https://id.example").roles(roles.iter().map(|role| Role::new(role.as_str()))).build()
}

fn holds(rbac: &Rbac, roles: &[String], feature: &str, places: &[String]) -> bool {
    let contexts: Vec<Context<'_>> = places.iter().map(|place| Context::text(place)).collect();
    let all = OneOrMore::new(&contexts).expect("at least one");
    rbac.decide(&caller(roles), feature, ContextReq::All(all)).is_granted()
}

/// A store that always answers the same.
struct Fixed(Vec<String>);

impl RoleStore for Fixed {
    fn assignments<'a>(&'a self, _: RoleQuestion<'a>) -> StoreFuture<'a> {
        Box::pin(async { Ok(self.0.iter().map(|place| Assignment::in_context(place.as_str())).collect()) })
    }
}

/// Whether token and store grant it together, and the contexts that they name.
fn with_store(roles: &[String], stored: &[String], feature: &str, place: &str) -> (bool, Contexts) {
    let caller = Caller::builder("https://id.example").subject("ann");
    let caller = caller.roles(roles.iter().map(|role| Role::new(role.as_str()))).build();
    let rbac = rbac().with_store(Fixed(stored.to_vec()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let decision = rbac.decide(&caller, feature, place).await.expect("the store answers");
        (decision.is_granted(), rbac.contexts(&caller, feature).await.expect("the store answers"))
    })
}

/// A rule of Open edX, or several of them.
fn rule() -> impl Strategy<Value = Access> {
    let leaf = (0..8).prop_map(|which| match which {
        0 => Access::staff(),
        1 => Access::superuser(),
        2 => Access::user_in_path(),
        3 => Access::scopes(["grades:read"]),
        4 => Access::content_org(),
        5 => Access::user_filter(),
        6 => Access::feature_role(&rbac(), "reader"),
        _ => Access::restricted(),
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Access::any_of),
            vec(inner.clone(), 0..3).prop_map(Access::all_of),
            inner.prop_map(Access::admit_restricted),
        ]
    })
}

/// What an LMS may say of a caller; filters are apart, since a token with one more is worth less.
#[derive(Clone, Debug)]
struct Lms {
    scopes: Vec<String>,
    roles: Vec<String>,
    is_staff: bool,
    is_superuser: bool,
    is_named: bool,
    filters: Vec<String>,
    restricted: bool,
}

impl Lms {
    fn meets(&self, access: &Access) -> bool {
        let mut claims = serde_json::json!({"administrator": self.is_staff, "superuser": self.is_superuser});
        if self.is_named {
            claims["preferred_username"] = "ann".into();
        }
        let scopes: Vec<Scope> = self.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        let caller = Caller::builder("https://lms.example")
            .scopes(scopes)
            .roles(self.roles.iter().map(|role| Role::new(role.as_str())))
            .filters(self.filters.iter().map(String::as_str))
            .restricted(self.restricted)
            .claims_json(claims.to_string())
            .build();
        let course: CourseKey = "course-v1:edX+DemoX+2026".parse().expect("a course key");
        access.decide(Asked::by(&caller).course(&course).user("ann")).is_granted()
    }
}

fn lms() -> impl Strategy<Value = Lms> {
    let some = |names: &'static [&'static str]| {
        vec(prop::sample::select(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()), 0..4)
    };
    (
        some(&["grades:read", "grades:write", "read"]),
        some(&["staff:*", "learner:course-v1:edX+DemoX+2026", "learner:a", "other:*"]),
        any::<[bool; 4]>(),
        some(&["content_org:edX", "content_org:other", "user:me", "user:bob", ""]),
    )
        .prop_map(|(scopes, roles, [is_staff, is_superuser, is_named, restricted], filters)| Lms {
            scopes,
            roles,
            is_staff,
            is_superuser,
            is_named,
            filters,
            restricted,
        })
}

fn more_and_less<T: Clone + std::fmt::Debug + 'static>(
    more: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    more.prop_flat_map(|more| {
        let some = subsequence(more.clone(), 0..=more.len());
        (Just(more), some)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn taking_a_role_away_never_grants(
        (more, less) in more_and_less(vec(role(), 0..8)), places in places(), feature in prop::sample::select(FEATURES.to_vec()),
    ) {
        let rbac = rbac();
        prop_assert!(!holds(&rbac, &less, feature, &places) || holds(&rbac, &more, feature, &places));
        let (few, many) = (rbac.contexts(&caller(&less), feature), rbac.contexts(&caller(&more), feature));
        for place in PLACES {
            prop_assert!(!few.contains(place) || many.contains(place), "{}", place);
        }
    }

    #[test]
    fn asking_for_another_context_never_widens(
        roles in vec(role(), 0..8), (more, less) in more_and_less(places()), feature in prop::sample::select(FEATURES.to_vec()),
    ) {
        prop_assume!(!less.is_empty());
        let rbac = rbac();
        prop_assert!(!holds(&rbac, &roles, feature, &more) || holds(&rbac, &roles, feature, &less));
    }

    #[test]
    fn all_is_each_and_any_is_at_least_one(
        roles in vec(role(), 0..8), places in places(), feature in prop::sample::select(FEATURES.to_vec()),
    ) {
        let rbac = rbac();
        let caller = caller(&roles);
        let one = |place: &String| rbac.decide(&caller, feature, place).is_granted();
        prop_assert_eq!(holds(&rbac, &roles, feature, &places), places.iter().all(one));
        let any = rbac.decide(&caller, feature, ContextReq::Any).is_granted();
        prop_assert!(any || !PLACES.iter().any(|&place| one(&place.to_owned())));
        prop_assert!(!one(&String::new()));
    }

    #[test]
    fn a_list_holds_what_a_check_grants(
        roles in vec(role(), 0..8), feature in prop::sample::select(FEATURES.to_vec()),
    ) {
        let rbac = rbac();
        let caller = caller(&roles);
        let list = rbac.contexts(&caller, feature);
        for place in PLACES {
            prop_assert_eq!(list.contains(place), rbac.decide(&caller, feature, place).is_granted(), "{}", place);
        }
        prop_assert_eq!(list == Contexts::All, rbac.decide(&caller, feature, Context::EVERY).is_granted());
    }

    #[test]
    fn taking_an_assignment_or_a_role_away_never_grants(
        (more, less) in more_and_less(vec(role(), 0..4)), (stored, fewer) in more_and_less(places()),
        feature in prop::sample::select(FEATURES.to_vec()), place in prop::sample::select(PLACES.to_vec()),
    ) {
        let (granted_before, before) = with_store(&more, &stored, feature, place);
        let (granted, after) = with_store(&less, &fewer, feature, place);

        prop_assert!(!granted || granted_before);
        prop_assert_eq!(after.contains(place), granted, "a list holds what a check grants");
        prop_assert!(PLACES.iter().all(|&place| !after.contains(place) || before.contains(place)));
        prop_assert!(granted || !holds(&rbac(), &less, feature, &[place.to_owned()]), "a store takes nothing away");
    }

    #[test]
    fn adding_a_rule_of_open_edx_never_widens(a in rule(), b in rule(), caller in lms()) {
        let (meets_a, meets_b) = (caller.meets(&a), caller.meets(&b));
        let both = Access::all_of([a.clone(), b.clone()]);
        let either = Access::any_of([a.clone(), b]);

        prop_assert_eq!(caller.meets(&both), meets_a && meets_b);
        prop_assert_eq!(caller.meets(&either), meets_a || meets_b);
        prop_assert!(!caller.meets(&Access::all_of([a.clone(), Access::all_of([])])), "an empty list lets nobody in");
        prop_assert_eq!(caller.meets(&Access::any_of([a.clone(), Access::any_of([])])), meets_a);
        prop_assert!(!meets_a || caller.meets(&a.admit_restricted()));
    }

    #[test]
    fn taking_away_from_a_token_of_an_lms_never_grants(
        rule in rule(), (more, scopes, roles, keeps) in lms().prop_flat_map(|more| {
            let (scopes, roles) = (more.scopes.clone(), more.roles.clone());
            let scopes = subsequence(scopes.clone(), 0..=scopes.len());
            let roles = subsequence(roles.clone(), 0..=roles.len());
            (Just(more), scopes, roles, any::<[bool; 3]>())
        }),
    ) {
        let less = Lms {
            scopes,
            roles,
            is_staff: more.is_staff && keeps[0],
            is_superuser: more.is_superuser && keeps[1],
            is_named: more.is_named && keeps[2],
            ..more.clone()
        };
        prop_assert!(!less.meets(&rule) || more.meets(&rule));
    }

    #[test]
    fn an_unknown_role_never_grants(roles in vec(any::<String>(), 0..20), place in any::<String>()) {
        let known = |role: &String| ["learner", "staff", "operator"].contains(&role.split(':').next().unwrap_or_default());
        let unknown: Vec<String> = roles.into_iter().filter(|role| !known(role)).collect();
        let (rbac, caller) = (rbac(), caller(&unknown));
        for feature in FEATURES {
            prop_assert!(!rbac.decide(&caller, feature, &place).is_granted());
            prop_assert!(!rbac.decide(&caller, feature, ContextReq::Any).is_granted());
        }
    }

    #[test]
    fn every_unknown_role_is_counted_and_no_other(
        roles in vec(role(), 0..8), places in places(), feature in prop::sample::select(FEATURES.to_vec()),
    ) {
        let known = |role: &&String| ["learner", "staff", "operator"].contains(&role.split(':').next().unwrap_or_default());
        let unknown = roles.iter().filter(|role| !known(role)).count();
        let rbac = rbac();

        holds(&rbac, &roles, feature, &places);

        prop_assert_eq!(rbac.unknown_roles(), unknown as u64);
    }

    #[test]
    fn a_decision_and_its_trace_agree(roles in vec(role(), 0..8), places in places()) {
        let rbac = rbac();
        let (caller, contexts) = (caller(&roles), places.iter().map(|place| Context::text(place)).collect::<Vec<_>>());
        let decision = rbac.decide(&caller, "reader", ContextReq::All(OneOrMore::new(&contexts).expect("one")));
        let granted = decision.is_granted();
        prop_assert_eq!(decision.grants().count(), if granted { contexts.len() } else { 0 });
        prop_assert_eq!(decision.explain().starts_with("granted: "), granted);
        prop_assert!(decision.explain().chars().all(|c| !c.is_control()));
        prop_assert_eq!(decision.into_result().is_ok(), granted);
    }

    #[test]
    fn a_mapping_that_gives_less_grants_no_more(roles in vec(role(), 0..8), place in prop::sample::select(PLACES.to_vec())) {
        let smaller = Rbac::builder(["reader", "editor"]).system_role("learner", ["reader"]).build().expect("right");
        let caller = caller(&roles);
        for feature in ["reader", "editor"] {
            prop_assert!(
                !smaller.decide(&caller, feature, place).is_granted() || rbac().decide(&caller, feature, place).is_granted()
            );
        }
    }
}
