//! JSON that two parsers could read differently: repeated names, and what is not JSON at all.

use linchpin_core::Reason::{MalformedClaims, MalformedHeader};

use super::token;
use crate::{Attack, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [in_headers(scene), in_claims(scene), payloads(scene), bounds(scene)].concat()
}

/// Repeated names, and the twin in which they differ.
fn in_headers(scene: &Scene) -> Vec<Attack> {
    let signed = |more: &str| scene.exactly(&scene.header(more), &scene.payload(""));
    let members = [
        (r#","alg":"ES256""#, r#","alg2":"ES256""#),
        (r#","alg":"none""#, r#","Alg":"none""#),
        (r#","\u0061lg":"none""#, r#","\u0041lg":"none""#),
        (r#","kid":"other""#, r#","KID":"other""#),
        (r#","k\u0069d":"other""#, r#","k\u0049d":"other""#),
        (r#","typ":"JWT","typ":"JWT""#, r#","typ":"JWT","type":"JWT""#),
        (r#","x":1,"x":1"#, r#","x":1,"y":1"#),
        (r#","x":{"a":1,"a":2}"#, r#","x":{"a":1,"b":2}"#),
        (r#","x":[{"y":{"a":1,"\u0061":2}}]"#, r#","x":[{"y":{"a":1,"\u0062":2}}]"#),
        (r#","jwk":{"kty":"EC","kty":"oct"}"#, r#","jwk":{"kty":"EC","kty2":"oct"}"#),
    ];
    let attack = |(bad, good): (&str, &str)| {
        token(format!("a header with a name twice: {bad}"), signed(bad), MalformedHeader, signed(good))
    };
    members.map(attack).into()
}

fn in_claims(scene: &Scene) -> Vec<Attack> {
    let signed = |more: &str| scene.exactly(&scene.header(""), &scene.payload(more));
    let members = [
        (r#","sub":"root""#, r#","Sub":"root""#),
        (r#","s\u0075b":"root""#, r#","s\u0055b":"root""#),
        (r#","iss":"https://issuer.test""#, r#","iss2":"https://issuer.test""#),
        (r#","aud":"tests""#, r#","AUD":"tests""#),
        (r#","exp":9999999999"#, r#","exp2":9999999999"#),
        (r#","scope":"a","scope":"b""#, r#","scope":"a","scp":"b""#),
        (r#","roles":["a"],"roles":["admin"]"#, r#","roles":["a"],"role":["admin"]"#),
        (r#","":1,"":2"#, r#","":1," ":2"#),
        (r#","x":{"a":1,"a":1}"#, r#","x":{"a":1,"b":1}"#),
        (r#","x":{"a":{"b":{"c":[0,{"d":1,"\u0064":1}]}}}"#, r#","x":{"a":{"b":{"c":[0,{"d":1,"e":1}]}}}"#),
        (r#","realm_access":{"roles":[],"roles":["admin"]}"#, r#","realm_access":{"roles":["admin"]}"#),
        (r#","\ud83d\ude00":1,"😀":2"#, r#","\ud83d\ude00":1,"😁":2"#),
        (r#","a\/b":1,"a/b":2"#, r#","a\/b":1,"a\\/b":2"#),
    ];
    let attack = |(bad, good): (&str, &str)| {
        token(format!("claims with a name twice: {bad}"), signed(bad), MalformedClaims, signed(good))
    };
    members.map(attack).into()
}

fn payloads(scene: &Scene) -> Vec<Attack> {
    let good = scene.payload("");
    let end = good.len() - 1;
    let payloads: [(&str, Vec<u8>); 17] = [
        ("null", b"null".into()),
        ("a list of the claims", format!("[{good}]").into()),
        ("a number", b"1".into()),
        ("two objects", format!("{good}{good}").into()),
        ("an object and NUL", format!("{good}\0").into()),
        ("an object that is cut off", good[..end].into()),
        ("an object behind a byte order mark", format!("\u{feff}{good}").into()),
        ("an object with a comma too much", format!("{},}}", &good[..end]).into()),
        ("an object with a comment", format!("{}/**/}}", &good[..end]).into()),
        ("an object in UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("an object with a byte that is not UTF-8", [&good.as_bytes()[..end], b",\"x\":\"\xff\"}"].concat()),
        ("an object with an overlong encoding", [&good.as_bytes()[..end], b",\"x\":\"\xc0\xae\"}"].concat()),
        (
            "an object with an encoded surrogate",
            [&good.as_bytes()[..end], b",\"x\":\"\xed\xa0\x80\"}"].concat(),
        ),
        ("an object with a lone escaped surrogate", scene.payload(r#","x":"\udc00""#).into()),
        ("an object with a raw line feed in a string", scene.payload(",\"x\":\"\n\"").into()),
        ("an object with an unknown escape", scene.payload(r#","x":"\x41""#).into()),
        ("an object with a name without quotes", scene.payload(",x:1").into()),
    ];
    let attack = |(what, payload): (&str, Vec<u8>)| {
        let bad = scene.verbatim(&crate::text::encode(scene.header("")), &crate::text::encode(payload));
        // The twin has all of it that is allowed: white space around, escapes and letters beyond ASCII within.
        let twin = format!("\r\n\t {} ", scene.payload(r#","x":"\u00e9\ud83d\ude00\n é""#));
        token(
            format!("a payload that is {what}"),
            bad,
            MalformedClaims,
            scene.exactly(&scene.header(""), &twin),
        )
    };
    payloads.map(attack).into()
}

fn bounds(scene: &Scene) -> Vec<Attack> {
    let signed = |more: String| scene.exactly(&scene.header(""), &scene.payload(&more));
    let members = |n: usize| (0..n).map(|i| format!(r#""{i}":0"#)).collect::<Vec<_>>().join(",");
    let many = |n: usize| signed(format!(",{}", members(n)));
    let many_below = |n: usize| signed(format!(r#","x":{{{}}}"#, members(n)));
    let lists = |n: usize| signed(format!(r#","x":{}{}"#, "[".repeat(n), "]".repeat(n)));
    let objects = |n: usize| signed(format!(r#","x":{}0{}"#, r#"{"x":"#.repeat(n), "}".repeat(n)));
    vec![
        token("claims with 257 members", many(253), MalformedClaims, many(252)),
        token("a claim with 257 members", many_below(257), MalformedClaims, many_below(256)),
        token("claims with 1000 lists in each other", lists(1000), MalformedClaims, lists(100)),
        token("claims with 500 objects in each other", objects(500), MalformedClaims, objects(100)),
        token(
            "claims with 2000 lists that never end",
            signed(format!(r#","x":{}"#, "[".repeat(2000))),
            MalformedClaims,
            lists(1),
        ),
    ]
}
