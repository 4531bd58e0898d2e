//! Keys and their values, each in a slot that stays where it is.

use hashbrown::HashTable;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use streamgauge_sketches::{Key, OwnedKey};

/// Any constants but those of ahash itself, which it takes away from them.
const HASHER: ahash::RandomState = ahash::RandomState::with_seeds(
    0x2127_599b_f432_5c37,
    0x8803_55f2_1e6d_1965,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
);

/// A hash table whose entries have numbers that do not change: what is known of a key elsewhere refers to its slot, and
/// costs no look-up.
///
/// Slots that became free are used again, the last one first: the order of the slots depends on what happened alone.
#[derive(Clone, Debug)]
pub(crate) struct Slots<K, V> {
    index: HashTable<u32>,
    entries: Vec<Option<(K, V)>>,
    free: Vec<u32>,
}

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Self { index: HashTable::new(), entries: Vec::new(), free: Vec::new() }
    }
}

/// The hash of the key in a slot of the index, which is never a free one.
fn hash_at<K: OwnedKey, V>(entries: &[Option<(K, V)>], slot: u32) -> u64 {
    entries[slot as usize].as_ref().map_or(0, |(key, _)| HASHER.hash_one(key))
}

impl<K: OwnedKey, V> Slots<K, V> {
    /// The slot of a key; one with this value if it had none.
    #[inline]
    pub(crate) fn slot_or_insert<Q>(&mut self, key: &Q, value: impl FnOnce() -> V) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let hash = HASHER.hash_one(key);
        let entries = &self.entries;
        let found =
            self.index.find(hash, |&slot| entries[slot as usize].as_ref().is_some_and(|(owned, _)| key.is(owned)));
        match found {
            Some(slot) => *slot,
            None => self.insert(hash, (key.to_owned_key(), value())),
        }
    }

    fn insert(&mut self, hash: u64, entry: (K, V)) -> u32 {
        let Self { index, entries, free } = self;
        let slot = match free.pop() {
            Some(slot) => {
                entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                if entries.len() == entries.capacity() {
                    // By a quarter: twice as much would be half empty on average, and there may be millions.
                    entries.reserve_exact((entries.len() / 4).max(16));
                }
                entries.push(Some(entry));
                (entries.len() - 1) as u32
            }
        };
        index.insert_unique(hash, slot, |&slot| hash_at(entries, slot));
        slot
    }

    /// The slot of a key, if it has one.
    #[inline]
    pub(crate) fn slot<Q>(&self, key: &Q) -> Option<u32>
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let is = |&slot: &u32| self.entries[slot as usize].as_ref().is_some_and(|(owned, _)| key.is(owned));
        self.index.find(HASHER.hash_one(key), is).copied()
    }

    /// The key and the value in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&(K, V)> {
        self.entries.get(slot as usize)?.as_ref()
    }

    /// The value in a slot.
    #[inline]
    pub(crate) fn value_mut(&mut self, slot: u32) -> Option<&mut V> {
        Some(&mut self.entries.get_mut(slot as usize)?.as_mut()?.1)
    }

    /// The key and the value in a slot, to change the value.
    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: u32) -> Option<(&K, &mut V)> {
        let (key, value) = self.entries.get_mut(slot as usize)?.as_mut()?;
        Some((key, value))
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<(K, V)> {
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        if let Ok(found) = self.index.find_entry(HASHER.hash_one(&entry.0), |&held| held == slot) {
            found.remove();
        }
        self.free.push(slot);
        Some(entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many slots there are, free ones among them.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// The keys and values by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter().flatten()
    }

    /// The slots, keys and values.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &K, &mut V)> {
        let slots = self.entries.iter_mut().enumerate();
        slots.filter_map(|(slot, entry)| entry.as_mut().map(|(key, value)| (slot as u32, &*key, value)))
    }

    /// The bytes held, without what keys and values hold on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.allocation_size()
            + self.entries.capacity() * size_of::<Option<(K, V)>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Slots<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.entries, &self.free).serialize(serializer)
    }
}

impl<'de, K: OwnedKey, V: Deserialize<'de>> Deserialize<'de> for Slots<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (entries, free): (Vec<Option<(K, V)>>, Vec<u32>) = Deserialize::deserialize(deserializer)?;
        let mut vacant: Vec<u32> = free.clone();
        vacant.sort_unstable();
        let vacancies = entries.iter().enumerate().filter(|(_, entry)| entry.is_none()).map(|(slot, _)| slot as u32);
        if !vacancies.eq(vacant) {
            return Err(D::Error::custom("the free slots are not those that are free"));
        }
        let mut slots = Self { index: HashTable::with_capacity(entries.len() - free.len()), entries, free };
        let Self { index, entries, .. } = &mut slots;
        for (slot, entry) in entries.iter().enumerate() {
            let Some((key, _)) = entry else { continue };
            let hash = HASHER.hash_one(key);
            let is = |&held: &u32| entries[held as usize].as_ref().is_some_and(|(other, _)| other == key);
            if index.find(hash, is).is_some() {
                return Err(D::Error::custom("a key is there twice"));
            }
            index.insert_unique(hash, slot as u32, |&slot| hash_at(entries, slot));
        }
        Ok(slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stay_and_are_used_again() {
        let mut slots = Slots::<u32, &str>::default();
        let a = slots.slot_or_insert(&1, || "a");
        let b = slots.slot_or_insert(&2, || "b");
        assert_eq!(slots.slot_or_insert(&1, || "other"), a);
        assert_eq!(slots.remove(a), Some((1, "a")));
        assert_eq!((slots.slot(&1), slots.slot(&2), slots.len()), (None, Some(b), 1));
        assert_eq!(slots.slot_or_insert(&3, || "c"), a);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [&(3, "c"), &(2, "b")]);
        assert_eq!(slots.remove(7), None);
    }

    #[test]
    fn what_is_stored_comes_back_and_damage_is_refused() {
        let mut slots = Slots::<u32, u64>::default();
        (0..100).for_each(|key| {
            slots.slot_or_insert(&key, || u64::from(key));
        });
        (0..100).step_by(3).for_each(|slot| {
            slots.remove(slot);
        });
        let bytes = postcard::to_allocvec(&slots).unwrap();
        let mut restored: Slots<u32, u64> = postcard::from_bytes(&bytes).unwrap();
        for key in 200..250 {
            assert_eq!(restored.slot_or_insert(&key, || 0), slots.slot_or_insert(&key, || 0));
        }
        let twice = postcard::to_allocvec(&(vec![Some((1_u32, 1_u64)), Some((1, 2))], Vec::<u32>::new())).unwrap();
        assert!(postcard::from_bytes::<Slots<u32, u64>>(&twice).is_err());
        let unknown = postcard::to_allocvec(&(vec![Some((1_u32, 1_u64))], vec![0_u32])).unwrap();
        assert!(postcard::from_bytes::<Slots<u32, u64>>(&unknown).is_err());
    }
}
