//! When keys were last touched, and which have been idle for too long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// No time: the slot is free, or is not in the queue.
const NONE: i64 = i64::MIN;

/// When the key in each slot was last touched, and a queue of the slots by that time.
///
/// The queue is put right lazily: touching a key again leaves its entry where it is, and when the entry's turn comes it
/// goes to the back. So a key costs a comparison when it is touched, and a look at most once in the length of a timeout
/// while it lives; keys whose turn has not come cost nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    slots: Vec<Timer>,
    queue: BinaryHeap<Reverse<(i64, u32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    last: i64,
    /// The time of the entry of the queue that counts; other entries of the slot are left over.
    queued: i64,
}

impl Timers {
    /// What is stored of a slot whose key was never touched.
    pub(super) const NEVER: i64 = NONE;

    /// Takes note that the key in a slot was touched at this time. The latest time counts.
    #[inline]
    pub(crate) fn touch(&mut self, slot: u32, time: i64) {
        let index = slot as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Timer { last: NONE, queued: NONE });
        }
        let timer = &mut self.slots[index];
        timer.last = timer.last.max(time);
        // Later than the entry, as a rule. Of a slot that was freed and used again it may be earlier.
        if timer.queued == NONE || timer.last < timer.queued {
            timer.queued = timer.last;
            self.queue.push(Reverse((timer.last, slot)));
        }
    }

    /// When the key in a slot was last touched.
    #[inline]
    pub(crate) fn last(&self, slot: u32) -> Option<i64> {
        self.slots.get(slot as usize).map(|timer| timer.last).filter(|last| *last != NONE)
    }

    /// What is stored of a slot; nothing is, while no key was ever touched.
    pub(super) fn stored(&self, slot: u32) -> Option<i64> {
        (!self.slots.is_empty()).then(|| self.last(slot).unwrap_or(NONE))
    }

    /// Takes note that a slot was freed.
    pub(crate) fn forget(&mut self, slot: u32) {
        if let Some(timer) = self.slots.get_mut(slot as usize) {
            timer.last = NONE;
        }
    }

    /// Takes out the slot whose key was touched the longest ago, if that was before `horizon`; of equal ones the lowest.
    pub(crate) fn next_before(&mut self, horizon: i64) -> Option<u32> {
        while let Some(&Reverse((queued, slot))) = self.queue.peek().filter(|entry| entry.0.0 < horizon) {
            self.queue.pop();
            let timer = &mut self.slots[slot as usize];
            if timer.queued != queued {
                continue;
            }
            if timer.last == queued {
                *timer = Timer { last: NONE, queued: NONE };
                return Some(slot);
            }
            timer.queued = timer.last;
            if timer.last != NONE {
                self.queue.push(Reverse((timer.last, slot)));
            }
        }
        None
    }

    /// The bytes held.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Timer>() + self.queue.capacity() * size_of::<Reverse<(i64, u32)>>()
    }
}

/// Stored as the times by slot; the queue follows from them.
impl Serialize for Timers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.slots.iter().map(|timer| timer.last))
    }
}

impl<'de> Deserialize<'de> for Timers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

impl From<Vec<i64>> for Timers {
    fn from(times: Vec<i64>) -> Self {
        let slots: Vec<_> = times.into_iter().map(|last| Timer { last, queued: last }).collect();
        let queue = slots.iter().zip(0..).filter(|(timer, _)| timer.last != NONE);
        let queue = queue.map(|(timer, slot)| Reverse((timer.last, slot))).collect::<Vec<_>>().into();
        Self { slots, queue }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Touch(u32, i64),
        Forget(u32),
        Expire(i64),
        Restore,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..12_u32, -50..200_i64).prop_map(|(slot, time)| Step::Touch(slot, time)),
            2 => (0..12_u32).prop_map(Step::Forget),
            2 => (-50..220_i64).prop_map(Step::Expire),
            1 => Just(Step::Restore),
        ]
    }

    proptest! {
        /// Against a map that is searched from end to end.
        #[test]
        fn the_queue_finds_what_a_search_of_all_keys_finds(steps in prop::collection::vec(step(), 0..200)) {
            let (mut timers, mut model) = (Timers::default(), BTreeMap::<u32, i64>::new());
            for step in steps {
                match step {
                    Step::Touch(slot, time) => {
                        timers.touch(slot, time);
                        let last = model.entry(slot).or_insert(time);
                        *last = time.max(*last);
                    }
                    Step::Forget(slot) => {
                        timers.forget(slot);
                        model.remove(&slot);
                    }
                    Step::Expire(horizon) => {
                        let mut idle: Vec<_> =
                            model.iter().map(|(slot, last)| (*last, *slot)).filter(|(last, _)| *last < horizon).collect();
                        idle.sort_unstable();
                        let found: Vec<_> = std::iter::from_fn(|| timers.next_before(horizon)).collect();
                        prop_assert_eq!(found, idle.iter().map(|(_, slot)| *slot).collect::<Vec<_>>());
                        model.retain(|_, last| *last >= horizon);
                    }
                    Step::Restore => timers = postcard::from_bytes(&postcard::to_allocvec(&timers).unwrap()).unwrap(),
                }
                for slot in 0..12 {
                    prop_assert_eq!(timers.last(slot), model.get(&slot).copied());
                }
            }
        }
    }

    /// However often a key is touched, it has one entry.
    #[test]
    fn touching_a_key_again_costs_no_memory() {
        let mut timers = Timers::default();
        (0..10_000).for_each(|time| timers.touch(0, time));
        assert_eq!(timers.queue.len(), 1);
        assert_eq!(timers.next_before(9_999), None);
        assert_eq!((timers.queue.len(), timers.next_before(10_000)), (1, Some(0)));
    }
}
