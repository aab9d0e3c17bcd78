//! Adding a requirement never widens, and taking a scope, a role or a sign-in away never grants.

use linchpin_core::{
    AdmitRestricted, AllOf, AnyOf, Authenticated, Caller, Clock, Facts, FakeClock, Policy, Reason,
    Requirement, Role, Scope, Timestamp, roles, scopes, step_up,
};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

scopes! {
    Read = "read";
    Write = "write";
}
roles! {
    Admin = "admin";
    Staff = "staff";
}
step_up! {
    Silver { acr_values: ["silver", "gold"] }
    Recent { max_age: 300 }
}

/// What the laws are tried on: leaves, and combinations of them.
macro_rules! each_requirement {
    ($do:ident, $($arguments:expr),*) => {{
        $do::<Authenticated>($($arguments),*)?;
        $do::<Read>($($arguments),*)?;
        $do::<Admin>($($arguments),*)?;
        $do::<Silver>($($arguments),*)?;
        $do::<Recent>($($arguments),*)?;
        $do::<AnyOf<(Read, Admin)>>($($arguments),*)?;
        $do::<AllOf<(Read, Admin)>>($($arguments),*)?;
        $do::<AnyOf<(AllOf<(Read, Write)>, AllOf<(Staff, Silver)>, Recent)>>($($arguments),*)?;
        $do::<AllOf<(AnyOf<(Read, Staff)>, AnyOf<(Write, Recent)>)>>($($arguments),*)?;
        $do::<AdmitRestricted<AnyOf<(Read, Admin)>>>($($arguments),*)?;
        $do::<AnyOf<(AdmitRestricted<Read>, Admin)>>($($arguments),*)?;
        $do::<AllOf<(AdmitRestricted<Read>, AdmitRestricted<Admin>)>>($($arguments),*)?;
    }};
}

/// A caller in parts, so that some of them can be taken away.
#[derive(Clone, Debug)]
struct Parts {
    scopes: Vec<String>,
    roles: Vec<String>,
    acr: Option<String>,
    seconds_ago: Option<i64>,
    restricted: bool,
}

impl Parts {
    fn caller(&self, now: Timestamp) -> Caller {
        let scopes: Vec<Scope> = self.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        let mut caller = Caller::builder("https://id.example")
            .scopes(scopes)
            .roles(self.roles.iter().map(|role| Role::new(role.as_str())))
            .restricted(self.restricted);
        if let Some(acr) = &self.acr {
            caller = caller.acr(acr.as_str());
        }
        if let Some(ago) = self.seconds_ago {
            caller = caller.auth_time(Timestamp::from_unix_seconds(now.as_unix_seconds() - ago));
        }
        caller.build()
    }

    /// Whether the requirement holds; both ways of asking have to say the same.
    fn meets<R: Requirement>(&self) -> bool {
        let clock = FakeClock::default();
        let caller = self.caller(clock.now());
        let facts = Facts::new(&caller, &clock);
        let meets = facts.meets::<R>();
        assert_eq!(facts.meet::<R>().is_ok(), meets, "{}", R::describe());
        meets
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let names = ["read", "write", "admin", "staff", "Read", "аdmin", "", "*"];
    let some = || vec(prop::sample::select(names.map(str::to_owned).to_vec()), 0..6);
    let acr = option::of(prop::sample::select(["silver", "gold", "bronze", ""].map(str::to_owned).to_vec()));
    (some(), some(), acr, option::of(-200_i64..600), any::<bool>()).prop_map(
        |(scopes, roles, acr, seconds_ago, restricted)| Parts { scopes, roles, acr, seconds_ago, restricted },
    )
}

/// A caller, and the same with some of what it has taken away.
fn more_and_less() -> impl Strategy<Value = (Parts, Parts)> {
    parts().prop_flat_map(|more| {
        let (scopes, roles) = (more.scopes.clone(), more.roles.clone());
        let less = (
            subsequence(scopes.clone(), 0..=scopes.len()),
            subsequence(roles.clone(), 0..=roles.len()),
            any::<bool>(),
            any::<bool>(),
        );
        (Just(more), less).prop_map(|(more, (scopes, roles, keeps_acr, keeps_time))| {
            let less = Parts {
                scopes,
                roles,
                acr: more.acr.clone().filter(|_| keeps_acr),
                seconds_ago: more.seconds_ago.filter(|_| keeps_time),
                restricted: more.restricted,
            };
            (more, less)
        })
    })
}

fn taking_away_never_grants<R: Requirement>(more: &Parts, less: &Parts) -> Result<(), TestCaseError> {
    prop_assert!(!less.meets::<R>() || more.meets::<R>(), "{}", R::describe());
    let (restricted, free) =
        (Parts { restricted: true, ..more.clone() }, Parts { restricted: false, ..more.clone() });
    prop_assert!(!restricted.meets::<R>() || free.meets::<R>());
    Ok(())
}

fn adding_never_widens<R: Requirement>(caller: &Parts) -> Result<(), TestCaseError> {
    let alone = caller.meets::<R>();
    prop_assert!(!caller.meets::<AllOf<(R, Write)>>() || alone);
    prop_assert!(!caller.meets::<AllOf<(Staff, R)>>() || alone);
    prop_assert!(!caller.meets::<AllOf<(R, AdmitRestricted<Authenticated>)>>() || alone);
    prop_assert_eq!(caller.meets::<AllOf<(R,)>>(), alone);
    prop_assert_eq!(caller.meets::<AnyOf<(R,)>>(), alone);
    prop_assert_eq!(caller.meets::<AllOf<(R, Silver)>>(), alone && caller.meets::<Silver>());
    prop_assert_eq!(caller.meets::<AnyOf<(R, Recent)>>(), alone || caller.meets::<Recent>());
    Ok(())
}

fn a_refusal_is_never_an_error_of_ours<R: Requirement>(caller: &Parts) -> Result<(), TestCaseError> {
    let clock = FakeClock::default();
    if let Err(refusal) = Facts::new(&caller.caller(clock.now()), &clock).meet::<R>() {
        prop_assert!(matches!(refusal.reason().status(), 401 | 403), "{}", refusal.reason());
        prop_assert_eq!(
            refusal.reason().status() == 401,
            refusal.reason() == Reason::InsufficientAuthentication
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn taking_something_away_never_grants((more, less) in more_and_less()) {
        each_requirement!(taking_away_never_grants, &more, &less);
    }

    #[test]
    fn adding_a_requirement_never_widens(caller in parts()) {
        each_requirement!(adding_never_widens, &caller);
    }

    #[test]
    fn every_refusal_is_the_callers(caller in parts()) {
        each_requirement!(a_refusal_is_never_an_error_of_ours, &caller);
    }
}

#[test]
fn a_caller_with_nothing_meets_nothing_that_asks_for_something() {
    let nobody = Parts { scopes: vec![], roles: vec![], acr: None, seconds_ago: None, restricted: false };

    assert!(nobody.meets::<Authenticated>());
    assert!(!nobody.meets::<Read>() && !nobody.meets::<Admin>() && !nobody.meets::<Silver>());
    assert!(!nobody.meets::<AnyOf<(Read, Admin, Silver, Recent)>>());
    assert!(Policy::authenticated().description().is_some() && Policy::public().description().is_none());
}
