//! The records of two streams that may still find each other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use streamgauge_sketches::{Key, OwnedKey};

use super::timers::Timers;
use crate::graph::{Kept, StateSize};
use crate::state::{Bytes, Saved, Slots, Stored};

/// How far the right record may be from the left one: `lower..=upper` milliseconds after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) lower: i64,
    pub(super) upper: i64,
}

impl Bounds {
    /// The horizon of the right stream at which a left record can be matched no more.
    fn left_due(self, time: i64) -> i64 {
        time.saturating_add(self.upper).saturating_add(1)
    }

    /// The horizon of the left stream at which a right record can be matched no more.
    fn right_due(self, time: i64) -> i64 {
        time.saturating_sub(self.lower).saturating_add(1)
    }
}

/// The records of one key on one side, by time; of one time, as they came.
#[derive(Debug, Serialize, Deserialize)]
struct Side<T> {
    held: VecDeque<Held<T>>,
    /// When the side is to be looked at; other timers of it are void.
    due: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Held<T> {
    time: i64,
    is_matched: bool,
    record: T,
}

impl<T> Default for Side<T> {
    fn default() -> Self {
        Self { held: VecDeque::new(), due: i64::MAX }
    }
}

impl<T> Side<T> {
    fn within(&mut self, from: i64, to: i64) -> impl Iterator<Item = &mut Held<T>> {
        let first = self.held.partition_point(|held| held.time < from);
        let after = self.held.partition_point(|held| held.time <= to);
        self.held.range_mut(first..after.max(first))
    }

    /// Adds a record, and sets a timer if it is due before all others.
    fn insert(&mut self, held: Held<T>, due: i64, slot: u32, timers: &mut Timers) {
        let at = self.held.partition_point(|other| other.time <= held.time);
        self.held.insert(at, held);
        if due < self.due {
            self.due = due;
            timers.add(due, slot);
        }
    }

