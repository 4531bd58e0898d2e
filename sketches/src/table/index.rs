//! Where the entries of a table stand, by the hash of their key.

/// Open addressing with linear probing, at most half full.
///
/// A place holds the position of an entry, counted from one, in as many low bits as the index of a place has, and in
/// the bits above them those of its hash: the index of the place is made of the others. So hardly an entry is looked at
/// that is not the right one, in four bytes a place. As the hashes of all entries are kept, in the order of the
/// entries, no key is hashed again when the index grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    places: Box<[u32]>,
    hashes: Vec<u32>,
}

/// The places for so many entries.
fn places_for(entries: usize) -> usize {
    if entries == 0 { 0 } else { (2 * entries).next_power_of_two().max(8) }
}

/// The place where an entry would be.
pub(super) struct Vacant {
    hash: u32,
    place: usize,
}

impl Index {
    /// The low bits: of a hash those that make the index of its place, of a place those that hold a position.
    #[inline]
    fn mask(&self) -> u32 {
        (self.places.len() as u32).wrapping_sub(1)
    }

    /// The position of an entry with this hash for which a condition holds.
    #[inline]
    pub(super) fn find(&self, hash: u32, is: impl Fn(usize) -> bool) -> Result<usize, Vacant> {
        let mask = self.mask();
        let mut at = hash & mask;
        // There is no such place if there is none at all.
        while let Some(&place) = self.places.get(at as usize)
            && place != 0
        {
            let position = (place & mask) as usize - 1;
            if (place ^ hash) & !mask == 0 && is(position) {
                return Ok(position);
            }
            at = (at + 1) & mask;
        }
        Err(Vacant { hash, place: at as usize })
    }

    /// Adds the next entry.
    #[inline]
    pub(super) fn insert(&mut self, Vacant { hash, place }: Vacant) {
        self.hashes.push(hash);
        if 2 * self.hashes.len() > self.places.len() {
            self.resize(places_for(self.hashes.len()));
        } else {
            self.places[place] = hash & !self.mask() | self.hashes.len() as u32;
        }
    }

    /// Adds the next entry, which is another one than all that are there.
    pub(super) fn insert_new(&mut self, hash: u32) {
        if let Err(vacant) = self.find(hash, |_| false) {
            self.insert(vacant);
        }
    }

    #[cold]
    fn resize(&mut self, places: usize) {
        if places != self.places.len() {
            self.places = vec![0; places].into();
        } else {
            self.places.fill(0);
        }
        let mask = self.mask();
        for (&hash, position) in self.hashes.iter().zip(1..) {
            let mut at = hash & mask;
            while self.places[at as usize] != 0 {
                at = (at + 1) & mask;
            }
            self.places[at as usize] = hash & !mask | position;
        }
    }

    /// Makes room for so many more entries.
    pub(super) fn reserve(&mut self, more: usize) {
        self.hashes.reserve(more);
        let places = places_for(self.hashes.len() + more);
        if places > self.places.len() {
            self.resize(places);
        }
    }

    /// Forgets all entries and keeps their room.
    pub(super) fn clear(&mut self) {
        self.places.fill(0);
        self.hashes.clear();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.places) + self.hashes.capacity() * size_of::<u32>()
    }
}
