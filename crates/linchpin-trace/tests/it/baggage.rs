//! The rules of W3C Baggage.

use linchpin_trace::Baggage;

fn parse(values: &[&str]) -> Baggage {
    Baggage::parse(values.iter().map(|value| value.as_bytes()))
}

#[test]
fn members_come_from_all_headers_and_values_are_decoded() {
    let baggage = parse(&["a=1 , b = x%20y%2Cz ;p=1;q ", "c=", "d=%zz%4", "e=%FF%C3%A4"]);

    assert_eq!(
        baggage.iter().collect::<Vec<_>>(),
        [("a", "1"), ("b", "x y,z"), ("c", ""), ("d", "%zz%4"), ("e", "\u{fffd}ä")]
    );
    assert_eq!(baggage.to_string(), "a=1,b=x%20y%2Cz;p=1;q,c=,d=%zz%4,e=%FF%C3%A4");
}

#[test]
fn malformed_members_are_dropped_and_the_rest_counts() {
    let baggage = parse(&["junk,=1,a b=1,a=\"1\",a=1\\,é=1,b=é,c=1;\u{7f},good=1,good=2,,x=y z"]);

    assert_eq!(baggage.iter().collect::<Vec<_>>(), [("good", "1")]);
}

#[test]
fn no_more_than_64_members_and_8192_bytes_are_read() {
    let many: Vec<String> = (0..200).map(|i| format!("k{i}=v")).collect();
    let filler = format!("big={}", "x".repeat(8192 - 4 - 2));
    let huge = "k=v;".repeat(16 * 1024);

    assert_eq!(parse(&[&many.join(",")]).iter().count(), 64);
    assert_eq!(parse(&many.iter().map(String::as_str).collect::<Vec<_>>()).iter().count(), 64);
    assert_eq!(parse(&[&filler, "a=1"]).iter().count(), 1, "the second is beyond the limit");
    assert_eq!(parse(&["a=1", &filler]).iter().count(), 1, "a member that does not fit is not read in part");
    assert_eq!(parse(&[&format!("a=1,{huge}")]).to_string(), "a=1");
    assert_eq!(parse(&["x"; 100_000]).iter().count(), 0);
}

#[test]
fn what_is_set_can_be_read_again_and_limits_hold() {
    let mut baggage = parse(&["a=1;p=q"]);

    assert!(baggage.insert("a", "50% of ä, \"b\"; c\\"));
    assert!(!baggage.insert("a b", "1") && !baggage.insert("", "1"));
    assert!(!baggage.insert("big", &"x".repeat(8192)));

    let sent = baggage.to_string();
    assert_eq!(sent, "a=50%25%20of%20%c3%a4%2c%20%22b%22%3b%20c%5c");
    assert_eq!(parse(&[&sent]).value("a"), Some("50% of ä, \"b\"; c\\"));
}

#[test]
fn debug_shows_names_only() {
    assert_eq!(format!("{:?}", parse(&["user=ann"])), r#"{"user"}"#);
}

#[test]
fn an_equals_sign_belongs_to_the_value_after_the_first() {
    let baggage = parse(&["a=b=c==,d==;p=q=r"]);

    assert_eq!(baggage.iter().collect::<Vec<_>>(), [("a", "b=c=="), ("d", "=")]);
    assert_eq!(baggage.to_string(), "a=b=c==,d==;p=q=r");
}

#[test]
fn members_that_are_not_wanted_are_dropped_and_the_others_stay_as_they_came() {
    let mut baggage = Baggage::parse([b"tenant=edX%20Inc;private,plan=free,user=ann".as_slice()]);

    baggage.retain(|name| name != "user");

    assert_eq!(baggage.to_string(), "tenant=edX%20Inc;private,plan=free");
    assert_eq!(baggage.value("user"), None);
}
