//! Adding never widens, taking away never grants, and what is unknown never helps.

use linchpin_core::{Caller, Role};
use linchpin_rbac::{Context, ContextReq, Contexts, OneOrMore, Rbac};
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
