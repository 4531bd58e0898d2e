//! W1: words and how often they came in the batch.

use super::{Lane, THREADS};
use crate::tally::Tally;
use crate::text::each_word;

/// A word as it stands in the input, and how often it came.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    word: &'static [u8],
    /// The first eight bytes: most words are told apart without a look at the text.
    head: u64,
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
                let head = head(word);
                let hash = hash(word, head);
                let thread = (hash >> 31) as usize;
                self.tables[thread].add(boxes[thread], Entry { word, head, hash, count: 1 });
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

impl Entry {
    #[inline]
    fn is(&self, other: &Self) -> bool {
        self.head == other.head
            && self.word.len() == other.word.len()
            && (self.word.len() <= 8 || self.word[8..] == other.word[8..])
    }
}

/// Where entries stand, by hash: open addressing, at most half full. A place holds the position in 24 bits, from one on,
/// and eight bits of the hash, so that hardly an entry is looked at that is not the right one.
struct Table {
    places: Vec<u32>,
}

const POSITION_BITS: u32 = 24;

/// What the place of an entry holds. The index of the place is made of other bits of the hash, unless it is a huge one.
#[inline]
fn place_of(position: usize, hash: u32) -> u32 {
    position as u32 | hash << 1 & (u32::MAX << POSITION_BITS)
}

impl Table {
    fn new() -> Self {
        Self { places: vec![0; 1 << 10] }
    }

    fn clear(&mut self) {
        self.places.fill(0);
    }

    #[inline]
    fn add(&mut self, entries: &mut Vec<Entry>, new: Entry) {
        let mask = self.places.len() - 1;
        let mut at = new.hash as usize & mask;
        loop {
            let place = self.places[at];
            if place == 0 {
                return self.insert(at, entries, new);
            }
            if (place ^ new.hash << 1) >> POSITION_BITS == 0 {
                let held = &mut entries[(place & ((1 << POSITION_BITS) - 1)) as usize - 1];
                if held.is(&new) {
                    held.count += new.count;
                    return;
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, at: usize, entries: &mut Vec<Entry>, new: Entry) {
        entries.push(new);
        assert!(entries.len() < 1 << POSITION_BITS, "a batch has no more words than records");
        self.places[at] = place_of(entries.len(), new.hash);
        if 2 * entries.len() > self.places.len() {
            self.grow(entries);
        }
    }

    #[cold]
    fn grow(&mut self, entries: &[Entry]) {
        let mask = 2 * self.places.len() - 1;
        self.places = vec![0; mask + 1];
        for (entry, position) in entries.iter().zip(1..) {
            let mut at = entry.hash as usize & mask;
            while self.places[at] != 0 {
                at = (at + 1) & mask;
            }
            self.places[at] = place_of(position, entry.hash);
        }
    }
}

/// The first eight bytes; of a shorter word a number that no other of its length has.
#[inline]
fn head(word: &[u8]) -> u64 {
    let number = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
    match (word.first_chunk(), word) {
        (Some(eight), _) => u64::from_le_bytes(*eight),
        (None, &[a, b, c]) => number(&[a, b, c, 0]),
        (None, &[a, b]) => number(&[a, b, 0, 0]),
        (None, &[a]) => a.into(),
        // The first four bytes and the last four.
        (None, word) => match (word.first_chunk(), word.last_chunk()) {
            (Some(first), Some(last)) => number(first) | number(last) << 32,
            _ => 0,
        },
    }
}

/// The head, then eight bytes at a time, each multiplied into the next.
#[inline]
fn hash(word: &[u8], head_of_word: u64) -> u32 {
    let mut hash = fold(head_of_word ^ (word.len() as u64) << 56);
    for more in word.chunks(8).skip(1) {
        hash = fold(hash ^ head(more));
    }
    hash as u32
}

#[inline]
fn fold(x: u64) -> u64 {
    let product = u128::from(x ^ 0x2d35_8dcc_aa6c_78a5) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}
