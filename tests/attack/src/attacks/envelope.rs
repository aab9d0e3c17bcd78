//! The envelope: extensions, other serialisations, the number of parts.

use linchpin_core::Reason::{
    CriticalHeader, MalformedClaims, MalformedCredential, MalformedHeader, MalformedToken,
};
use serde_json::json;

use super::token;
use crate::{
    Attack, Scene,
    text::{encode, parts},
};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [extensions(scene), headers(scene), forms(scene)].concat()
}

fn extensions(scene: &Scene) -> Vec<Attack> {
    let members = [
        r#","crit":["exp"],"exp":1"#,
        r#","crit":["b64"],"b64":true"#,
        r#","crit":["b64"],"b64":false"#,
        r#","crit":["alg"]"#,
        r#","crit":["x"]"#,
        r#","crit":[]"#,
        r#","crit":null"#,
        r#","crit":"exp""#,
        r#","crit":{}"#,
        r#","\u0063rit":["exp"]"#,
        r#","b64":false"#,
        r#","b64":true"#,
        r#","zip":"DEF""#,
        r#","zip":null"#,
    ];
    let attacks = members.map(|more| {
        // The twin has the same member by a name that means nothing.
        let harmless = ["crit", "b64", "zip", "\\u0063rit"].iter().fold(more.to_owned(), |text, name| {
            text.replace(&format!("\"{name}\":"), &format!("\"x-{name}\":"))
        });
        let signed = |more: &str| scene.exactly(&scene.header(more), &scene.payload(""));
        token(
            format!("a header that extends the rules: {more}"),
            signed(more),
            CriticalHeader,
            signed(&harmless),
        )
    });
    let unencoded = token(
        "a payload that is not encoded (RFC 7797)",
        scene.verbatim(&encode(scene.header(r#","crit":["b64"],"b64":false"#)), "ann"),
        CriticalHeader,
        scene.exactly(&scene.header(""), &scene.payload("")),
    );
    attacks.into_iter().chain([unencoded]).collect()
}

fn headers(scene: &Scene) -> Vec<Attack> {
    let good = scene.header("");
    let key_id = scene.own.key_id().unwrap_or_default();
    let headers = [
        ("is empty", String::new()),
        ("is null", "null".to_owned()),
        ("is a list", format!("[{good}]")),
        ("is a string", json!(good).to_string()),
        ("is an empty object", "{}".to_owned()),
        ("has no algorithm", format!(r#"{{"kid":"{key_id}"}}"#)),
        ("has a number as algorithm", good.replace("\"ES256\"", "256")),
        ("has null as algorithm", good.replace("\"ES256\"", "null")),
        ("has a list as algorithm", good.replace("\"ES256\"", r#"["ES256"]"#)),
        ("has a type that is no string", scene.header(r#","typ":["JWT"]"#)),
        ("goes on after its end", format!("{good}{{}}")),
        ("ends with NUL", format!("{good}\0")),
        ("starts with a byte order mark", format!("\u{feff}{good}")),
        ("has a comma too much", good.replace('}', ",}")),
        ("has a comment", good.replace('}', "/**/}")),
        ("has single quotes", good.replace('"', "'")),
        ("has a lone surrogate", scene.header(r#","x":"\ud800""#)),
        ("has a control byte in a string", scene.header(",\"x\":\"\u{1}\"")),
    ];
    let mut attacks = Vec::from(headers.map(|(what, header)| {
        // White space between tokens of JSON is free.
        let twin = scene.exactly(&format!(" {good}\r\n\t"), &scene.payload(""));
        token(
            format!("a header that {what}"),
            scene.exactly(&header, &scene.payload("")),
            MalformedHeader,
            twin,
        )
    }));

    let signed = |more: String| scene.exactly(&scene.header(&more), &scene.payload(""));
    let members = |n: usize| signed((0..n).map(|i| format!(r#","{i}":0"#)).collect());
    let depth = |n: usize| signed(format!(r#","x":{}{}"#, "[".repeat(n), "]".repeat(n)));
    attacks.push(token("a header with 33 members", members(31), MalformedHeader, members(30)));
    attacks.push(token("a header that is 200 levels deep", depth(200), MalformedHeader, depth(100)));
    attacks
}

fn forms(scene: &Scene) -> Vec<Attack> {
    let good = scene.exactly(&scene.header(""), &scene.payload(""));
    let [header, payload, signature] = parts(&good);
    let json = |value: serde_json::Value| value.to_string();
    let malformed = [
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("a fourth part that is empty", format!("{good}.")),
        ("a fourth part", format!("{good}.{signature}")),
        ("an empty part before the others", format!(".{good}")),
        ("five parts, as JWE has", format!("{header}.{payload}.{payload}.{signature}.{signature}")),
        ("five parts and a header of JWE", {
            let header = encode(r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#);
            format!("{header}..{payload}.{signature}.{signature}")
        }),
        ("two dots alone", "..".to_owned()),
        ("disclosures of SD-JWT behind it", format!("{good}~{payload}~")),
    ];
    let malformed = malformed.map(|(what, sent)| {
        let reason = if sent == ".." || sent.starts_with("..") { MalformedHeader } else { MalformedToken };
        token(format!("a token of {what}"), sent, reason, good.clone())
    });
    let serialised = [
        ("flattened", json(json!({"protected": header, "payload": payload, "signature": signature}))),
        (
            "general",
            json(json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})),
        ),
        (
            "flattened, with an unprotected header",
            json(json!({"header": {"alg": "none"}, "payload": payload, "signature": ""})),
        ),
    ];
    let serialised = serialised.map(|(what, sent)| {
        token(format!("a token in the JSON form: {what}"), sent, MalformedCredential, good.clone())
    });
    let detached = token(
        "a token without its payload",
        format!("{header}..{signature}"),
        linchpin_core::Reason::BadSignature,
        good.clone(),
    );
    let empty = token(
        "a signed payload of nothing",
        scene.exactly(&scene.header(""), ""),
        MalformedClaims,
        good.clone(),
    );
    let nested = token(
        "a good token as the payload of a token",
        scene.exactly(&scene.header(r#","cty":"JWT""#), &scene.good()),
        MalformedClaims,
        scene.exactly(&scene.header(r#","cty":"JWT""#), &scene.payload("")),
    );
    let quoted = token(
        "a good token, quoted, as the payload of a token",
        scene.exactly(&scene.header(""), &json(json!(scene.good()))),
        MalformedClaims,
        scene.exactly(&scene.header(""), &scene.payload(&format!(r#","token":"{}""#, scene.good()))),
    );
    let in_json = token(
        "the payload as a JSON string",
        scene.exactly(&scene.header(""), &json(json!(scene.payload("")))),
        MalformedClaims,
        good.clone(),
    );
    malformed.into_iter().chain(serialised).chain([detached, empty, nested, quoted, in_json]).collect()
}
