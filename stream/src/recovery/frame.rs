//! Records in a file that grows: each with its length and a checksum.

/// The length of the content, and the checksum of both.
const HEADER: usize = 8;

/// Longer than any record, and a length that a damaged header is not taken for.
const LONGEST: usize = 1 << 30;

/// Adds a record.
pub(super) fn push(content: &[u8], out: &mut Vec<u8>) {
    let length = (content.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, content).to_le_bytes());
    out.extend_from_slice(content);
}

/// The bytes that a record takes up with its content.
pub(super) fn size(content: &[u8]) -> usize {
    HEADER + content.len()
}

fn checksum(length: [u8; 4], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(content);
    hasher.finalize()
}

/// Where a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) at: usize,
}

/// The records of a file. The last one may have been cut off or torn when the writer was: then it is left out. But if
/// anything that is whole follows what is not, the file was damaged.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<&[u8]>, Damaged> {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((content, next)) = record_at(bytes, at) {
        records.push(content);
        at = next;
    }
    // A writer syncs each record before it begins the next: behind a torn one there is none.
    let torn = &bytes[at..];
    let follows = (1..torn.len()).any(|from| record_at(torn, from).is_some_and(|(content, _)| !content.is_empty()));
    if follows { Err(Damaged { at }) } else { Ok(records) }
}

/// The record at a place, and the place behind it.
fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*length) as usize;
    let content = rest.get(..size.min(LONGEST + 1))?;
    let whole = size <= LONGEST && checksum(*length, content) == u32::from_le_bytes(*expected);
    whole.then_some((content, at + HEADER + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        for content in [&b"first"[..], b"", b"the third", b"fourth"] {
            push(content, &mut bytes);
        }
        bytes
    }

    #[test]
    fn a_torn_tail_is_left_out_and_a_damaged_middle_is_told() {
        let whole = file();
        assert_eq!(read(&whole).unwrap(), [&b"first"[..], b"", b"the third", b"fourth"]);
        let starts = [0, 13, 21, 38];
        for cut in 0..whole.len() {
            let left = starts.iter().filter(|start| **start + HEADER <= cut).count();
            let found = read(&whole[..cut]).unwrap().len();
            assert!(found == left || found + 1 == left, "cut at {cut}: {found} records");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            match read(&damaged) {
                // The last one cannot be told from one that was torn.
                Ok(records) => assert!(at >= starts[3] && records.len() == 3, "byte {at}"),
                Err(Damaged { at: found }) => assert!(found <= at && at < starts[3], "byte {at}, found {found}"),
            }
        }
    }
}
