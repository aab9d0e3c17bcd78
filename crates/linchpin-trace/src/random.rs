//! Ids that nobody repeats by accident: no system call for each, no lock, no secret.

use std::{
    cell::RefCell,
    hash::{BuildHasher, RandomState},
};

use linchpin_core::{RequestId, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// A fresh request id: a UUID of version 7 (RFC 9562 §5.7) of the time `now`.
///
/// It sorts by the millisecond. Ids of the same millisecond are in no order.
///
/// # Security
///
/// The bits that are not time are unique rather than unpredictable: an id correlates, and opens nothing.
pub fn mint_request_id(now: Timestamp) -> RequestId {
    let millis = u64::try_from(now.as_unix_micros() / 1000).unwrap_or(0);
    let mut uuid = [0; 16];
    uuid[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    fill(&mut uuid[6..]);
    uuid[6] = (uuid[6] & 0x0f) | 0x70; // the version
    uuid[8] = (uuid[8] & 0x3f) | 0x80; // the variant

    let mut text = *b"........-....-....-....-............";
    let groups = [(0..8, 0..4), (9..13, 4..6), (14..18, 6..8), (19..23, 8..10), (24..36, 10..16)];
    for (digits, bytes) in groups {
        write_hex(&mut text[digits], &uuid[bytes]);
    }
    let text = std::str::from_utf8(&text).expect("digits and dashes are ASCII");
    text.parse().expect("hexadecimal digits and dashes make an id")
}

/// Random bytes of which at least one is not zero, as the ids of W3C Trace Context ask.
pub(crate) fn non_zero<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    while bytes == [0; N] {
        fill(&mut bytes);
    }
    bytes
}

/// Writes two digits for each byte.
///
/// The formatter of the standard library takes several times as long, and each call and each request has dozens.
pub(crate) fn write_hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0f)]]);
    }
}

fn fill(bytes: &mut [u8]) {
    GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(bytes));
}

/// 256 bits from the keys that the standard library draws from the operating system, once per thread.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for (i, part) in seed.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(i).to_ne_bytes());
    }
    seed
}

thread_local! {
    static GENERATOR: RefCell<SmallRng> = RefCell::new(SmallRng::from_seed(seed()));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_minted_id_is_a_uuid_of_version_7_and_tells_its_time() {
        let id = mint_request_id(Timestamp::from_unix_micros(0x0199_f3a0_7c1e * 1000 + 999));

        let text = id.as_str();
        assert_eq!((text.len(), &text[..15]), (36, "0199f3a0-7c1e-7"), "{text}");
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
        assert_eq!(text.bytes().filter(|byte| *byte == b'-').count(), 4);
    }

    #[test]
    fn time_before_the_epoch_reads_as_the_epoch() {
        assert!(mint_request_id(Timestamp::from_unix_seconds(-5)).as_str().starts_with("00000000-0000-7"));
    }

    #[test]
    fn threads_do_not_mint_the_same_ids() {
        let mint = || (0..1000).map(|_| mint_request_id(Timestamp::UNIX_EPOCH)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(mint)).collect();

        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();

        assert_eq!(ids.len(), 4000);
    }
}
