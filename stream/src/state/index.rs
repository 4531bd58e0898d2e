//! Where the slots of keys are found: a table of open addressing.

/// An empty place: the last slot of all is never used.
const EMPTY: u32 = u32::MAX;

/// The bits of the places that a table begins with.
const FEWEST_BITS: u32 = 4;

/// Slots by the hashes of their keys, four bytes a place, so that much of a table fits in the cache: of 2ⁿ places one
/// holds n bits of the slot, and above them the bits of the hash that do not say where in the table it belongs. A
/// look-up, as a rule, reads one line of memory here and compares one key, its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Vec<u32>,
    bits: u32,
}

impl Index {
    /// Where the search for a hash begins.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        (hash >> (u32::BITS - self.bits)) as usize
    }

    /// The slot in a place, if the hash there is this one.
    #[inline]
    fn slot(&self, held: u32, hash: u32) -> Option<u32> {
        let slot = held ^ (hash << self.bits);
        (slot >> self.bits == 0).then_some(slot)
    }

    /// The slot that a key of this hash has if it is in one of the first two places; else any, or none.
    #[inline]
    pub(super) fn guess(&self, hash: u32) -> u32 {
        let Self { places, bits } = self;
        if places.is_empty() {
            return EMPTY;
        }
        let (mask, home) = (places.len() - 1, self.home(hash));
        // Which of them it is cannot be foreseen: so both are read, and there is no branch.
        let [first, second] = [home, home + 1].map(|place| places[place & mask] ^ (hash << bits));
        if first >> bits == 0 { first } else { second }
    }

    /// The first slot for this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        let (mask, mut place) = (self.places.len() - 1, self.home(hash));
        loop {
            let held = self.places[place & mask];
            if held == EMPTY {
                return None;
            }
            if let Some(slot) = self.slot(held, hash).filter(|slot| is_right(*slot)) {
                return Some(slot);
            }
            place += 1;
        }
    }

    /// Adds a slot that is not there. `hashes` are those of all slots that are, if the table has to grow.
    pub(super) fn insert(&mut self, hash: u32, slot: u32, hashes: impl Iterator<Item = (u32, u32)>) {
        // At most five eighths full: those that are found are found within two places on average. Free slots are used
        // first, so no slot is beyond the number of those that have been held at once.
        if self.places.is_empty() || u64::from(slot) * 8 >= 5 << self.bits {
            while self.bits < FEWEST_BITS || u64::from(slot) * 8 >= 5 << self.bits {
                self.bits += 1;
            }
            // The hashes are not all here. They are made again of the keys, and no two tables are held at once.
            self.places.clear();
            self.places.shrink_to_fit();
            self.places.resize(1 << self.bits, EMPTY);
            hashes.for_each(|(hash, slot)| self.put(hash, slot));
        }
        self.put(hash, slot);
    }

    fn put(&mut self, hash: u32, slot: u32) {
        let (mask, mut place) = (self.places.len() - 1, self.home(hash));
        while self.places[place & mask] != EMPTY {
            place += 1;
        }
        self.places[place & mask] = hash << self.bits | slot;
    }

    /// Takes a slot out. Those that stand behind it because of it move up.
    pub(super) fn remove(&mut self, hash: u32, slot: u32, hash_of: impl Fn(u32) -> u32) {
        if self.places.is_empty() {
            return;
        }
        let (mask, held) = (self.places.len() - 1, hash << self.bits | slot);
        let mut hole = self.home(hash);
        while self.places[hole] != held {
            if self.places[hole] == EMPTY {
                return;
            }
            hole = (hole + 1) & mask;
        }
        let mut next = (hole + 1) & mask;
        while self.places[next] != EMPTY {
            let home = self.home(hash_of(self.places[next] & mask as u32));
            // Those that stand nearer to their home than the hole stay.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.places[hole] = EMPTY;
    }

    /// The table, to be read in order before many look-ups.
    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// The bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list that is searched from end to end. Few hashes, at both ends of the table: searches are long, go
    /// round its end, and meet others of the same hash.
    #[test]
    fn slots_are_found_by_their_hashes_until_they_are_taken_out() {
        let hash_of = |n: u32| [0, 1, 7 << 29, u32::MAX, u32::MAX - 1][n as usize % 5];
        let (mut index, mut hashes, mut free) = (Index::default(), Vec::<Option<u32>>::new(), Vec::new());
        let mut random = 1_u32;
        for _ in 0..5_000 {
            random = random.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            let (n, at) = (random >> 8, random as usize >> 16);
            if n % 8 < 5 || hashes.is_empty() {
                let slot = free.pop().unwrap_or(hashes.len() as u32);
                let held = hashes.iter().zip(0..).filter_map(|(hash, slot)| Some(((*hash)?, slot)));
                index.insert(hash_of(n), slot, held.take_while(|(_, held)| *held < slot));
                hashes.resize(hashes.len().max(slot as usize + 1), None);
                hashes[slot as usize] = Some(hash_of(n));
            } else {
                let slot = at % hashes.len();
                if let Some(hash) = hashes[slot] {
                    index.remove(hash, slot as u32, |slot| hashes[slot as usize].unwrap());
                    hashes[slot] = None;
                    free.push(slot as u32);
                }
            }
            if random >> 28 == 0 {
                for (slot, hash) in (0..).zip(&hashes) {
                    for other in (0..5).map(hash_of) {
                        let found = index.find(other, |held| held == slot && *hash == Some(other));
                        assert_eq!(found, hash.filter(|hash| *hash == other).map(|_| slot));
                    }
                }
            }
        }
    }
}
