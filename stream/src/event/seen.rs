//! The keys that a lane has let pass, as long as a duplicate may come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Absorb, Key, Membership, OwnedKey, PortableHash, ScalableBloom, Summary};

use super::timers::Timers;
use crate::graph::{Kept, StateSize};
use crate::state::{Bytes, Saved, Slots, Stored, decode_whole, encode};

/// Keys of type `Q`, and when they passed.
pub(super) trait SeenKeys<Q: ?Sized>: Send {
    /// Whether no record of this key has passed at most `distance` away; if so, this one passes.
    fn is_first(&mut self, key: &Q, time: i64, distance: i64) -> bool;

    /// Forgets what no record that comes from here on can be a duplicate of: none is older than the horizon.
    fn forget(&mut self, horizon: i64, distance: i64);
}

/// Every key, with the times at which it passed.
#[derive(Debug)]
pub(super) struct Exact<K: OwnedKey> {
    keys: Slots<K, Times>,
    timers: Timers,
}

/// Times further apart than the distance: there is rarely more than one.
#[derive(Debug, Serialize, Deserialize)]
struct Times {
    newest: i64,
    older: Vec<i64>,
    /// When the key is to be looked at; other timers of it are void.
    due: i64,
}

impl<K: OwnedKey> Default for Exact<K> {
    fn default() -> Self {
        Self { keys: Slots::default(), timers: Timers::default() }
    }
}

/// Keys are forgotten in groups of up to a sixteenth of the distance: a time of their own for each would take more
/// memory than the key.
fn due(time: i64, distance: i64) -> i64 {
    let group = (distance / 16).max(1);
    let due = time.saturating_add(distance);
    due.saturating_sub(due.rem_euclid(group)).saturating_add(group)
}

impl<Q: Key + ?Sized> SeenKeys<Q> for Exact<Q::Owned> {
    fn is_first(&mut self, key: &Q, time: i64, distance: i64) -> bool {
        let mut is_new = false;
        let slot = self.keys.slot_or_insert(key, || {
            is_new = true;
            Times { newest: time, older: Vec::new(), due: due(time, distance) }
        });
        let Some(times) = self.keys.value_mut(slot) else { return true };
        if is_new {
            self.timers.add(times.due, slot);
            return true;
        }
        let near = |other: i64| time.abs_diff(other) <= distance.unsigned_abs();
        if near(times.newest) || times.older.iter().any(|older| near(*older)) {
            return false;
        }
        times.older.push(time.min(times.newest));
        times.newest = times.newest.max(time);
        true
    }

    fn forget(&mut self, horizon: i64, distance: i64) {
        for (at, slot) in self.timers.due_until(horizon) {
            let Some(times) = self.keys.value_mut(slot).filter(|times| times.due == at) else { continue };
            times.older.retain(|time| due(*time, distance) > horizon);
            let last = due(times.newest, distance);
            if last <= horizon {
                self.keys.remove(slot);
            } else {
                times.due = times.older.iter().map(|time| due(*time, distance)).fold(last, i64::min);
                self.timers.add(times.due, slot);
            }
        }
    }
}

impl<K: OwnedKey> Exact<K> {
    fn of(keys: Slots<K, Times>) -> Self {
        let timers = Timers::of(keys.iter_slots().map(|(slot, times)| (times.due, slot)));
        Self { keys, timers }
    }
}

impl<K: OwnedKey> Stored for Exact<K> {
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

impl<K: OwnedKey> Kept for Exact<K> {
    fn size(&self) -> StateSize {
        let older = self.keys.iter().map(|(_, times)| times.older.capacity() * size_of::<i64>()).sum::<usize>();
        let bytes = self.keys.memory_bytes() + self.timers.memory_bytes() + older;
        StateSize { keys: self.keys.len() as u64, bytes: bytes as u64 }
    }
}

/// A filter for each pane of time, as long as the distance.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Approximate {
    /// An empty filter; none for one that cannot be made.
    empty: Option<ScalableBloom>,
    panes: BTreeMap<i64, ScalableBloom>,
}

