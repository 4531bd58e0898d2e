//! Keys and their values, each in a slot that stays where it is.

use std::hash::Hash;

use streamgauge_sketches::{Key, OwnedKey};

use super::changes::Changes;
use super::index::Index;
use crate::batch::exchange::key_hash;

/// A hash table whose entries have numbers that do not change: what is known of a key elsewhere refers to its slot, and
/// costs no look-up.
///
/// Slots that became free are used again, the last one first, and the first of all when none is held: the order of the
/// slots depends on what happened alone.
///
/// A key lies beside its value: whoever looks a key up has need of its value next.
#[derive(Clone, Debug)]
pub(crate) struct Slots<K, V> {
    pub(super) index: Index,
    /// By slot.
    pub(super) entries: Vec<Entry<K, V>>,
    free: Vec<u32>,
    /// Since the last checkpoint: which slots may have changed, and how many of the free ones have not.
    changes: Changes,
    free_kept: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Entry<K, V> {
    /// Of a free slot the last key that was there.
    key: K,
    /// None in a free slot.
    value: Option<V>,
}

impl<K, V> Entry<K, V> {
    #[inline]
    pub(super) fn key(&self) -> &K {
        &self.key
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.value.is_some()
    }

    #[inline]
    fn held(&self) -> Option<(&K, &V)> {
        Some((&self.key, self.value.as_ref()?))
    }
}

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            entries: Vec::new(),
            free: Vec::new(),
            changes: Changes::default(),
            free_kept: 0,
        }
    }
}

/// Makes room for one more, by a quarter: twice as much would be half empty on average, and there may be millions.
fn make_room<T>(slots: &mut Vec<T>) {
    if slots.len() == slots.capacity() {
        slots.reserve_exact((slots.len() / 4).max(16));
    }
}

/// The hashes of the keys that are held, and their slots.
fn hashes<K: OwnedKey, V>(entries: &[Entry<K, V>]) -> impl Iterator<Item = (u32, u32)> {
    let held = entries.iter().zip(0..).filter(|(entry, _)| entry.value.is_some());
    held.map(|(entry, slot)| (Slots::<K, V>::hash(&entry.key), slot))
}

impl<K: OwnedKey, V> Slots<K, V> {
    /// The hash by which a key is found.
    #[inline]
    pub(super) fn hash<Q: Hash + ?Sized>(key: &Q) -> u32 {
        (key_hash(key) >> 32) as u32
    }

    /// The slot of a key; one with this value if it had none.
    #[inline]
    pub(crate) fn slot_or_insert<Q>(&mut self, key: &Q, value: impl FnOnce() -> V) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.search_or_insert(Self::hash(key), key, value)
    }

    /// The slot of a key of this hash.
    pub(super) fn search_or_insert<Q>(&mut self, hash: u32, key: &Q, value: impl FnOnce() -> V) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let entries = &self.entries;
        match self.index.find(hash, |slot| key.is(&entries[slot as usize].key)) {
            Some(slot) => slot,
            None => self.insert(hash, key.to_owned_key(), value()),
        }
    }

    /// The slot of a key, if it has one.
    pub(crate) fn find<Q>(&self, key: &Q) -> Option<u32>
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.index.find(Self::hash(key), |slot| key.is(&self.entries[slot as usize].key))
    }

    #[cold]
    fn insert(&mut self, hash: u32, key: K, value: V) -> u32 {
        let Self { index, entries, free, changes, free_kept } = self;
        let entry = Entry { key, value: Some(value) };
        let slot = match free.pop() {
            Some(slot) => {
                *free_kept = free.len().min(*free_kept);
                entries[slot as usize] = entry;
                slot
            }
            None => {
                make_room(entries);
                entries.push(entry);
                (entries.len() - 1) as u32
            }
        };
        index.insert(hash, slot, hashes(&entries[..slot as usize]));
        changes.note_new(slot);
        slot
    }

    /// The key and the value in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<(&K, &V)> {
        self.entries.get(slot as usize)?.held()
    }

    /// Reads the ends of entries that will be asked for soon, so that they come from memory side by side: the beginnings
    /// were read when the keys were compared.
    #[inline]
    pub(crate) fn touch(&self, slots: &[u32]) {
        // The beginning of the next one is where this one ends: it may be on another line.
        let held = |slot: usize| self.entries.get(slot).is_some_and(|entry| entry.value.is_some());
        let touched = slots.iter().map(|slot| u32::from(held(*slot as usize)) + u32::from(held(*slot as usize + 1)));
        std::hint::black_box(touched.sum::<u32>());
    }

    /// The value in a slot.
    #[inline]
    pub(crate) fn value_mut(&mut self, slot: u32) -> Option<&mut V> {
        self.changes.note(slot);
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// Changes the values in slots, each with something of its own; leaves out slots that are free.
    #[inline]
    pub(crate) fn change_each<W, E>(
        &mut self,
        mut changes: impl Iterator<Item = (u32, W)>,
        mut change: impl FnMut(u32, &mut V, W) -> Result<(), E>,
    ) -> Result<(), E> {
        let (entries, mut noted) = (self.entries.as_mut_slice(), self.changes.noted());
        changes.try_for_each(|(slot, with)| {
            noted.add(slot);
            match entries.get_mut(slot as usize).and_then(|entry| entry.value.as_mut()) {
                Some(value) => change(slot, value, with),
                None => Ok(()),
            }
        })
    }

    /// The key and the value in a slot, to change the value.
    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: u32) -> Option<(&K, &mut V)> {
        self.changes.note(slot);
        let Entry { key, value } = self.entries.get_mut(slot as usize)?;
        Some((key, value.as_mut()?))
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<V> {
        let value = self.entries.get_mut(slot as usize)?.value.take()?;
        let hash_of = |slot: u32| Self::hash(&self.entries[slot as usize].key);
        self.index.remove(hash_of(slot), slot, hash_of);
        self.changes.note(slot);
        self.free.push(slot);
        if self.is_empty() {
            self.entries.clear();
            self.free.clear();
            self.free_kept = 0;
        }
        Some(value)
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().filter_map(Entry::held)
    }

    /// The slots and their values.
    pub(crate) fn iter_slots(&self) -> impl Iterator<Item = (u32, &V)> {
        (0..).zip(&self.entries).filter_map(|(slot, entry)| Some((slot, entry.value.as_ref()?)))
    }

    /// The values by slot. All of them count as changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.changes.forget();
        self.entries.iter_mut().filter_map(|entry| entry.value.as_mut())
    }

    /// The bytes held, without what keys and values hold on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + self.entries.capacity() * size_of::<Entry<K, V>>()
            + self.free.capacity() * size_of::<u32>()
            + self.changes.memory_bytes()
    }
}

