//! An insertion-ordered hash table whose keys are looked up as they stand in the record.

mod index;

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::index::{Index, Vacant};
use crate::key::{Key, OwnedKey};
use crate::key_hash::key_hash;

/// What the index needs of the hash of a key: the bits in the middle.
#[inline]
fn hash_of<Q: Hash + ?Sized>(key: &Q) -> u32 {
    (key_hash(key) >> 8) as u32
}

/// A map from keys to values that iterates in the order of first insertion, whatever the hash function does.
///
/// The entries stand in one vector; the index holds their positions. Stored and compared by its entries.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    index: Index,
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { index: Index::default(), entries: Vec::new() }
    }
}

impl<K: OwnedKey, V> Table<K, V> {
    /// A table of entries with distinct keys; of equal keys the first is found.
    pub fn from_entries(entries: Vec<(K, V)>) -> Self {
        let mut table = Self { index: Index::default(), entries };
        table.reindex(0);
        table
    }

    /// Makes the index anew, with room for so many more entries.
    #[cold]
    fn reindex(&mut self, more: usize) {
        self.index = Index::of(self.entries.iter().map(|(key, _)| hash_of(key)), more);
    }

    /// The value of a key, inserted if it is not there.
    #[inline]
    pub fn entry<Q>(&mut self, key: &Q, value: impl FnOnce() -> V) -> &mut V
    where
        Q: Key<Owned = K> + ?Sized,
    {
        // A table over `()`, which holds the only group of an ungrouped stream, needs no look-up.
        let position = if size_of::<K>() == 0 && !self.entries.is_empty() {
            0
        } else {
            match self.index.find(hash_of(key), |i| key.is(&self.entries[i].0)) {
                Ok(position) => position,
                Err(vacant) => self.insert_key(vacant, key, value),
            }
        };
        &mut self.entries[position].1
    }

    /// Not inlined: where keys come again and again, that leaves the registers to finding them.
    #[inline(never)]
    fn insert_key<Q>(&mut self, vacant: Vacant, key: &Q, value: impl FnOnce() -> V) -> usize
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.insert(vacant, (key.to_owned_key(), value()))
    }

    /// The value of a key that is owned already: it is not cloned to be inserted.
    #[inline]
    pub fn entry_owned(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let position = match self.index.find(hash_of(&key), |i| self.entries[i].0 == key) {
            Ok(position) => position,
            Err(vacant) => self.insert(vacant, (key, value())),
        };
        &mut self.entries[position].1
    }

    #[inline]
    fn insert(&mut self, vacant: Vacant, entry: (K, V)) -> usize {
        let position = self.entries.len();
        self.entries.push(entry);
        if self.index.has_room(position + 1) {
            self.index.insert(vacant, position);
        } else {
            self.reindex(self.entries.len());
        }
        position
    }

    /// The value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let position = self.index.find(hash_of(key), |i| key.is(&self.entries[i].0)).ok()?;
        Some(&self.entries[position].1)
    }

    /// Forgets all entries and keeps their room.
    pub fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
    }

    /// Takes all entries out and keeps their room.
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = (K, V)> {
        self.index.clear();
        self.entries.drain(..)
    }

    /// Makes room for so many more entries.
    pub fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
        if !self.index.has_room(self.entries.len() + more) {
            self.reindex(more);
        }
    }

    /// Keeps the entries for which a condition holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let before = self.entries.len();
        self.entries.retain_mut(|(key, value)| keep(key, value));
        if self.entries.len() < before {
            self.reindex(before - self.entries.len());
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in the order of their insertion.
    pub fn entries(&self) -> &[(K, V)] {
        &self.entries
    }

    /// The values with their keys, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Takes the entries out.
    pub fn into_entries(self) -> Vec<(K, V)> {
        self.entries
    }

    /// The bytes of the table itself, without the heap of its keys and values.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.index.heap_bytes() + self.entries.capacity() * size_of::<(K, V)>()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, K: OwnedKey, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Distinct(PhantomData))
    }
}

/// Takes in entries one by one, and refuses a key that is there already.
struct Distinct<K, V>(PhantomData<fn() -> (K, V)>);

impl<'de, K: OwnedKey, V: Deserialize<'de>> Visitor<'de> for Distinct<K, V> {
    type Value = Table<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of distinct keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        // What it says of its length is not to be trusted with much memory.
        let expected = entries.size_hint().unwrap_or(0).min(1 << 16);
        let mut table = Table::default();
        table.reserve(expected);
        while let Some((key, value)) = entries.next_element()? {
            match table.index.find(hash_of(&key), |i| table.entries[i].0 == key) {
                Ok(_) => return Err(A::Error::custom("a key is there twice")),
                Err(vacant) => table.insert(vacant, (key, value)),
            };
        }
        Ok(table)
    }
}
