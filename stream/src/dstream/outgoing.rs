//! What the partitions of an operator send to its lanes: how much that is likely to be, and memory for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Part;

/// What the partitions of an operator sent in the last batch.
#[derive(Debug)]
pub(crate) struct Outgoing<T> {
    expected: AtomicUsize,
    /// The memory of records that lanes have taken in. Given back to the system with each batch and asked for again with
    /// the next, it would be page after page that is found and filled with zeros.
    spares: Mutex<Vec<Vec<T>>>,
}

impl<T> Default for Outgoing<T> {
    fn default() -> Self {
        Self { expected: AtomicUsize::new(0), spares: Mutex::default() }
    }
}

impl<T> Outgoing<T> {
    fn spares(&self) -> MutexGuard<'_, Vec<Vec<T>>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records or groups a partition is likely to have: what the fullest of the last batch had.
    pub(crate) fn expected(&self) -> usize {
        self.expected.load(Ordering::Relaxed)
    }

    /// Room for the records of a partition, by lane.
    pub(crate) fn room(&self, lanes: usize) -> Vec<Vec<T>> {
        let expected = self.expected();
        let wanted = expected / lanes + expected / (4 * lanes);
        let mut spares = self.spares();
        // What a batch needed that was far larger is let go.
        let spare = |spares: &mut Vec<Vec<T>>| spares.pop().filter(|spare| spare.capacity() / 4 <= wanted);
        (0..lanes).map(|_| spare(&mut spares).unwrap_or_else(|| Vec::with_capacity(wanted))).collect()
    }

    /// Takes note of what all partitions have sent. Room that none of them needed is let go.
    pub(crate) fn note<K, S>(&self, parts: &[Vec<Part<T, K, S>>]) {
        let most = parts.iter().map(|parts| parts.iter().map(Part::len).sum()).max();
        self.expected.store(most.unwrap_or(0), Ordering::Relaxed);
        self.spares().clear();
    }

    /// Keeps the memory of records that a lane has taken in, for the next batch.
    pub(crate) fn recycle(&self, mut records: Vec<T>) {
        records.clear();
        self.spares().push(records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outgoing: &Outgoing<u64>, records: usize) -> Vec<Vec<Part<u64, u32, u64>>> {
        let mut room = outgoing.room(2);
        room.iter_mut().for_each(|room| room.extend(0..records as u64 / 2));
        vec![room.into_iter().map(Part::Records).collect()]
    }

    fn taken_in(outgoing: &Outgoing<u64>, parts: Vec<Vec<Part<u64, u32, u64>>>) {
        outgoing.note(&parts);
        for part in parts.into_iter().flatten() {
            if let Part::Records(records) = part {
                outgoing.recycle(records);
            }
        }
    }

    #[test]
    fn memory_is_used_again_and_that_of_a_far_larger_batch_let_go() {
        let outgoing = Outgoing::default();
        taken_in(&outgoing, sent(&outgoing, 1_000));
        assert_eq!(outgoing.expected(), 1_000);
        let place = outgoing.spares().last().map(|spare| spare.as_ptr());
        let room = outgoing.room(2);
        assert_eq!(Some(room[0].as_ptr()), place);
        assert!(outgoing.spares().is_empty() && room.iter().all(|room| room.is_empty() && room.capacity() >= 500));
        taken_in(&outgoing, sent(&outgoing, 100));
        taken_in(&outgoing, sent(&outgoing, 100));
        assert!(outgoing.spares().iter().all(|spare| spare.capacity() < 500), "as many as 100 records need");
        let parts = sent(&outgoing, 100);
        outgoing.recycle(Vec::with_capacity(10));
        outgoing.note(&parts);
        assert!(outgoing.spares().is_empty(), "nobody needed it");
    }
}
