//! Records in a file that grows: each with its length and a checksum.

/// The length of the content, its checksum, and that of the content. The length has one of its own, so that among the
/// bytes behind a torn record hardly any place looks like a header.
const HEADER: usize = 12;

/// The longest content, and a length that a damaged header is not taken for.
pub(super) const LONGEST: usize = 1 << 30;

/// Adds a record, of [`LONGEST`] bytes at most.
pub(super) fn push(content: &[u8], out: &mut Vec<u8>) {
    let length = (content.len() as u32).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc32fast::hash(&length).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    out.extend_from_slice(content);
}

/// The bytes that a record takes up with its content.
pub(super) fn size(content: &[u8]) -> usize {
    HEADER + content.len()
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
    let (of_length, rest) = rest.split_first_chunk::<4>()?;
    let (of_content, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*length) as usize;
    if size > LONGEST || crc32fast::hash(length) != u32::from_le_bytes(*of_length) {
        return None;
    }
    let content = rest.get(..size)?;
    let whole = crc32fast::hash(content) == u32::from_le_bytes(*of_content);
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
        let starts = [0, 17, 29, 50];
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
