//! Tokens to be generated: a good one, with a few edits before it is signed and perhaps one after.

use std::{fmt, sync::LazyLock};

use linchpin_core::{Clock, SystemClock};
use linchpin_jwt::SigningKey;
use oracle::{AUDIENCE, ISSUER};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

/// When all tests take place: jsonwebtoken knows no other time than the wall clock's.
pub(crate) static NOW: LazyLock<i64> = LazyLock::new(|| SystemClock.now().as_unix_seconds());

/// Members in the order in which they are written, each value as JSON text; a name may be there twice.
pub(crate) type Members = Vec<(&'static str, String)>;

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) header: Members,
    pub(crate) claims: Members,
    pub(crate) envelope: Envelope,
}

/// What happens to the token after it was signed.
#[derive(Clone, Debug)]
pub(crate) enum Envelope {
    Untouched,
    FlipBit(usize),
    Truncate(usize),
    Insert(usize, char),
    Swap(usize, usize),
    Drop(usize),
    Append(&'static str),
    /// Padding after one of the parts.
    Pad(usize),
    /// Bits set after the last byte of one of the parts.
    LooseBits(usize),
    /// Signed by somebody else under the same names.
    Forge,
}

impl Case {
    pub(crate) fn token(&self, key: &SigningKey) -> String {
        let (header, claims) = (object(&self.header), object(&self.claims));
        if let Envelope::Forge = self.envelope {
            return SigningKey::generate(key.algorithm()).unwrap().sign_compact(&header, &claims);
        }
        self.envelope.apply(key.sign_compact(&header, &claims))
    }

    pub(crate) fn in_header(&self, name: &str) -> impl Iterator<Item = &str> {
        values(&self.header, name)
    }

    pub(crate) fn in_claims(&self, name: &str) -> impl Iterator<Item = &str> {
        values(&self.claims, name)
    }

    /// Whether a second more or less may decide: then only those can be asked whose clock is set.
    pub(crate) fn is_about_time(&self) -> bool {
        ["exp", "nbf", "iat"]
            .into_iter()
            .flat_map(|name| self.in_claims(name))
            .any(|value| value.parse::<f64>().is_ok_and(|seconds| (seconds - *NOW as f64).abs() < 300.0))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} . {} after {:?}", object(&self.header), object(&self.claims), self.envelope)
    }
}

impl Envelope {
    fn apply(&self, mut token: String) -> String {
        match *self {
            Self::Untouched | Self::Forge => token,
            Self::FlipBit(at) => flip_bit(&token, at),
            Self::Truncate(at) => {
                token.truncate(at % token.len());
                token
            }
            Self::Insert(at, character) => {
                token.insert(at % (token.len() + 1), character);
                token
            }
            Self::Append(text) => token + text,
            Self::Swap(one, other) => parts(&token, |parts| parts.swap(one, other)),
            Self::Drop(part) => parts(&token, |parts| drop(parts.remove(part))),
            Self::Pad(part) => parts(&token, |parts| parts[part].push('=')),
            Self::LooseBits(part) => parts(&token, |parts| loosen(&mut parts[part])),
        }
    }
}

/// The token with one of its bits inverted; a character that is no ASCII any more becomes one that no token has.
pub(crate) fn flip_bit(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = at % (bytes.len() * 8);
    bytes[at / 8] ^= 1 << (at % 8);
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn object(members: &Members) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn values<'m>(members: &'m Members, name: &str) -> impl Iterator<Item = &'m str> {
    members.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.as_str())
}

