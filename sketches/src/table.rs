//! An insertion-ordered hash table whose keys are looked up as they stand in the record.

use std::fmt;
use std::marker::PhantomData;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{Key, OwnedKey};

/// In-memory only: never stored and never compared between processes. A constant, so that a table carries no seeds.
const HASHER: ahash::RandomState = ahash::RandomState::with_seeds(
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0x2545_f491_4f6c_dd1d,
);

/// A map from keys to values that iterates in the order of first insertion, whatever the hash function does.
///
/// The entries stand in one vector; the hash table holds their positions. Stored and compared by its entries.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    index: HashTable<u32>,
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { index: HashTable::new(), entries: Vec::new() }
    }
}

impl<K: OwnedKey, V> Table<K, V> {
    /// A table of entries with distinct keys; of equal keys the first is found.
    pub fn from_entries(entries: Vec<(K, V)>) -> Self {
        let mut table = Self { index: HashTable::with_capacity(entries.len()), entries };
        table.reindex();
        table
    }

    fn reindex(&mut self) {
        let Self { index, entries } = self;
        index.clear();
        for (i, (key, _)) in entries.iter().enumerate() {
            index.insert_unique(HASHER.hash_one(key), i as u32, |&i| HASHER.hash_one(&entries[i as usize].0));
        }
    }

    /// The value of a key, inserted if it is not there.
    #[inline]
    pub fn entry<Q>(&mut self, key: &Q, value: impl FnOnce() -> V) -> &mut V
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.find_or_insert(HASHER.hash_one(key), |k| key.is(k), || (key.to_owned_key(), value()))
    }

    #[inline]
    fn find_or_insert(&mut self, hash: u64, is: impl Fn(&K) -> bool, entry: impl FnOnce() -> (K, V)) -> &mut V {
        let Self { index, entries } = self;
        // A table over `()`, which holds the only group of an ungrouped stream, needs no look-up.
        let position = if size_of::<K>() == 0 && !entries.is_empty() {
            0
        } else {
            match index.entry(hash, |&i| is(&entries[i as usize].0), |&i| HASHER.hash_one(&entries[i as usize].0)) {
                Entry::Occupied(found) => *found.get() as usize,
                Entry::Vacant(vacant) => {
                    let position = entries.len();
                    // Pushed first: making the entry is other people's code, and may panic.
                    entries.push(entry());
                    vacant.insert(position as u32);
                    position
                }
            }
        };
        &mut entries[position].1
    }

    /// Adds an entry, unless its key is there.
    fn insert_new(&mut self, key: K, value: V) -> bool {
        let Self { index, entries } = self;
        let hash = |&i: &u32| HASHER.hash_one(&entries[i as usize].0);
        match index.entry(HASHER.hash_one(&key), |&i| entries[i as usize].0 == key, hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(entries.len() as u32);
                entries.push((key, value));
                true
            }
        }
    }

    /// The value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.index
            .find(HASHER.hash_one(key), |&i| key.is(&self.entries[i as usize].0))
            .map(|&i| &self.entries[i as usize].1)
    }

    /// Forgets all entries and keeps their room.
    pub fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
    }

    /// Makes room for so many more entries.
    pub fn reserve(&mut self, more: usize) {
        let Self { index, entries } = self;
        entries.reserve(more);
        index.reserve(more, |&i| HASHER.hash_one(&entries[i as usize].0));
    }

    /// Keeps the entries for which a condition holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let before = self.entries.len();
        self.entries.retain_mut(|(key, value)| keep(key, value));
        if self.entries.len() < before {
            self.reindex();
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
        size_of::<Self>() + self.index.allocation_size() + self.entries.capacity() * size_of::<(K, V)>()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, K: OwnedKey, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

/// Takes in entries one by one, and refuses a key that is there already.
struct Entries<K, V>(PhantomData<fn() -> (K, V)>);

impl<'de, K: OwnedKey, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
    type Value = Table<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of distinct keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        // What it says of its length is not to be trusted with much memory.
        let expected = entries.size_hint().unwrap_or(0).min(1 << 16);
        let mut table = Table { index: HashTable::with_capacity(expected), entries: Vec::with_capacity(expected) };
        while let Some((key, value)) = entries.next_element()? {
            if !table.insert_new(key, value) {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(table)
    }
}
