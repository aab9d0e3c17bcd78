//! Signatures that are nearly those of the token.

use linchpin_core::Reason::BadSignature;
use linchpin_jwt::Algorithm::{self, *};

use super::token;
use crate::{
    Attack, Scene,
    text::{hex, parts, with_signature},
};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    let ecdsa = [(ES256, P256), (ES384, P384), (ES512, P521)];
    let ecdsa = ecdsa.into_iter().flat_map(|(algorithm, order)| ecdsa_attacks(scene, algorithm, order));
    let of_any = [RS256, PS256, ES256, ES384, ES512, EdDSA].into_iter();
    let of_any = of_any.flat_map(|algorithm| of_any_algorithm(scene, algorithm));
    ecdsa
        .chain([larger_by_the_order_r(scene), larger_by_the_order_s(scene)])
        .chain(ed25519(scene))
        .chain(of_any)
        .collect()
}

/// Numbers out of range, and other ways to write a signature of ECDSA.
fn ecdsa_attacks(scene: &Scene, algorithm: Algorithm, order: &str) -> Vec<Attack> {
    let order = &hex(order);
    let size = order.len();
    let (zero, one) = (&number(size, 0), &number(size, 1));
    let all_ones = &vec![0xff; size];
    let good = scene.token().algorithm(algorithm).sign();
    let good = good.as_str();
    let (r, s) = {
        let [.., signature] = parts(good);
        let mut r = crate::text::decode(signature);
        let s = r.split_off(size);
        (r, s)
    };
    let mirrored = [&r[..], &subtract(order, &s)].concat();
    let beyond = &add(order, one);
    let signatures: [(&str, Vec<u8>); 14] = [
        ("r and s are zero", [&zero[..], zero].concat()),
        ("r is zero", [zero, &s[..]].concat()),
        ("s is zero", [&r[..], zero].concat()),
        ("r and s are the order", [&order[..], order].concat()),
        ("r is the order", [order, &s[..]].concat()),
        ("s is the order", [&r[..], order].concat()),
        ("r is the order and one", [beyond, &s[..]].concat()),
        ("s is the order and one", [&r[..], beyond].concat()),
        ("r and s are one", [&one[..], one].concat()),
        ("r and s are all ones", [&all_ones[..], all_ones].concat()),
        ("r and s change places", [&s[..], &r].concat()),
        ("it is in DER", der(&r, &s)),
        ("it is in DER, and its s mirrored", der(&r, &subtract(order, &s))),
        ("r and s have a zero byte before them", [&[0], &r[..], &[0], &s].concat()),
    ];
    let attack = |(what, signature): (&str, Vec<u8>)| {
        // The twin is the other valid form of the signature, with n - s in the place of s: RFC 7518 does not forbid it.
        let twin = with_signature(good, |_| mirrored.clone());
        let bad = with_signature(good, |_| signature);
        token(format!("an {algorithm} signature of which {what}"), bad, BadSignature, twin)
    };
    signatures.map(attack).into()
}

/// P-521 leaves seven bits free, so that r + n fits: a verifier that reduces first accepts it.
fn larger_by_the_order_r(scene: &Scene) -> Attack {
    let good = scene.token().algorithm(ES512).sign();
    let larger = with_signature(&good, |signature| {
        [add(&signature[..66], &hex(P521)), signature[66..].to_vec()].concat()
    });
    token("an ES512 signature with the order added to r", larger, BadSignature, good)
}

fn larger_by_the_order_s(scene: &Scene) -> Attack {
    let good = scene.token().algorithm(ES512).sign();
    let larger = with_signature(&good, |signature| {
        [signature[..66].to_vec(), add(&signature[66..], &hex(P521))].concat()
    });
    token("an ES512 signature with the order added to s", larger, BadSignature, good)
}

