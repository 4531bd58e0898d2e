//! What has arrived of a partition and was not taken yet.

use std::collections::VecDeque;

use super::KafkaRecord;
use super::client::Lost;

/// The buffer of a partition: records in order, from the offset on at which the next batch begins.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The next record that a batch takes is this one, or the first one after it.
    pub(super) base: i64,
    /// The next record to arrive is this one or a later one.
    pub(super) next: i64,
    records: VecDeque<KafkaRecord>,
    bytes: usize,
    /// The end of the partition was reached by fetching.
    pub(super) at_end: bool,
    /// Something is missing; it is looked at before it is told.
    pub(super) suspect: bool,
    pub(super) lost: Option<Lost>,
    /// Where the brokers say that it ends.
    pub(super) end: i64,
}

/// What a batch takes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// How many records.
    pub(super) records: u64,
    /// The position after them.
    pub(super) next: i64,
    /// Whether there is more behind them.
    pub(super) more: bool,
}

impl Part {
    pub(super) fn at(offset: i64) -> Self {
        Self { base: offset, next: offset, ..Self::default() }
    }

    /// Takes records in. Those from before a jump are left out.
    pub(super) fn push(&mut self, records: impl IntoIterator<Item = KafkaRecord>) {
        for record in records {
            if record.offset >= self.next {
                self.next = record.offset + 1;
                self.bytes += record.size();
                self.at_end = false;
                self.records.push_back(record);
            }
        }
    }

    /// Whether there is as much as a batch of so many bytes takes, and one record more: so it is known that there is more.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        let last = self.records.back().map_or(0, KafkaRecord::size);
        self.bytes - last >= bytes
    }

    /// Whether what a batch takes does not depend on what arrives later.
    pub(super) fn is_settled(&self, most: u64, bytes: usize) -> bool {
        self.at_end || self.lost.is_some() || self.records.len() as u64 > most || self.is_full(bytes)
    }

    /// What a batch takes: no more than so many records, and no more than it needs to have so many bytes.
    pub(super) fn cut(&self, most: u64, bytes: usize) -> Cut {
        let (mut records, mut taken, mut next) = (0, 0, self.base);
        for record in self.records.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            if taken >= bytes {
                break;
            }
            taken += record.size();
            next = record.offset + 1;
            records += 1;
        }
        Cut { records, next, more: records < self.records.len() as u64 || !self.at_end }
    }

    /// The records from here to there, if they are at the front; they are not there any more afterwards.
    pub(super) fn take(&mut self, from: i64, to: i64) -> Option<Vec<KafkaRecord>> {
        if self.base != from || self.next < to {
            return None;
        }
        let count = self.records.partition_point(|record| record.offset < to);
        let taken: Vec<_> = self.records.drain(..count).collect();
        self.bytes -= taken.iter().map(KafkaRecord::size).sum::<usize>();
        self.base = to;
        Some(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records wait, as far as is known.
    pub(super) fn lag(&self) -> u64 {
        (self.records.len() as u64).max(u64::try_from(self.end.saturating_sub(self.base)).unwrap_or_default())
    }

    /// How many offsets are behind this one; none if nobody has told where the partition ends.
    pub(super) fn behind(&self, next: i64) -> Option<u64> {
        let end = if self.at_end { self.end.max(self.next) } else { self.end };
        (self.at_end || self.end > 0).then(|| u64::try_from(end.saturating_sub(next)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64) -> KafkaRecord {
        KafkaRecord::new("t", 0, offset, 0, None, Some(&[0; 10]), [])
    }

    fn offsets(records: Option<Vec<KafkaRecord>>) -> Option<Vec<i64>> {
        records.map(|records| records.iter().map(|record| record.offset).collect())
    }

    #[test]
    fn a_cut_has_no_more_than_was_asked_for_and_knows_whether_there_is_more() {
        let mut part = Part::at(5);
        assert_eq!(part.cut(9, 1_000), Cut { records: 0, next: 5, more: true }, "nobody knows yet");
        part.push([record(5), record(6), record(9)]);
        let size = record(0).size();
        assert_eq!(part.cut(2, usize::MAX), Cut { records: 2, next: 7, more: true });
        assert_eq!(part.cut(9, size + 1), Cut { records: 2, next: 7, more: true });
        assert_eq!(part.cut(9, usize::MAX), Cut { records: 3, next: 10, more: true });
        assert_eq!(part.cut(u64::MAX, 0).records, 0);
        part.at_end = true;
        assert_eq!(part.cut(3, usize::MAX), Cut { records: 3, next: 10, more: false });
        assert_eq!(part.cut(2, usize::MAX), Cut { records: 2, next: 7, more: true });
        assert_eq!((part.lag(), part.behind(5)), (3, None));
        part.end = 100;
        assert_eq!((part.lag(), part.behind(7)), (95, Some(93)));
    }

    #[test]
    fn a_batch_is_settled_when_what_comes_cannot_change_it() {
        let mut part = Part::at(0);
        let size = record(0).size();
        assert!(!part.is_settled(2, 10 * size));
        part.push((0..2).map(record));
        assert!(!part.is_settled(2, 10 * size), "it is not known whether there is more");
        assert!(part.is_settled(1, 10 * size) && part.is_settled(9, size));
        part.push([record(2)]);
        assert!(part.is_settled(2, 10 * size) && !part.is_settled(3, 10 * size));
        part.at_end = true;
        assert!(part.is_settled(3, 10 * size));
        part.push([record(3)]);
        assert!(!part.at_end && !part.is_settled(5, 10 * size));
        part.lost = Some(Lost::Gone);
        assert!(part.is_settled(5, 10 * size));
    }

    #[test]
    fn what_is_taken_is_exactly_the_range() {
        let mut part = Part::at(3);
        part.push([record(3), record(4), record(8), record(9)]);
        assert_eq!(part.take(4, 5), None, "not at the front");
        assert_eq!(part.take(3, 11), None, "not all there");
        assert_eq!(offsets(part.take(3, 6)), Some(vec![3, 4]));
        part.push([record(7), record(9), record(10)]);
        assert_eq!(offsets(part.take(6, 11)), Some(vec![8, 9, 10]), "what came again is left out");
        assert!(part.is_empty() && part.bytes == 0);
    }
}
