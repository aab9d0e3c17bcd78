//! Issuers and audiences that are nearly the right ones.

use linchpin_core::Reason::{WrongAudience, WrongIssuer};
use serde_json::{Value, json};

use super::token;
use crate::{Attack, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [issuers(scene), audiences(scene)].concat()
}

fn issuers(scene: &Scene) -> Vec<Attack> {
    let issuers = [
        "",
        "issuer.test",
        "http://issuer.test",
        "HTTPS://issuer.test",
        "https://ISSUER.test",
        "https://issuer.test/",
        "https://issuer.test//",
        "https://issuer.test/realms/other",
        "https://issuer.test.",
        "https://issuer.test:443",
        "https://issuer.test#",
        "https://issuer.test?",
        "https://issuer.test.attacker.test",
        "https://user@issuer.test",
        "https://attacker.test/https://issuer.test",
        "https://issuer.tes",
        "https://issuer.test ",
        " https://issuer.test",
        "https://issuer.test\0",
        "https://issuer.test\n",
        "https://%69ssuer.test",
        "https://\u{456}ssuer.test",
        "https://issuer.test\u{200b}",
        "https://issuer\u{3002}test",
        "*",
    ];
    issuers
        .map(|issuer| {
            let bad = scene.token().claim("iss", issuer).sign();
            // The twin has the same text in a claim that nobody compares.
            let twin = scene.token().claim("issuer", issuer).sign();
            token(format!("from the issuer {issuer:?}"), bad, WrongIssuer, twin)
        })
        .into()
}

fn audiences(scene: &Scene) -> Vec<Attack> {
    let near = [
        "",
        "test",
        "testss",
        "Tests",
        "TESTS",
        "tests/",
        "/tests",
        " tests",
        "tests ",
        "tests\0",
        "tests\n",
        "tests,other",
        "other tests",
        "t\u{435}sts",
        "tests\u{200b}",
        "te\u{17f}ts",
        "*",
        "null",
        "[\"tests\"]",
    ];
    let one = near.map(|audience| {
        let bad = scene.token().audience(audience).sign();
        // The twin is meant for both, which is what a list is for.
        let twin = scene.token().audiences([audience, "tests"]).sign();
        token(format!("for the audience {audience:?}"), bad, WrongAudience, twin)
    });
    let lists: [Value; 5] =
        [json!([]), json!([""]), json!(["Tests", "test"]), json!(["te", "sts"]), json!(["other", "tests "])];
    let lists = lists.map(|audiences| {
        let name = format!("for the audiences {audiences}");
        let mut all = audiences.as_array().cloned().unwrap_or_default();
        all.push("tests".into());
        let twin = scene.token().claim("aud", all).sign();
        token(name, scene.token().claim("aud", audiences).sign(), WrongAudience, twin)
    });
    one.into_iter().chain(lists).collect()
}