/// What is stored.
impl<K, V> Slots<K, V> {
    pub(super) fn slots(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, slot: u32) -> Option<(&K, &V)> {
        self.entries.get(slot as usize)?.held()
    }

    pub(super) fn free(&self) -> &[u32] {
        &self.free
    }

    /// How many of the free slots are those of the last checkpoint, and the others.
    pub(super) fn new_free(&self) -> (usize, &[u32]) {
        let kept = self.free_kept.min(self.free.len());
        (kept, &self.free[kept..])
    }

    /// The slots that may have changed since the last checkpoint.
    pub(super) fn changed(&self) -> impl Iterator<Item = u32> {
        // When all were free, the last ones were given up.
        self.changes.slots().take_while(|slot| (*slot as usize) < self.entries.len())
    }

    /// Whether anything has changed since the last checkpoint; none if that is not known, or is so much that all may as
    /// well be stored.
    pub(crate) fn has_changed_little(&self) -> Option<bool> {
        let changed = self.changes.count()?;
        (changed == 0 || 2 * changed <= self.entries.len()).then_some(changed > 0)
    }

    /// Whether it is known what has changed since the last checkpoint.
    pub(crate) fn knows_changes(&self) -> bool {
        self.changes.count().is_some()
    }

    /// From here on what changes is noted.
    pub(crate) fn note_changes(&mut self) {
        self.changes.begin(self.entries.len());
        self.free_kept = self.free.len();
    }

    /// What has changed is not known any more: the next checkpoint has all.
    pub(crate) fn forget_changes(&mut self) {
        self.changes.forget();
    }

    /// The entries with their slots.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (u32, K, V)> {
        let entries = self.entries.into_iter().zip(0..);
        entries.filter_map(|(Entry { key, value }, slot)| Some((slot, key, value?)))
    }
}

impl<K: OwnedKey, V> Slots<K, V> {
    /// Slots with these entries, of which just those are none that are free.
    pub(super) fn of(entries: Vec<Option<(K, V)>>, free: Vec<u32>) -> Result<Self, &'static str> {
        let Some(any) = entries.iter().flatten().map(|(key, _)| key.clone()).next() else {
            return if entries.is_empty() { Ok(Self::default()) } else { Err("all slots are free") };
        };
        let mut slots = Self { free, ..Self::default() };
        slots.entries.reserve_exact(entries.len());
        for (entry, slot) in entries.into_iter().zip(0..) {
            let (key, value) = entry.unzip();
            // A free slot has a key too, which nobody asks for.
            slots.entries.push(Entry { key: key.unwrap_or_else(|| any.clone()), value });
            let Self { index, entries, .. } = &mut slots;
            let (before, [.., entry]) = entries.split_at(slot as usize) else { continue };
            let Some((key, _)) = entry.held() else { continue };
            let hash = Self::hash(key);
            if index.find(hash, |held| before[held as usize].key == *key).is_some() {
                return Err("a key is there twice");
            }
            index.insert(hash, slot, hashes(before));
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
        assert_eq!(slots.remove(a), Some("a"));
        assert_eq!((slots.get(a), slots.get(b), slots.len()), (None, Some((&2, &"b")), 1));
        assert_eq!(slots.slot_or_insert(&3, || "c"), a);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(&3, &"c"), (&2, &"b")]);
        assert_eq!(slots.remove(7), None);
        assert_eq!((slots.remove(b), slots.remove(a)), (Some("b"), Some("c")));
        assert_eq!((slots.capacity(), slots.slot_or_insert(&9, || "d")), (0, 0));
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
