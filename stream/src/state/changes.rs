//! Which slots have changed since the last checkpoint.

/// A bit for each slot, kept from the first checkpoint on: a job without checkpoints pays for none.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    words: Vec<u64>,
    is_kept: bool,
}

/// The bits of the slots that are there.
pub(super) struct Noted<'a>(&'a mut [u64]);

impl Noted<'_> {
    /// Takes note of a slot.
    #[inline]
    pub(super) fn add(&mut self, slot: u32) {
        // Nothing is kept for a slot, or it is kept for all: the bounds tell.
        if let Some(word) = self.0.get_mut(slot as usize / 64) {
            *word |= 1 << (slot % 64);
        }
    }
}

impl Changes {
    /// From here on nothing has changed, and what changes is noted.
    pub(super) fn begin(&mut self, slots: usize) {
        self.is_kept = true;
        self.words.clear();
        self.words.resize(slots.div_ceil(64), 0);
    }

    /// What has changed is not known any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes note of a slot that is there.
    #[inline]
    pub(super) fn note(&mut self, slot: u32) {
        self.noted().add(slot);
    }

    /// What is noted of the slots that are there.
    #[inline]
    pub(super) fn noted(&mut self) -> Noted<'_> {
        Noted(&mut self.words)
    }

    /// Takes note of a slot that may be a new one.
    pub(super) fn note_new(&mut self, slot: u32) {
        if self.is_kept && slot as usize / 64 >= self.words.len() {
            self.words.resize(slot as usize / 64 + 1, 0);
        }
        self.note(slot);
    }

    /// How many slots have changed, if that is known.
    pub(super) fn count(&self) -> Option<usize> {
        self.is_kept.then(|| self.words.iter().map(|word| word.count_ones() as usize).sum())
    }

    /// The slots that have changed, in their order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            // The lowest bit that is set, and then the rest without it.
            let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            rest.take_while(|rest| *rest != 0).map(move |rest| at * 64 + rest.trailing_zeros())
        })
    }

    /// The bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_there_and_nothing_is_noted_before_it_is_asked_for() {
        let mut changes = Changes::default();
        changes.note_new(7);
        assert_eq!((changes.count(), changes.memory_bytes()), (None, 0));
        changes.begin(100);
        let noted = [0, 1, 63, 64, 99, 200, 255];
        for slot in noted {
            changes.note_new(slot);
            changes.note(slot);
        }
        assert_eq!(changes.slots().collect::<Vec<_>>(), noted);
        assert_eq!(changes.count(), Some(noted.len()));
        changes.begin(256);
        assert_eq!((changes.count(), changes.slots().next()), (Some(0), None));
        changes.forget();
        assert_eq!(changes.count(), None);
    }
}
