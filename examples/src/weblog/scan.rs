//! Finding bytes eight at a time.
//!
//! A log line's fields are some tens of bytes long: too short for a vector search to pay for its set-up, too long
//! for a loop over single bytes.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte of `word` that is zero. A bit above a zero byte may be set wrongly, but never one
/// below the lowest.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

/// The position at or after `from` of the first `needle`.
#[inline]
pub(super) fn find(hay: &[u8], from: usize, needle: u8) -> Option<usize> {
    let needles = LOW * u64::from(needle);
    search(hay, from, |word| zeros(word ^ needles), |byte| byte == needle)
}

/// The position at or after `from` of the first byte that is `a` or `b`.
#[inline]
pub(super) fn find_either(hay: &[u8], from: usize, a: u8, b: u8) -> Option<usize> {
    let (all_a, all_b) = (LOW * u64::from(a), LOW * u64::from(b));
    search(hay, from, |word| zeros(word ^ all_a) | zeros(word ^ all_b), |byte| byte == a || byte == b)
}

#[inline]
fn search(hay: &[u8], from: usize, hits: impl Fn(u64) -> u64, hit: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = from;
    let (words, rest) = hay.get(from..)?.as_chunks::<8>();
    for word in words {
        let hits = hits(u64::from_le_bytes(*word));
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    rest.iter().position(|&byte| hit(byte)).map(|offset| at + offset)
}

/// The position at or after `from` of the first byte that is not a space: the length if there is none.
#[inline]
pub(super) fn skip_spaces(hay: &[u8], from: usize) -> usize {
    let mut at = from;
    while hay.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_search() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let length = (state >> 59) as usize;
            // Few values, neighbours of the needles among them, for that is where the trick with the borrow could
            // fail.
            let hay: Vec<u8> = (0..length)
                .map(|i| [b'"', b'#', b'!', b'\\', b']', 0, 0x80, 0xff][(state >> (i % 20)) as usize % 8])
                .collect();
            for from in 0..=length + 1 {
                let plain = |hit: fn(u8) -> bool| {
                    hay.iter().enumerate().skip(from).find(|(_, byte)| hit(**byte)).map(|(at, _)| at)
                };
                assert_eq!(find(&hay, from, b'"'), plain(|byte| byte == b'"'));
                assert_eq!(find_either(&hay, from, b'"', b'\\'), plain(|byte| byte == b'"' || byte == b'\\'));
            }
        }
    }

    #[test]
    fn spaces_end() {
        assert_eq!(skip_spaces(b"a  b", 1), 3);
        assert_eq!(skip_spaces(b"a  ", 1), 3);
        assert_eq!(skip_spaces(b"a", 9), 9);
    }
}
