//! Which keys are to be looked at when event time has come so far.

use std::collections::BTreeMap;

/// Slots of keys by the time at which they are due. A slot may be there several times, and when it is not due any more:
/// whoever is woken looks. Those that are due at the same time are woken in their order, whenever they were added.
/// Timers are not stored: they follow from what the keys say.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeMap<i64, Vec<u32>>);

impl Timers {
    /// Those of keys that are due at these times; never, at the end of time.
    pub(super) fn of(due: impl Iterator<Item = (i64, u32)>) -> Self {
        let mut timers = Self::default();
        due.filter(|(due, _)| *due != i64::MAX).for_each(|(due, slot)| timers.add(due, slot));
        timers
    }

    pub(super) fn add(&mut self, due: i64, slot: u32) {
        self.0.entry(due).or_default().push(slot);
    }

    /// Takes out all that are due until a time, that included, the earliest first.
    pub(super) fn due_until(&mut self, time: i64) -> impl Iterator<Item = (i64, u32)> + use<> {
        let later = time.checked_add(1).map_or_else(BTreeMap::new, |after| self.0.split_off(&after));
        let due = std::mem::replace(&mut self.0, later);
        due.into_iter().flat_map(|(due, mut slots)| {
            slots.sort_unstable();
            slots.into_iter().map(move |slot| (due, slot))
        })
    }

    /// The bytes held, but for the nodes of the tree.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.values().map(|slots| size_of::<(i64, Vec<u32>)>() + slots.capacity() * size_of::<u32>()).sum()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}