impl Approximate {
    pub(super) fn new(empty: Option<ScalableBloom>) -> Self {
        Self { empty, panes: BTreeMap::new() }
    }
}

impl<Q: Key + PortableHash + ?Sized> SeenKeys<Q> for Approximate {
    fn is_first(&mut self, key: &Q, time: i64, distance: i64) -> bool {
        let length = distance.max(1);
        let pane = time.div_euclid(length);
        let near = time.saturating_sub(distance).div_euclid(length)..=time.saturating_add(distance).div_euclid(length);
        if self.panes.range(near).any(|(_, filter)| filter.contains(key)) {
            return false;
        }
        if let Some(empty) = &self.empty {
            self.panes.entry(pane).or_insert_with(|| empty.clone()).absorb(key);
        }
        true
    }

    fn forget(&mut self, horizon: i64, distance: i64) {
        let length = distance.max(1);
        // The end of a pane is not in it.
        let over = |pane: i64| pane.saturating_add(1).saturating_mul(length).saturating_add(distance) <= horizon;
        while self.panes.first_key_value().is_some_and(|(pane, _)| over(*pane)) {
            self.panes.pop_first();
        }
    }
}

impl Stored for Approximate {
    fn save(&mut self, _: bool) -> Result<Saved, String> {
        Ok(Saved::Whole(encode(self)?))
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        decode_whole(pieces)
    }

    /// As the filters estimate them.
    fn keys(&self) -> u64 {
        self.size().keys
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let stored = lanes.len();
        Err(format!(
            "it is of {stored} lanes, and the job has {to}; a Bloom filter does not tell its keys apart: write \
             .lanes({stored})"
        ))
    }
}

impl Kept for Approximate {
    /// The keys as the filters estimate them.
    fn size(&self) -> StateSize {
        let keys = self.panes.values().map(|filter| filter.items().value as u64).sum();
        let bytes = self.panes.values().map(Summary::memory_bytes).sum::<usize>();
        StateSize { keys, bytes: bytes as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_duplicate_can_reach_any_more_is_forgotten() {
        let mut exact = Exact::<u64>::default();
        let mut approximate = Approximate::new(ScalableBloom::for_items(100, 0.001).ok());
        for time in 0..20_000_i64 {
            let key = time as u64;
            assert!(exact.is_first(&key, time, 100));
            assert!(!exact.is_first(&key, time - 100, 100));
            approximate.is_first(&key, time, 100);
            assert!(!approximate.is_first(&key, time - 100, 100));
            SeenKeys::<u64>::forget(&mut exact, time - 100, 100);
            SeenKeys::<u64>::forget(&mut approximate, time - 100, 100);
            assert!(exact.keys.len() <= 100 + 100 + 7, "{}", exact.keys.len());
            assert!(exact.timers.len() <= exact.keys.len());
            assert!(approximate.panes.len() <= 4);
        }
        SeenKeys::<u64>::forget(&mut exact, i64::MAX, 100);
        SeenKeys::<u64>::forget(&mut approximate, i64::MAX, 100);
        assert!(exact.keys.is_empty() && approximate.panes.is_empty());
    }

    #[test]
    fn a_key_that_never_leaves_keeps_few_times() {
        let mut seen = Exact::<u8>::default();
        let mut passed = 0;
        for time in 0..100_000_i64 {
            passed += u32::from(seen.is_first(&1, time, 100));
            SeenKeys::<u8>::forget(&mut seen, time - 100, 100);
            let times = seen.keys.iter().map(|(_, times)| times.older.len()).sum::<usize>();
            assert!(times <= 3 && seen.timers.len() <= 2);
        }
        assert_eq!(passed, 100_000_u32.div_ceil(101));
    }
}