    /// Gives those that are due until the horizon, oldest first, and sets a timer for the next.
    fn forget(
        &mut self,
        horizon: i64,
        due: impl Fn(i64) -> i64,
        slot: u32,
        timers: &mut Timers,
        mut unmatched: impl FnMut(&T),
    ) {
        while self.held.front().is_some_and(|held| due(held.time) <= horizon)
            && let Some(held) = self.held.pop_front()
        {
            if !held.is_matched {
                unmatched(&held.record);
            }
        }
        self.due = self.held.front().map_or(i64::MAX, |oldest| due(oldest.time));
        if !self.held.is_empty() {
            timers.add(self.due, slot);
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Sides<L, R> {
    left: Side<L>,
    right: Side<R>,
}

/// The records of a lane.
#[derive(Debug)]
pub(super) struct JoinLane<K: OwnedKey, L, R> {
    keys: Slots<K, Sides<L, R>>,
    /// By the horizon of the right stream.
    left_due: Timers,
    /// By the horizon of the left stream.
    right_due: Timers,
}

impl<K: OwnedKey, L, R> Default for JoinLane<K, L, R> {
    fn default() -> Self {
        Self { keys: Slots::default(), left_due: Timers::default(), right_due: Timers::default() }
    }
}

impl<K: OwnedKey, L, R> JoinLane<K, L, R> {
    fn of(keys: Slots<K, Sides<L, R>>) -> Self {
        let left_due = Timers::of(keys.iter_slots().map(|(slot, sides)| (sides.left.due, slot)));
        let right_due = Timers::of(keys.iter_slots().map(|(slot, sides)| (sides.right.due, slot)));
        Self { keys, left_due, right_due }
    }

    /// Where the records of a key are.
    pub(super) fn slot<Q: Key<Owned = K> + ?Sized>(&mut self, key: &Q) -> u32 {
        self.keys.slot_or_insert(key, || Sides { left: Side::default(), right: Side::default() })
    }

    /// Adds a left record of the key in a slot; hands out its pairs, by the time of the right one.
    pub(super) fn add_left(
        &mut self,
        slot: u32,
        time: i64,
        record: L,
        bounds: Bounds,
        mut out: impl FnMut(&K, &L, &R),
    ) {
        let Some((key, sides)) = self.keys.entry_mut(slot) else { return };
        let mut is_matched = false;
        for other in sides.right.within(time.saturating_add(bounds.lower), time.saturating_add(bounds.upper)) {
            (is_matched, other.is_matched) = (true, true);
            out(key, &record, &other.record);
        }
        let held = Held { time, is_matched, record };
        sides.left.insert(held, bounds.left_due(time), slot, &mut self.left_due);
    }

    /// Adds a right record of the key in a slot; hands out its pairs, by the time of the left one.
    pub(super) fn add_right(
        &mut self,
        slot: u32,
        time: i64,
        record: R,
        bounds: Bounds,
        mut out: impl FnMut(&K, &L, &R),
    ) {
        let Some((key, sides)) = self.keys.entry_mut(slot) else { return };
        let mut is_matched = false;
        for other in sides.left.within(time.saturating_sub(bounds.upper), time.saturating_sub(bounds.lower)) {
            (is_matched, other.is_matched) = (true, true);
            out(key, &other.record, &record);
        }
        let held = Held { time, is_matched, record };
        sides.right.insert(held, bounds.right_due(time), slot, &mut self.right_due);
    }

    /// Forgets the records that nothing can match any more; hands out those that nothing did match.
    pub(super) fn forget(
        &mut self,
        left_horizon: i64,
        right_horizon: i64,
        bounds: Bounds,
        mut unmatched: impl FnMut(&K, Option<&L>, Option<&R>),
    ) {
        for (due, slot) in self.left_due.due_until(right_horizon) {
            // The timer may have been set for a key that has left, or that another timer has looked at.
            let Some((key, sides)) = self.keys.entry_mut(slot).filter(|(_, sides)| sides.left.due == due) else {
                continue;
            };
            let out = |record: &L| unmatched(key, Some(record), None);
            sides.left.forget(right_horizon, |time| bounds.left_due(time), slot, &mut self.left_due, out);
            self.remove_if_empty(slot);
        }
        for (due, slot) in self.right_due.due_until(left_horizon) {
            let Some((key, sides)) = self.keys.entry_mut(slot).filter(|(_, sides)| sides.right.due == due) else {
                continue;
            };
            let out = |record: &R| unmatched(key, None, Some(record));
            sides.right.forget(left_horizon, |time| bounds.right_due(time), slot, &mut self.right_due, out);
            self.remove_if_empty(slot);
        }
    }

    fn remove_if_empty(&mut self, slot: u32) {
        if self.keys.get(slot).is_some_and(|(_, sides)| sides.left.held.is_empty() && sides.right.held.is_empty()) {
            self.keys.remove(slot);
        }
    }
}

impl<K, L, R> Stored for JoinLane<K, L, R>
where
    K: OwnedKey,
    L: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    fn save(&mut self, whole: bool) -> Result<Saved, String> {
        self.keys.save(whole)
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        Ok(Self::of(Slots::load(pieces)?))
    }

    fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let dealt = Slots::redistribute(lanes.into_iter().map(|lane| lane.keys), to, |_, _| ());
        Ok(dealt.into_iter().map(Self::of).collect())
    }
}

impl<K: OwnedKey, L, R> Kept for JoinLane<K, L, R> {
    /// Without what the records hold on the heap.
    fn size(&self) -> StateSize {
        let side = |(_, sides): (&K, &Sides<L, R>)| {
            sides.left.held.capacity() * size_of::<Held<L>>() + sides.right.held.capacity() * size_of::<Held<R>>()
        };
        let timers = self.left_due.memory_bytes() + self.right_due.memory_bytes();
        let bytes = self.keys.memory_bytes() + timers + self.keys.iter().map(side).sum::<usize>();
        StateSize { keys: self.keys.len() as u64, bytes: bytes as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_hold_no_more_than_the_bounds_ask_for() {
        let bounds = Bounds { lower: -20, upper: 30 };
        let mut lane = JoinLane::<i64, u8, u8>::default();
        let (mut pairs, mut alone) = (0, 0);
        for time in 0..3_000 {
            for key in [-1, time] {
                let slot = lane.slot(&key);
                lane.add_left(slot, time, 0, bounds, |_, _, _| pairs += 1);
                if key < 0 {
                    lane.add_right(slot, time, 0, bounds, |_, _, _| pairs += 1);
                }
            }
            lane.forget(time, time, bounds, |_, _, _| alone += 1);
            let held: usize = lane.keys.iter().map(|(_, sides)| sides.left.held.len() + sides.right.held.len()).sum();
            assert!(lane.keys.len() <= 33 && held <= 32 + 32 + 22, "{} keys, {held} records", lane.keys.len());
            assert!(lane.left_due.len() + lane.right_due.len() <= 36);
        }
        lane.forget(i64::MAX, i64::MAX, bounds, |_, _, _| alone += 1);
        assert!(lane.keys.is_empty() && lane.left_due.len() + lane.right_due.len() == 0);
        // Every pair of the key that both have, at most 20 back and 30 on; all other left records stay alone.
        assert_eq!(pairs, 51 * 3_000 - (20 * 21 + 30 * 31) / 2);
        assert_eq!(alone, 3_000);
    }
}
