//! W1: words and how often they came in the batch.

use super::{Lane, THREADS};
use crate::tally::Tally;
use crate::text::each_word;

/// A word as it stands in the input, and how often it came.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    word: &'static [u8],
    hash: u32,
    count: u32,
}

/// Counts the words of its partition first, for both threads, then adds what the other has counted for it.
pub(super) struct Words {
    this: usize,
    /// By the thread that has the words: where they stand in its box.
    tables: [Table; THREADS],
}

impl Words {
    pub(super) fn new(this: usize) -> Self {
        Self { this, tables: [Table::new(), Table::new()] }
    }
}

impl Lane for Words {
    type Record = &'static str;
    type Sent = Entry;

    fn send(&mut self, lines: &'static [&'static str], boxes: [&mut Vec<Entry>; THREADS]) {
        self.tables.iter_mut().for_each(Table::clear);
        for line in lines {
            each_word(line, |word| {
                let word = word.as_bytes();
                let hash = hash(word);
                let thread = (hash >> 31) as usize;
                self.tables[thread].add(boxes[thread], Entry { word, hash, count: 1 });
            });
        }
    }

    fn take(&mut self, boxes: [&mut Vec<Entry>; THREADS]) -> Tally {
        let [first, second] = boxes;
        let (own, other) = if self.this == 0 { (first, second) } else { (second, first) };
        for &entry in &*other {
            self.tables[self.this].add(own, entry);
        }
        let mut tally = Tally::default();
        own.iter().for_each(|entry| tally.word(entry.word.len(), entry.count.into()));
        tally
    }
}

/// Where entries stand, by hash: open addressing, at most half full. A place holds the position, from one on, and the
/// hash, so that an entry is looked at only if it is the right one.
struct Table {
    places: Vec<(u32, u32)>,
}

impl Table {
    fn new() -> Self {
        Self { places: vec![(0, 0); 1 << 10] }
    }

    fn clear(&mut self) {
        self.places.fill((0, 0));
    }

    #[inline]
    fn add(&mut self, entries: &mut Vec<Entry>, new: Entry) {
        let mask = self.places.len() - 1;
        let mut place = new.hash as usize & mask;
        loop {
            let (position, hash) = self.places[place];
            if position == 0 {
                return self.insert(place, entries, new);
            }
            if hash == new.hash {
                let held = &mut entries[position as usize - 1];
                if held.word == new.word {
                    held.count += new.count;
                    return;
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn insert(&mut self, place: usize, entries: &mut Vec<Entry>, new: Entry) {
        entries.push(new);
        self.places[place] = (entries.len() as u32, new.hash);
        if 2 * entries.len() > self.places.len() {
            self.grow(entries);
        }
    }

    #[cold]
    fn grow(&mut self, entries: &[Entry]) {
        let mask = 2 * self.places.len() - 1;
        self.places = vec![(0, 0); mask + 1];
        for (entry, position) in entries.iter().zip(1..) {
            let mut place = entry.hash as usize & mask;
            while self.places[place].0 != 0 {
                place = (place + 1) & mask;
            }
            self.places[place] = (position, entry.hash);
        }
    }
}

/// Eight bytes at a time, each multiplied into the next.
#[inline]
fn hash(word: &[u8]) -> u32 {
    let (eights, rest) = word.as_chunks();
    let hash = eights.iter().fold(word.len() as u64, |hash, eight| fold(hash ^ u64::from_le_bytes(*eight)));
    fold(hash ^ tail(rest)) as u32
}

/// Less than eight bytes as a number; of four or more the first four and the last four.
#[inline]
fn tail(rest: &[u8]) -> u64 {
    let number = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
    match (rest.first_chunk(), rest.last_chunk(), rest) {
        (Some(first), Some(last), _) => number(first) | number(last) << 32,
        (.., &[a, b, c]) => number(&[a, b, c, 0]),
        (.., &[a, b]) => number(&[a, b, 0, 0]),
        (.., &[a]) => a.into(),
        _ => 0,
    }
}

#[inline]
fn fold(x: u64) -> u64 {
    let product = u128::from(x ^ 0x2d35_8dcc_aa6c_78a5) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}
