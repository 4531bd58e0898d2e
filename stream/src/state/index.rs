//! Where the slots of keys are found: a table of open addressing.

/// No slot: the place is empty.
const NONE: u32 = u32::MAX;

/// Places that a table begins with, and that are all looked at before its end.
const FEWEST: usize = 16;

/// Slots by the hashes of their keys, eight bytes a place: a hash tells keys apart well enough that a look-up, as a rule,
/// reads one line of distant memory here and compares one key, its own.
///
/// A slot stands as near as can be behind the place that its hash begins with, and hashes are kept: nothing that stands
/// in the table is ever hashed again, and a table grows in one pass from front to back.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Vec<Place>,
    used: usize,
    /// 32 less the bits of a place.
    shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    slot: u32,
}

const EMPTY: Place = Place { hash: 0, slot: NONE };

impl Index {
    /// The first slot of a key of this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut place = (hash >> self.shift) as usize;
        loop {
            let held = self.places[place & mask];
            if held.slot == NONE {
                return None;
            }
            if held.hash == hash && is_right(held.slot) {
                return Some(held.slot);
            }
            place += 1;
        }
    }

    /// The slot that a key of this hash has if it is one of the first places; else any, or none.
    #[inline]
    pub(super) fn guess(&self, hash: u32) -> u32 {
        if self.places.is_empty() {
            return NONE;
        }
        let mask = self.places.len() - 1;
        let place = (hash >> self.shift) as usize;
        let [first, second] = [self.places[place & mask], self.places[(place + 1) & mask]];
        // Without a branch: which of them it is cannot be foreseen.
        if first.hash == hash { first.slot } else { second.slot }
    }

    /// Adds a slot that is not there.
    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        // At most five eighths full: those that are found are found within two places on average.
        if self.used * 8 >= self.places.len() * 5 {
            self.grow();
        }
        self.put(Place { hash, slot });
        self.used += 1;
    }

    fn put(&mut self, held: Place) {
        let mask = self.places.len() - 1;
        let mut place = (held.hash >> self.shift) as usize;
        while self.places[place & mask].slot != NONE {
            place += 1;
        }
        self.places[place & mask] = held;
    }

    #[cold]
    fn grow(&mut self) {
        let places = (2 * self.places.len()).max(FEWEST);
        self.shift = u32::BITS - places.ilog2();
        let before = std::mem::replace(&mut self.places, vec![EMPTY; places]);
        before.into_iter().filter(|held| held.slot != NONE).for_each(|held| self.put(held));
    }

    /// Takes a slot out. Those that stand behind it because of it move up.
    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        if self.places.is_empty() {
            return;
        }
        let mask = self.places.len() - 1;
        let home = |hash: u32| (hash >> self.shift) as usize;
        let mut hole = home(hash);
        while self.places[hole].slot != slot {
            if self.places[hole].slot == NONE {
                return;
            }
            hole = (hole + 1) & mask;
        }
        let mut next = (hole + 1) & mask;
        while self.places[next].slot != NONE {
            // Those that stand nearer to their home than the hole stay.
            if next.wrapping_sub(home(self.places[next].hash)) & mask >= next.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.places[hole] = EMPTY;
        self.used -= 1;
    }

    /// The bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }
}
