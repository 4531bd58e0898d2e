//! Slots as they are stored: all of them, or those that have changed since.

use serde::de::Error as _;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use streamgauge_sketches::OwnedKey;

use super::Slots;
use super::stored::{Bytes, Saved, decode, encode};
use crate::batch::exchange::{key_hash, lane_of};

/// Slots as plain data: the entries by slot, and the free slots in the order in which they will be used.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: OwnedKey, V: Deserialize<'de>"))]
pub(crate) struct Image<K, V> {
    entries: Vec<Option<(K, V)>>,
    free: Vec<u32>,
}

/// What makes a later image of an image.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: OwnedKey, V: Deserialize<'de>"))]
pub(crate) struct Later<K, V> {
    slots: u32,
    changed: Vec<(u32, Option<(K, V)>)>,
    /// How many of the free slots are the same, and those that follow them.
    free_kept: u32,
    free: Vec<u32>,
}

impl<K, V> Later<K, V> {
    /// The slots that have changed.
    pub(crate) fn changed(&self) -> impl Iterator<Item = u32> {
        self.changed.iter().map(|(slot, _)| *slot)
    }
}

impl<K: OwnedKey, V> Image<K, V> {
    /// Takes changes over.
    pub(crate) fn change(&mut self, later: Later<K, V>) -> Result<(), String> {
        self.entries.resize_with(later.slots as usize, || None);
        for (slot, entry) in later.changed {
            *self.entries.get_mut(slot as usize).ok_or("a slot is changed that is not there")? = entry;
        }
        if later.free_kept as usize > self.free.len() {
            return Err("free slots are missing".to_owned());
        }
        self.free.truncate(later.free_kept as usize);
        self.free.extend(later.free);
        Ok(())
    }

    /// The slots.
    pub(crate) fn slots(self) -> Result<Slots<K, V>, &'static str> {
        let Self { entries, free } = self;
        let mut vacant: Vec<u32> = free.clone();
        vacant.sort_unstable();
        let vacancies = entries.iter().zip(0..).filter(|(entry, _)| entry.is_none()).map(|(_, slot)| slot);
        if !vacancies.eq(vacant) {
            return Err("the free slots are not those that are free");
        }
        Slots::of(entries, free)
    }
}

/// The slots that have changed, as [`Later`] has them.
pub(crate) struct Changed<'a, K, V>(pub(crate) &'a Slots<K, V>);

impl<K: Serialize, V: Serialize> Serialize for Changed<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Entries<'a, K, V>(&'a Slots<K, V>);
        impl<K: Serialize, V: Serialize> Serialize for Entries<'_, K, V> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut entries = serializer.serialize_seq(Some(self.0.changed().count()))?;
                for slot in self.0.changed() {
                    entries.serialize_element(&(slot, self.0.entry(slot)))?;
                }
                entries.end()
            }
        }
        let (kept, free) = self.0.new_free();
        (self.0.slots() as u32, Entries(self.0), kept as u32, free).serialize(serializer)
    }
}

/// Stored as the entries by slot, and the free slots in the order in which they will be used.
impl<K: Serialize, V: Serialize> Serialize for Slots<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Entries<'a, K, V>(&'a Slots<K, V>);
        impl<K: Serialize, V: Serialize> Serialize for Entries<'_, K, V> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..self.0.slots() as u32).map(|slot| self.0.entry(slot)))
            }
        }
        (Entries(self), self.free()).serialize(serializer)
    }
}

impl<'de, K: OwnedKey, V: Deserialize<'de>> Deserialize<'de> for Slots<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Image::deserialize(deserializer)?.slots().map_err(D::Error::custom)
    }
}

impl<K: OwnedKey, V: Serialize> Slots<K, V> {
    /// The slots as bytes, and from here on what changes is noted. The changes alone, if they are known and much less
    /// than all.
    pub(crate) fn save(&mut self, whole: bool) -> Result<Saved, String> {
        let saved = match self.has_changed_little().filter(|_| !whole) {
            Some(false) => Saved::Same,
            Some(true) => Saved::Changes(encode(&Changed(self))?),
            None => Saved::Whole(encode(self)?),
        };
        self.note_changes();
        Ok(saved)
    }
}

impl<K: OwnedKey, V> Slots<K, V> {
    /// What was stored: all, and what changed after it.
    pub(crate) fn load(pieces: &[Bytes]) -> Result<Self, String>
    where
        V: for<'de> Deserialize<'de>,
    {
        let (first, later) = pieces.split_first().ok_or("it has no pieces")?;
        let mut image: Image<K, V> = decode(first)?;
        later.iter().try_for_each(|changes| image.change(decode(changes)?))?;
        let mut slots = image.slots()?;
        slots.note_changes();
        Ok(slots)
    }

    /// Deals the keys of lanes out to another number of lanes, in their order. Every key is told: the lane and the slot
    /// that it had, and those that it has got.
    pub(crate) fn redistribute(
        lanes: impl IntoIterator<Item = Self>,
        to: usize,
        mut moved: impl FnMut((usize, u32), (usize, u32)),
    ) -> Vec<Self> {
        let mut dealt: Vec<Self> = (0..to).map(|_| Self::default()).collect();
        for (from, lane) in lanes.into_iter().enumerate() {
            for (slot, key, value) in lane.into_entries() {
                let lane = lane_of(key_hash(&key), to);
                moved((from, slot), (lane, dealt[lane].slot_or_insert(&key, || value)));
            }
        }
        dealt
    }
}
