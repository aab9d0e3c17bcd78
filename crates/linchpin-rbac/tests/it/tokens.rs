//! What real tokens carry, wrong as it may be.

use linchpin_core::Caller;
use linchpin_rbac::{ContextReq, WhyNot};
use linchpin_test::TestIssuer;
use serde_json::{Value, json};

use crate::rbac;

fn holds(issuer: &TestIssuer, roles: Value) -> bool {
    let token = issuer.token("ann").claim("roles", roles).sign();
    let caller: std::sync::Arc<Caller> = issuer.verify(&token).unwrap();
    let rbac = rbac();
    let any = rbac.decide(&caller, "reader", ContextReq::Any).is_granted();
    let one = rbac.decide(&caller, "reader", "a").is_granted();
    assert!(any || !one, "one context is more than any");
    one
}

#[test]
fn roles_of_a_wrong_shape_give_nothing() {
    let issuer = TestIssuer::new();

    assert!(holds(&issuer, json!(["staff:a"])));
    for nothing in [
        json!(null),
        json!("staff:a"),
        json!(7),
        json!(true),
        json!({"staff": "a"}),
        json!({"staff:a": true}),
        json!([["staff:a"]]),
        json!([{"staff": "a"}, {"role": "staff", "context": "a"}]),
        json!([null, 7, true, 1.5]),
        json!(["", ":", "staff:", ":a", "staff :a", " staff:a", "staff:a ", "staff: a", "staff;a"]),
        json!([
            "Staff:a",
            "STAFF:A",
            "stаff:a",
            "ѕtaff:a",
            "staff:а",
            "staff：a",
            "sta\u{200b}ff:a",
            "staff:a\u{0}"
        ]),
        json!(["staff%3Aa", "staff:%2A", "staff:a,b", "staff,learner:a"]),
    ] {
        assert!(!holds(&issuer, nothing.clone()), "{nothing}");
    }
}

#[test]
fn what_is_wrong_does_not_take_away_what_stands_beside_it() {
    let issuer = TestIssuer::new();

    assert!(holds(&issuer, json!([null, "", "staff:", 7, ["x"], "staff:a"])));
    assert!(holds(&issuer, json!(["staff:a", "staff:a", "staff:a"])));
}

#[test]
fn thousands_of_roles_are_read_and_give_nothing_by_their_number() {
    let issuer = TestIssuer::new();
    let many: Vec<String> = (0..5000).map(|i| format!("staff{i}:a")).collect();
    let caller = crate::caller(many.iter().map(String::as_str));
    let rbac = rbac();

    rbac.decide(&caller, "reader", "a").assert_denied(WhyNot::NoRole);
    assert_eq!(rbac.unknown_roles(), 5000);

    let few: Vec<String> = (0..400).map(|i| format!("s{i}:a")).chain(["staff:a".to_owned()]).collect();
    assert!(holds(&issuer, json!(few)));
}
