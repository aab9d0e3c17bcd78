//! Base64url: each part has one encoding. All of these are signed as they are sent, so that a lenient decoder takes them.

use linchpin_core::Reason::{self, MalformedCredential, MalformedToken};

use super::token;
use crate::{
    Attack, Scene,
    text::{encode, non_canonical, parts, with_spare_bits},
};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for part in ["header", "payload", "signature"] {
        for (what, reason, change) in changes() {
            // What ends the token is still a `b64token` with `=` behind it.
            let is_last = part == "signature";
            let reason = if is_last && !what.contains("escape") && what.starts_with("padded") {
                MalformedToken
            } else {
                reason
            };
            let name = format!("the {part} {what}");
            attacks.push(token(name, changed(scene, part, change), reason, changed(scene, part, same)));
        }
    }
    attacks
}

/// What is done to the text of a part.
type Change = fn(&str) -> String;

/// What is done to a part, and why it is refused.
fn changes() -> [(&'static str, Reason, Change); 12] {
    [
        ("padded with one sign too few", MalformedCredential, |part| format!("{part}=")),
        ("padded", MalformedCredential, |part| format!("{part}==")),
        ("padded with escapes", MalformedCredential, |part| format!("{part}%3D%3D")),
        ("with a bit behind its last byte", MalformedToken, non_canonical),
        ("in the alphabet of base64", MalformedToken, |part| part.replace('-', "+").replace('_', "/")),
        ("with a character left over", MalformedToken, |part| format!("{part}AAA")),
        ("with a tilde in it", MalformedToken, |part| format!("{part}~")),
        ("with a space in it", MalformedCredential, |part| insert(part, " ")),
        ("with a tab in it", MalformedCredential, |part| insert(part, "\t")),
        ("with an escaped line feed in it", MalformedCredential, |part| insert(part, "%0A")),
        ("with a letter beyond ASCII in it", MalformedCredential, |part| insert(part, "é")),
        ("with a soft hyphen in it", MalformedCredential, |part| insert(part, "\u{ad}")),
    ]
}

/// A good token by the scene's own key in which one part is changed before it is signed; the signature after.
fn changed(scene: &Scene, part: &str, change: Change) -> String {
    // The member makes sure that both alphabets differ in both texts.
    let more = r#","x":"??????>>>>>>""#;
    let header = encode(with_spare_bits(scene.header(more)));
    let payload = encode(with_spare_bits(scene.payload(more)));
    match part {
        "header" => scene.verbatim(&change(&header), &payload),
        "payload" => scene.verbatim(&header, &change(&payload)),
        _ => loop {
            // Nine signatures in ten have a character in which the alphabets differ.
            let good = scene.verbatim(&header, &payload);
            let [header, payload, signature] = parts(&good);
            if signature.contains(['-', '_']) {
                break format!("{header}.{payload}.{}", change(signature));
            }
        },
    }
}

fn same(part: &str) -> String {
    part.to_owned()
}

fn insert(part: &str, what: &str) -> String {
    let (start, end) = part.split_at(4);
    format!("{start}{what}{end}")
}
