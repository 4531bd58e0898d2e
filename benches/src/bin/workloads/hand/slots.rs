//! From keys to slots: a table of open addressing, searched step by step.

/// Spreads a key over 64 bits.
#[inline]
pub(super) fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The thread that has a key: by a bit that no table of less than 2³¹ slots looks at.
#[inline]
pub(super) fn thread_of(spread: u64) -> usize {
    (spread >> 24) as usize & 1
}

const EMPTY: u32 = u32::MAX;

/// A map from keys to slots, at most half full.
pub(super) struct Slots {
    places: Vec<(u32, u32)>,
    used: usize,
    /// 64 less the bits of a place.
    shift: u32,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self::with_places(16)
    }

    fn with_places(places: usize) -> Self {
        Self { places: vec![(0, EMPTY); places], used: 0, shift: 64 - places.ilog2() }
    }

    /// The slot of a key; the given one is its own if it had none.
    #[inline]
    pub(super) fn find_or_insert(&mut self, key: u32, new: u32) -> u32 {
        let mut place = (spread(key) >> self.shift) as usize;
        let mask = self.places.len() - 1;
        loop {
            let (held, slot) = self.places[place & mask];
            if slot == EMPTY {
                return self.insert(place & mask, key, new);
            }
            if held == key {
                return slot;
            }
            place += 1;
        }
    }

    #[cold]
    fn insert(&mut self, place: usize, key: u32, slot: u32) -> u32 {
        self.places[place] = (key, slot);
        self.used += 1;
        if 2 * self.used > self.places.len() {
            let mut larger = Self::with_places(2 * self.places.len());
            for &(key, slot) in self.places.iter().filter(|(_, slot)| *slot != EMPTY) {
                larger.find_or_insert(key, slot);
            }
            *self = larger;
        }
        slot
    }

    /// Takes a key out. Those that stand behind it because of it move up.
    pub(super) fn remove(&mut self, key: u32) {
        let mask = self.places.len() - 1;
        let home = |key| (spread(key) >> self.shift) as usize;
        let mut hole = home(key);
        while self.places[hole].0 != key || self.places[hole].1 == EMPTY {
            if self.places[hole].1 == EMPTY {
                return;
            }
            hole = (hole + 1) & mask;
        }
        let mut next = (hole + 1) & mask;
        while self.places[next].1 != EMPTY {
            let from_home = next.wrapping_sub(home(self.places[next].0)) & mask;
            if from_home >= (next.wrapping_sub(hole) & mask) {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.places[hole].1 = EMPTY;
        self.used -= 1;
    }
}
