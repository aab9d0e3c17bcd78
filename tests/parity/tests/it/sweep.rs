//! Any bytes in `Authorization`: a seeded sweep over what no table lists.

use linchpin_core::Reason;
use parity::{Expected, Request};

use crate::{PARITY, ask, assert_none};

#[test]
fn any_bytes_in_the_credential_are_refused_alike() {
    let mut random = Random(SEED);
    let mut reasons = Vec::new();
    let mut differences = Vec::new();

    for round in 0..ROUNDS {
        let path = random.one_of(&["/caller", "/optional", "/slow", "/slow-keys-down", "/keys-down"]);
        let request = (0..random.one_of(&[1, 1, 1, 1, 1, 1, 1, 2]))
            .fold(Request::get(path), |request, _| request.authorization(credential(&mut random)));

        // The first server says what the refusal is; its reason then fixes every byte, for all three.
        let [first, ..] = &PARITY.servers;
        let name = format!("round {round} of the sweep");
        let answer = ask(first, &name, &request);
        let Some(reason) = reason_of(&answer.body) else {
            panic!("{name}: not a refusal: {request}: {answer:?}")
        };
        let expected = Expected::refused(reason).answer();
        differences.extend(crate::differences(&name, &request, &expected));
        reasons.push(reason);
    }

    assert_none(differences);
    assert!(reasons.iter().all(|reason| matches!(reason.status(), 400 | 401 | 503)), "{reasons:?}");
    // A sweep that only ever scratches the surface would prove little.
    for reached in REACHED {
        assert!(reasons.contains(reached), "the sweep never reaches {reached}");
    }
}

/// A field value that is no good credential, made of bytes that HTTP servers let through.
fn credential(random: &mut Random) -> Vec<u8> {
    let good = PARITY.good.as_bytes();
    match random.below(5) {
        0 => random.bytes(ANY),
        1 => [random.one_of(PREFIXES).as_bytes(), &random.bytes(ANY)].concat(),
        2 => [b"Bearer ", &*random.bytes(TOKEN)].concat(),
        // A good token with one byte changed, which cannot be good: each is in the signature or under it.
        3 => {
            let mut token = good.to_vec();
            let at = random.below(token.len());
            let others: Vec<u8> = TOKEN.iter().copied().filter(|byte| *byte != token[at]).collect();
            token[at] = random.one_of(&others);
            [b"Bearer ", &*token].concat()
        }
        // A good token with one byte more within it; around it, white space would change nothing.
        _ => {
            let mut token = good.to_vec();
            token.insert(1 + random.below(token.len() - 1), random.one_of(ANY));
            [b"Bearer ", &*token].concat()
        }
    }
}

fn reason_of(body: &str) -> Option<Reason> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let code = body.get("reason")?.as_str()?;
    Reason::ALL.iter().copied().find(|reason| reason.code() == code)
}

/// SplitMix64: enough to get about, and the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn bytes(&mut self, alphabet: &[u8]) -> Vec<u8> {
        (0..self.below(200)).map(|_| self.one_of(alphabet)).collect()
    }
}

/// Every byte that may stand in a field value (RFC 9110 §5.5).
const ANY: &[u8] = &{
    let mut bytes = [b'\t'; 224];
    let mut i = 1;
    while i < bytes.len() {
        // 0x20 to 0x7e, then 0x80 to 0xff
        bytes[i] = if i <= 95 { 0x1f + i as u8 } else { (0x20 + i) as u8 };
        i += 1;
    }
    bytes
};
/// The bytes of tokens, dots among them often enough that some have three parts.
const TOKEN: &[u8] = b"..........ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~+/";
const PREFIXES: &[&str] = &["Bearer ", "bearer  ", "Bearer", "Bearer\t", "JWT ", "Basic ", " "];

const SEED: u64 = 0x6c69_6e63_6870_696e;
const ROUNDS: usize = 400;
const REACHED: &[Reason] = &[
    Reason::RepeatedCredential,
    Reason::MalformedCredential,
    Reason::UnsupportedScheme,
    Reason::MalformedToken,
    Reason::MalformedHeader,
    Reason::BadSignature,
    Reason::KeysUnavailable,
];
