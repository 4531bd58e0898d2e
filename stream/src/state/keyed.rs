//! The keys of a lane and what a user's functions keep of them.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;
use streamgauge_sketches::{Key, OwnedKey};

use super::image::{Changed, Image, Later};
use super::{Bytes, Saved, Slots, Stored, Timers, decode, encode};
use crate::error::{Error, panic_message};
use crate::graph::StateSize;
use crate::time::Time;

/// The state of the keys of a lane.
///
/// A key without a state has a slot only while a batch runs: the slot it got for a record, or that its removed state has
/// left behind. Both are freed at the end.
#[derive(Debug, Serialize)]
pub(crate) struct KeyedLane<K, S> {
    pub(crate) slots: Slots<K, Option<S>>,
    /// Empty unless there is a timeout.
    pub(crate) timers: Timers,
    /// Whether the keys of the initial state have been touched.
    pub(crate) has_begun: bool,
    /// Slots that had no state after a call.
    #[serde(skip)]
    pub(crate) emptied: Vec<u32>,
    /// The slot of the key that a user's function looks at.
    #[serde(skip)]
    pub(crate) current: u32,
}

impl<K, S> Default for KeyedLane<K, S> {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            timers: Timers::default(),
            has_begun: false,
            emptied: Vec::new(),
            current: u32::MAX,
        }
    }
}

impl<K: OwnedKey, S> KeyedLane<K, S> {
    /// The slot of a key, without a state if it had none.
    #[inline]
    pub(crate) fn slot<Q>(&mut self, key: &Q) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        self.slots.slot_or_insert(key, || None)
    }

    /// Frees the slots that are without a state at the end of a batch.
    pub(crate) fn free_emptied(&mut self) {
        for slot in self.emptied.drain(..) {
            if self.slots.get(slot).is_some_and(|(_, state)| state.is_none()) {
                self.slots.remove(slot);
                self.timers.forget(slot);
            }
        }
    }

    /// Runs a user's code on the lane. What goes wrong in it is an error that names the operator and the key.
    pub(crate) fn guarded<E: Display>(
        &mut self,
        (operator, lane, time): (&str, usize, Time),
        work: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), Error> {
        self.current = u32::MAX;
        let cause = match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(cause)) => cause.to_string(),
            Err(panic) => panic_message(&*panic),
        };
        let key = self.slots.get(self.current).map(|(key, _)| format!("key {key:?}: ")).unwrap_or_default();
        Err(Error::Operator { operator: operator.to_owned(), partition: lane, time, cause: key + &cause })
    }

    /// The keys that have a state, and their states, by slot.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&K, &S)> {
        self.slots.iter().filter_map(|(key, state)| Some((key, state.as_ref()?)))
    }

    /// How much the lane keeps, between two batches.
    pub(crate) fn size(&self) -> StateSize {
        StateSize { keys: self.slots.len() as u64, bytes: self.memory_bytes() as u64 }
    }

    /// The bytes held, without what keys and states hold on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.memory_bytes() + self.timers.memory_bytes() + self.emptied.capacity() * size_of::<u32>()
    }
}

impl<K, S> Stored for KeyedLane<K, S>
where
    K: OwnedKey,
    S: Serialize + DeserializeOwned + Send + 'static,
{
    fn save(&mut self, whole: bool) -> Result<Saved, String> {
        let saved = match self.slots.has_changed_little().filter(|_| !whole) {
            Some(false) => Saved::Same,
            Some(true) => {
                let times: Vec<i64> = self.slots.changed().filter_map(|slot| self.timers.stored(slot)).collect();
                Saved::Changes(encode(&(Changed(&self.slots), times, self.has_begun))?)
            }
            None => Saved::Whole(encode(self)?),
        };
        self.slots.note_changes();
        Ok(saved)
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        type Whole<K, S> = (Image<K, Option<S>>, Vec<i64>, bool);
        type Changes<K, S> = (Later<K, Option<S>>, Vec<i64>, bool);
        let (first, later) = pieces.split_first().ok_or("it has no pieces")?;
        let (mut image, mut times, mut has_begun): Whole<K, S> = decode(first)?;
        for changes in later {
            let (later, changed, begun): Changes<K, S> = decode(changes)?;
            let slots: Vec<u32> = later.changed().collect();
            image.change(later)?;
            // These slots are all there.
            for (slot, time) in slots.into_iter().zip(changed) {
                if slot as usize >= times.len() {
                    times.resize(slot as usize + 1, Timers::NEVER);
                }
                times[slot as usize] = time;
            }
            has_begun = begun;
        }
        let mut slots = image.slots()?;
        slots.note_changes();
        Ok(Self { slots, timers: times.into(), has_begun, ..Self::default() })
    }

    fn keys(&self) -> u64 {
        self.slots.len() as u64
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let has_begun = lanes.iter().any(|lane| lane.has_begun);
        let (slots, timers): (Vec<_>, Vec<_>) = lanes.into_iter().map(|lane| (lane.slots, lane.timers)).unzip();
        let mut dealt: Vec<_> = (0..to).map(|_| Timers::default()).collect();
        let slots = Slots::redistribute(slots, to, |(from, slot), (lane, at)| {
            if let Some(last) = timers[from].last(slot) {
                dealt[lane].touch(at, last);
            }
        });
        let lane = |(slots, timers)| Self { slots, timers, has_begun, ..Self::default() };
        Ok(slots.into_iter().zip(dealt).map(lane).collect())
    }
}