fn parts(token: &str, change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut parts = token.split('.').map(str::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

/// Another spelling of the same bytes, as far as a lenient decoder is concerned; none if no bits are left over.
fn loosen(part: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    if !part.len().is_multiple_of(4)
        && let Some(value) = part.pop().and_then(|last| ALPHABET.iter().position(|&c| char::from(c) == last))
    {
        part.push(char::from(ALPHABET[value | 1]));
    }
}

/// Any case at all for a key of this algorithm; about a third of them are good tokens.
pub(crate) fn cases(algorithm: &'static str) -> impl Strategy<Value = Case> {
    (good(algorithm), edits(header_values()), edits(claim_values()), envelopes()).prop_map(
        |(mut case, header, claims, envelope)| {
            edit(&mut case.header, header);
            edit(&mut case.claims, claims);
            case.envelope = envelope;
            case
        },
    )
}

/// Tokens that everybody accepts, with claims of all kinds.
pub(crate) fn good(algorithm: &'static str) -> impl Strategy<Value = Case> {
    (".{0,20}", vec(any::<String>(), 0..3), any::<(Option<bool>, i64, String)>(), 300..100_000_i64).prop_map(
        move |(subject, audiences, (flag, number, text), lifetime)| {
            let audiences: Vec<String> = audiences.into_iter().chain([AUDIENCE.to_owned()]).collect();
            let claims = vec![
                ("iss", json!(ISSUER)),
                ("sub", json!(subject)),
                ("aud", json!(audiences)),
                ("exp", json!(*NOW + lifetime)),
                ("extra", json!({"flag": flag, "number": number, "text": [text]})),
            ];
            Case {
                header: vec![("alg", json!(algorithm).to_string()), ("kid", json!("test").to_string())],
                claims: claims.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
                envelope: Envelope::Untouched,
            }
        },
    )
}

#[derive(Clone, Debug)]
enum Edit {
    Set(&'static str, String),
    Repeat(&'static str, String),
    Remove(usize),
}

fn edit(members: &mut Members, edits: Vec<Edit>) {
    for edit in edits {
        match edit {
            Edit::Repeat(name, value) => members.push((name, value)),
            Edit::Remove(at) if members.len() > 1 => drop(members.remove(at % members.len())),
            Edit::Remove(_) => {}
            Edit::Set(name, value) => match members.iter_mut().find(|(own, _)| *own == name) {
                Some((_, old)) => *old = value,
                None => members.push((name, value)),
            },
        }
    }
}

fn edits(values: Members) -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        6 => select(values.clone()).prop_map(|(name, value)| Edit::Set(name, value)),
        1 => select(values).prop_map(|(name, value)| Edit::Repeat(name, value)),
        1 => (0..8_usize).prop_map(Edit::Remove),
    ];
    prop_oneof![3 => Just(Vec::new()), 2 => vec(edit.clone(), 1), 1 => vec(edit, 2)]
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    let any_place = any::<usize>();
    prop_oneof![
        24 => Just(Envelope::Untouched),
        3 => any_place.prop_map(Envelope::FlipBit),
        1 => any_place.prop_map(Envelope::Truncate),
        1 => (any_place, select(vec!['.', '=', ' ', '\n', 'A', 'ä', '\0'])).prop_map(|(at, c)| Envelope::Insert(at, c)),
        1 => select(vec![(0, 1), (0, 2), (1, 2)]).prop_map(|(one, other)| Envelope::Swap(one, other)),
        1 => (0..3_usize).prop_map(Envelope::Drop),
        1 => select(vec![".", ".e30", "=", " ", "A", "\n"]).prop_map(Envelope::Append),
        1 => (0..3_usize).prop_map(Envelope::Pad),
        1 => (0..3_usize).prop_map(Envelope::LooseBits),
        1 => Just(Envelope::Forge),
    ]
}

fn header_values() -> Members {
    let algorithms = [
        "none", "None", "", "HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA",
        "Ed25519", "ES256K",
    ];
    let algorithms = algorithms.into_iter().map(|name| ("alg", json!(name).to_string()));
    let others = [
        ("alg", "7"),
        ("alg", "null"),
        ("kid", r#""other""#),
        ("kid", r#""""#),
        ("kid", "null"),
        ("kid", "7"),
        ("typ", r#""JWT""#),
        ("typ", r#""jwt""#),
        ("typ", r#""at+jwt""#),
        ("typ", r#""application/at+jwt""#),
        ("typ", r#""application/JWT""#),
        ("typ", r#""id+jwt""#),
        ("typ", r#""dpop+jwt""#),
        ("typ", r#""JOSE""#),
        ("typ", r#""""#),
        ("typ", "null"),
        ("typ", "7"),
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("crit", "null"),
        ("b64", "false"),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("jku", r#""https://evil.example""#),
        ("jku", "7"),
        ("jwk", r#"{"kty":"oct","k":"AAAA"}"#),
        ("jwk", "[]"),
        ("x5c", r#"["AAAA"]"#),
        ("x5c", "{}"),
        ("x5u", r#""https://evil.example""#),
        ("cty", r#""JWT""#),
        ("cty", "[7]"),
        ("nonce", r#""n""#),
        ("unknown", r#"{"a":[1,null]}"#),
        ("unknown", TWINS),
    ];
    algorithms.chain(others.map(|(name, value)| (name, value.to_owned()))).collect()
}

fn claim_values() -> Members {
    let times = ["exp", "nbf", "iat"].into_iter().flat_map(|name| {
        let at = |offset: i64| (*NOW + offset).to_string();
        let around = [-3600, -600, -31, -30, -29, -1, 0, 1, 29, 30, 31, 600, 3600].map(at);
        let odd = [
            "null",
            "0",
            "-1",
            "-0.5",
            "1e9",
            "4e9",
            "1e300",
            "1e999",
            "18446744073709551616",
            "true",
            "[1]",
        ];
        let odd = odd.into_iter().map(str::to_owned);
        let text = [json!(at(600)).to_string(), format!("{}.5", at(600)), format!("{}.5", at(-600))];
        around.into_iter().chain(odd).chain(text).map(move |value| (name, value))
    });
    let others = [
        ("iss", json!(ISSUER)),
        ("iss", json!("https://id.example/")),
        ("iss", json!("HTTPS://id.example")),
        ("iss", json!([ISSUER])),
        ("iss", json!(null)),
        ("iss", json!(7)),
        ("aud", json!(AUDIENCE)),
        ("aud", json!("Grades")),
        ("aud", json!("grades ")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("aud", json!(["other", AUDIENCE])),
        ("aud", json!([AUDIENCE, 7])),
        ("aud", json!({"grades": true})),
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("sub", json!(["ann"])),
        ("jti", json!("id")),
        ("jti", json!(7)),
        ("nonce", json!(7)),
        ("client_id", json!("client")),
        ("client_id", json!(7)),
        ("azp", json!(null)),
        ("cnf", json!({"jkt": "x"})),
        ("typ", json!("Bearer")),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("token_use", json!("id")),
        ("events", json!({})),
        ("at_hash", json!("x")),
        ("scope", json!("a b")),
        ("scope", json!(7)),
        ("roles", json!(["admin", 7])),
        ("unknown", json!({"exp": [{"a": null}]})),
    ];
    let others = others.into_iter().map(|(name, value)| (name, value.to_string()));
    times.chain(others).chain([("unknown", TWINS.to_owned())]).collect()
}

/// A value in which a name is there twice.
pub(crate) const TWINS: &str = r#"{"a":1,"\u0061":2}"#;