fn ed25519(scene: &Scene) -> Vec<Attack> {
    let good = scene.token().algorithm(EdDSA).sign();
    let order = hex(ED25519);
    let with_s = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        with_signature(&good, |signature| {
            // S is little-endian.
            let s: Vec<_> = signature[32..].iter().rev().copied().collect();
            let s: Vec<_> = change(&s).into_iter().rev().collect();
            [&signature[..32], &s].concat()
        })
    };
    let neutral = [&[1][..], &[0; 31]].concat();
    let with_r = |r: Vec<u8>| with_signature(&good, |signature| [&r, &signature[32..]].concat());
    vec![
        token(
            "an EdDSA signature with the order added to S",
            with_s(&|s| add(s, &order)),
            BadSignature,
            good.clone(),
        ),
        token(
            "an EdDSA signature of which S is the order",
            with_s(&|_| order.clone()),
            BadSignature,
            good.clone(),
        ),
        token("an EdDSA signature of which S is zero", with_s(&|_| vec![0; 32]), BadSignature, good.clone()),
        token(
            "an EdDSA signature with the high bit of S",
            with_s(&|s| [&[s[0] | 0x80], &s[1..]].concat()),
            BadSignature,
            good.clone(),
        ),
        token(
            "an EdDSA signature of which R is the neutral point",
            with_r(neutral),
            BadSignature,
            good.clone(),
        ),
        token(
            "an EdDSA signature of which R is no point",
            with_r(vec![0xff; 32]),
            BadSignature,
            good.clone(),
        ),
    ]
}

/// What is wrong with a signature whatever it is made with.
fn of_any_algorithm(scene: &Scene, algorithm: Algorithm) -> Vec<Attack> {
    let good = scene.token().algorithm(algorithm).sign();
    let another = scene.token().algorithm(algorithm).claim("sub", "ben").sign();
    let with = |change: fn(Vec<u8>) -> Vec<u8>| with_signature(&good, change);
    let mixed = {
        let ([header, payload, _], [.., signature]) = (parts(&good), parts(&another));
        format!("{header}.{payload}.{signature}")
    };
    let forged = scene.token().algorithm(algorithm).tampered(|claims| claims["sub"] = "root".into()).sign();
    let attacks = [
        ("without its last byte", with(|s| s[..s.len() - 1].to_vec())),
        ("without its first byte", with(|s| s[1..].to_vec())),
        ("cut in half", with(|s| s[..s.len() / 2].to_vec())),
        ("with a zero byte after it", with(|s| [&s[..], &[0]].concat())),
        ("with a zero byte before it", with(|s| [&[0], &s[..]].concat())),
        ("twice", with(|s| s.repeat(2))),
        ("backwards", with(|s| s.into_iter().rev().collect())),
        ("all of zeros", with(|s| vec![0; s.len()])),
        ("all of ones", with(|s| vec![0xff; s.len()])),
        (
            "with its last bit changed",
            with(|mut s| {
                let last = s.len() - 1;
                s[last] ^= 1;
                s
            }),
        ),
        ("of another token", mixed),
        ("of the token before its claims were changed", forged),
    ];
    attacks
        .map(|(what, bad)| {
            token(format!("the {algorithm} signature {what}"), bad, BadSignature, good.clone())
        })
        .into()
}

/// Big-endian, as the numbers of ECDSA are written.
fn number(size: usize, value: u8) -> Vec<u8> {
    let mut number = vec![0; size];
    number[size - 1] = value;
    number
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<_> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            sum.to_be_bytes()[1]
        })
        .collect();
    assert_eq!(carry, 0, "the sum fits");
    sum.reverse();
    sum
}

fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<_> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let difference = 256 + u16::from(*a) - u16::from(*b) - borrow;
            borrow = 1 - (difference >> 8);
            difference.to_be_bytes()[1]
        })
        .collect();
    assert_eq!(borrow, 0, "the difference is not negative");
    difference.reverse();
    difference
}

/// An `ECDSA-Sig-Value` of two INTEGERs, as most libraries write it outside JOSE.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| match u8::try_from(bytes.len()).unwrap_or(u8::MAX) {
        short @ ..0x80 => vec![short],
        long => vec![0x81, long],
    };
    let tagged = |tag: u8, bytes: &[u8]| [&[tag][..], &length(bytes), bytes].concat();
    let integer = |number: &[u8]| {
        let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign = if digits.first().is_some_and(|first| *first >= 0x80) { &[0][..] } else { &[] };
        tagged(2, &[sign, digits].concat())
    };
    tagged(0x30, &[integer(r), integer(s)].concat())
}

/// The orders of the curves.
const P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P384: &str = concat!(
    "ffffffffffffffffffffffffffffffffffffffffffffffff",
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
);
const P521: &str = concat!(
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
    "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
);
const ED25519: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
