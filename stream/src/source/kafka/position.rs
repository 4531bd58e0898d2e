//! How far the partitions of topics were read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How far a [`Kafka`](super::Kafka) source has come: the offset of the next record of every partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaPosition {
    /// Whether the partitions that were there at the start are in here: others are new, and read from their beginning.
    pub(super) begun: bool,
    /// The time of the last batch that had records.
    pub(super) last: Option<Time>,
    topics: BTreeMap<Arc<str>, BTreeMap<i32, Reached>>,
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reached {
    /// Where reading began, or where it went on after a gap.
    pub(super) start: i64,
    /// The offset of the next record.
    pub(super) next: i64,
}

impl Reached {
    pub(super) fn at(offset: i64) -> Self {
        Self { start: offset, next: offset }
    }
}

/// A partition of a topic.
pub(super) type Name = (Arc<str>, i32);

impl KafkaPosition {
    /// The topics and partitions in their order, each with the offset of its next record.
    pub fn offsets(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.iter().map(|(topic, partition, reached)| (&**topic, partition, reached.next))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, Reached)> {
        let partitions = self.topics.iter().flat_map(|(topic, partitions)| partitions.iter().map(move |p| (topic, p)));
        partitions.map(|(topic, (partition, reached))| (topic, *partition, *reached))
    }

    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<Reached> {
        self.topics.get(topic)?.get(&partition).copied()
    }

    pub(super) fn set(&mut self, (topic, partition): Name, reached: Reached) {
        self.topics.entry(topic).or_default().insert(partition, reached);
    }

    pub(super) fn forget(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.remove(&partition);
        }
        self.topics.retain(|_, partitions| !partitions.is_empty());
    }

    /// What lies between an earlier position and this one: for each partition with anything, from where to where.
    pub(super) fn ranges_after(&self, from: &Self) -> Vec<Range> {
        let range = |(topic, partition, to): (&Arc<str>, i32, Reached)| {
            let begin = match from.get(topic, partition) {
                Some(from) if from.start == to.start && from.next <= to.next => from.next,
                // New, or beyond a gap.
                _ => to.start,
            };
            Range { topic: topic.clone(), partition, from: begin, to: to.next }
        };
        self.iter().map(range).filter(|range| range.from < range.to).collect()
    }
}

/// Some of the records of a partition: those of these offsets, the last left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) from: i64,
    pub(super) to: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(partitions: &[(&str, i32, i64, i64)]) -> KafkaPosition {
        let mut position = KafkaPosition { begun: true, ..KafkaPosition::default() };
        for (topic, partition, start, next) in partitions {
            position.set(((*topic).into(), *partition), Reached { start: *start, next: *next });
        }
        position
    }

    #[test]
    fn ranges_are_what_lies_between_two_positions() {
        let from = position(&[("a", 0, 0, 5), ("a", 1, 0, 7), ("b", 0, 3, 3)]);
        let to = position(&[("b", 0, 3, 9), ("b", 1, 2, 4), ("a", 0, 0, 5), ("a", 1, 20, 20)]);
        let ranges: Vec<_> =
            to.ranges_after(&from).into_iter().map(|r| (r.topic.to_string(), r.partition, r.from, r.to)).collect();
        // In order; a gap and what is unchanged have no records.
        assert_eq!(ranges, [("b".to_owned(), 0, 3, 9), ("b".to_owned(), 1, 2, 4)]);
        // After a gap from its end on, also when it went back.
        let back = position(&[("a", 1, 20, 22)]);
        assert_eq!(back.ranges_after(&from)[0], Range { topic: "a".into(), partition: 1, from: 20, to: 22 });
        assert!(from.ranges_after(&from).is_empty());
        let mut without = from.clone();
        without.forget("b", 0);
        assert_eq!(without.offsets().collect::<Vec<_>>(), [("a", 0, 5), ("a", 1, 7)]);
    }
}
