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
        // What is new has changed.
        if later.slots as usize > self.entries.len() + later.changed.len() {
            return Err("slots are missing".to_owned());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is stored.
    fn content(slots: &Slots<u64, u64>) -> (Vec<Option<(u64, u64)>>, Vec<u32>) {
        let entry = |slot| slots.entry(slot).map(|(key, value)| (*key, *value));
        ((0..slots.slots() as u32).map(entry).collect(), slots.free().to_vec())
    }

    #[test]
    fn changes_behind_changes_are_what_the_slots_are() {
        let mut random = 1_u64;
        let mut below = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        let (mut slots, mut chain) = (Slots::<u64, u64>::default(), Vec::<Bytes>::new());
        let (mut same, mut changed, mut longest) = (0, 0, 0);
        for round in 0..2_000_u64 {
            // Now and then all keys go, and the slots with them.
            let (steps, goes) = if round % 100 == 99 { (400, 0) } else { (below(12), below(3)) };
            for _ in 0..steps {
                let key = below(150);
                let slot = slots.slot_or_insert(&key, || round);
                match (below(4), goes) {
                    (0, 1) => {
                        slots.remove(slot);
                    }
                    (_, 0) => {}
                    _ => *slots.value_mut(slot).unwrap() += 1,
                }
            }
            if round % 100 == 99 {
                for slot in 0..slots.slots() as u32 {
                    slots.remove(slot);
                }
                assert_eq!(slots.slots(), 0);
            }
            match slots.save(chain.is_empty() || below(9) == 0).unwrap() {
                Saved::Same => same += 1,
                Saved::Changes(bytes) => {
                    changed += 1;
                    chain.push(bytes.into());
                }
                Saved::Whole(bytes) => chain = vec![bytes.into()],
            }
            longest = longest.max(chain.len());
            let mut loaded = Slots::<u64, u64>::load(&chain).unwrap();
            assert_eq!(content(&loaded), content(&slots), "round {round}");
            if below(20) == 0 {
                // A job that goes on from there.
                std::mem::swap(&mut slots, &mut loaded);
            }
        }
        assert!(same > 20 && changed > 500 && longest > 10, "{same} {changed} {longest}");
    }

    #[test]
    fn keys_are_dealt_out_and_found_again() {
        let mut lanes: Vec<Slots<u64, u64>> = (0..5).map(|_| Slots::default()).collect();
        for key in 0..1_000_u64 {
            lanes[lane_of(key_hash(&key), 5)].slot_or_insert(&key, || key * 2);
        }
        let from: Vec<_> = lanes.iter().map(|lane| content(lane).0).collect();
        let mut told = 0;
        let dealt = Slots::redistribute(lanes, 3, |(lane, slot), _| {
            assert!(from[lane][slot as usize].is_some());
            told += 1;
        });
        assert_eq!(told, 1_000);
        for (at, lane) in dealt.iter().enumerate() {
            assert!(lane.iter().all(|(key, value)| *value == key * 2 && lane_of(key_hash(key), 3) == at));
        }
        assert_eq!(dealt.iter().map(Slots::len).sum::<usize>(), 1_000);
    }

    #[test]
    fn changes_of_something_else_are_refused() {
        let mut slots = Slots::<u64, u64>::default();
        for key in 0..100 {
            slots.slot_or_insert(&key, || key);
        }
        let Saved::Whole(all) = slots.save(false).unwrap() else { panic!("changes of nothing") };
        slots.remove(7);
        let Saved::Changes(changes) = slots.save(false).unwrap() else { panic!("not little") };
        let all = Bytes::from(all);
        assert!(Slots::<u64, u64>::load(&[all.clone(), changes.clone().into()]).is_ok());
        assert!(Slots::<u64, u64>::load(&[changes.into()]).is_err());
        assert!(Slots::<u64, u64>::load(&[]).is_err());
    }
}
