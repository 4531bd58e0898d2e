//! Where the entries of a table stand, by the hash of their key.

/// Open addressing with linear probing, at most three quarters full.
///
/// A place holds the position of an entry, counted from one, in as many low bits as the number of a place has, and in
/// the bits above them those of its hash: the number of the place is made of the others. So hardly an entry is looked
/// at that is not the right one, in four bytes a place, for up to three billion entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    places: Box<[u32]>,
}

/// The place where an entry would be.
pub(super) struct Vacant {
    hash: u32,
    place: usize,
}

impl Index {
    /// An index of entries with these hashes, in their order, and room for more. Of equal entries the first is found.
    pub(super) fn of(hashes: impl ExactSizeIterator<Item = u32>, more: usize) -> Self {
        let entries = hashes.len() + more;
        let places = if entries == 0 { 0 } else { (entries + entries / 3 + 1).next_power_of_two().max(4) };
        let mut index = Self { places: vec![0; places].into() };
        let mask = index.mask();
        for (hash, position) in hashes.zip(1..) {
            let mut at = hash & mask;
            while index.places[at as usize] != 0 {
                at = (at + 1) & mask;
            }
            index.places[at as usize] = hash & !mask | position;
        }
        index
    }

    /// The low bits: of a hash those that make the number of its place, of a place those that hold a position.
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

    /// Whether so many entries find room.
    #[inline]
    pub(super) fn has_room(&self, entries: usize) -> bool {
        entries <= self.places.len() / 4 * 3
    }

    /// Adds the entry that would be there, if there is room.
    #[inline]
    pub(super) fn insert(&mut self, Vacant { hash, place }: Vacant, position: usize) {
        self.places[place] = hash & !self.mask() | (position as u32 + 1);
    }

    /// Forgets all entries and keeps their room.
    pub(super) fn clear(&mut self) {
        self.places.fill(0);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.places)
    }
}
