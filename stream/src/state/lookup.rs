//! The slots of many records, looked up together.

use streamgauge_sketches::{Key as _, OwnedKey};

use super::Slots;
use crate::dstream::Grouping;

/// Records whose keys are looked up together: as many as a word has bits.
pub(crate) const TOGETHER: usize = 64;

/// The slots of at most [`TOGETHER`] records.
pub(crate) type Found = [u32; TOGETHER];

/// The bytes that come from memory at once.
const LINE: usize = 64;

/// What is in the cache most likely, if it was used a batch ago.
const SMALL: usize = 1 << 18;

/// Reads something of every line of memory that values lie on, if that is less than so many look-ups would read of it:
/// in order memory is read far faster, and what was read is in the cache.
fn warm<T>(values: &[T], look_ups: usize, read: impl Fn(&T) -> u32) {
    let bytes = size_of_val(values);
    if bytes > SMALL && bytes / LINE <= look_ups {
        let step = (LINE / size_of::<T>().max(1)).max(1);
        std::hint::black_box(values.iter().step_by(step).fold(0, |all, value| all ^ read(value)));
    }
}

impl<K: OwnedKey, V> Slots<K, V> {
    /// Gets ready for so many look-ups.
    pub(crate) fn warm(&self, look_ups: usize) {
        warm(self.index.places(), look_ups, |place| *place);
        warm(&self.entries, look_ups, |entry| u32::from(entry.is_held()));
    }

    /// The slots of the keys of records, each in one group, in `found`; one with a new value for a key that had none.
    /// No more records than [`TOGETHER`].
    ///
    /// Looked up one after the other, each key would wait for memory in turn, and the processor would guess wrong at
    /// the end of each search. So what stands at the places of all hashes is read first, and then the keys are compared:
    /// in each step the look-ups wait side by side. The few that stand elsewhere come last.
    #[inline]
    pub(crate) fn slots_of<T, G>(
        &mut self,
        grouping: &G,
        records: &[T],
        found: &mut Found,
        mut value: impl FnMut(&G::Borrowed) -> V,
    ) where
        G: Grouping<T, Key = K>,
    {
        let mut hashes = [0; TOGETHER];
        for ((slot, hash), record) in found.iter_mut().zip(&mut hashes).zip(records) {
            grouping.visit(record, |key: &G::Borrowed| {
                *hash = Self::hash(key);
                *slot = self.index.guess(*hash);
            });
        }
        let entries = &self.entries;
        let mut elsewhere = 0_u64;
        for (i, (slot, record)) in found.iter().zip(records).enumerate() {
            grouping.visit(record, |key: &G::Borrowed| {
                let is_there = entries.get(*slot as usize).is_some_and(|entry| key.is(entry.key()));
                elsewhere |= u64::from(!is_there) << i;
            });
        }
        while elsewhere != 0 {
            let i = elsewhere.trailing_zeros() as usize;
            elsewhere &= elsewhere - 1;
            grouping.visit(&records[i], |key: &G::Borrowed| {
                found[i] = self.search_or_insert(hashes[i], key, || value(key));
            });
        }
    }
}
