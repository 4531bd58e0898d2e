//! The registers of a window: two stacks, of which the front is a state and a log.

use super::registers::{Histogram, histogram, logged, unlogged};
use super::{HyperLogLog, Store};

/// The registers of the older panes and those of the newer ones, side by side, and the histogram of the higher of both,
/// which is what a reading asks for.
#[derive(Clone, Debug)]
pub(super) struct Halves {
    registers: Vec<Both>,
    histogram: Histogram,
    /// What merging the panes of the front, newest first, overwrote there, [logged].
    log: Vec<u32>,
    /// Where the part of each pane begins in the log, the oldest pane last.
    marks: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Both {
    front: u8,
    back: u8,
}

impl Both {
    #[inline]
    fn highest(self) -> u8 {
        self.front.max(self.back)
    }
}

impl Halves {
    pub(super) fn new(precision: u8) -> Self {
        let mut histogram = [0; _];
        histogram[0] = 1 << precision;
        Self { registers: vec![Both::default(); 1 << precision], histogram, log: Vec::new(), marks: Vec::new() }
    }

    /// Halves with this front and no back. Whatever a damaged log says does no harm.
    pub(super) fn with_front(front: &[u8], log: Vec<u32>, marks: Vec<u32>) -> Self {
        let registers = front.iter().map(|&front| Both { front, back: 0 }).collect();
        Self { registers, histogram: histogram(front), log, marks }
    }

    /// What [`with_front`](Self::with_front) takes.
    pub(super) fn into_front(self) -> (Vec<u8>, Vec<u32>, Vec<u32>) {
        (self.registers.iter().map(|both| both.front).collect(), self.log, self.marks)
    }

    pub(super) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// How many registers have seen anything.
    pub(super) fn filled(&self) -> usize {
        self.registers.len() - self.histogram[0] as usize
    }

    pub(super) fn merged(&self) -> Vec<u8> {
        self.registers.iter().map(|both| both.highest()).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let words = self.log.capacity() + self.marks.capacity();
        size_of::<Self>() + self.registers.capacity() * size_of::<Both>() + words * size_of::<u32>()
    }

    /// Adds a pane to the back.
    pub(super) fn push(&mut self, pane: &HyperLogLog) {
        match &pane.store {
            Store::Sparse(tokens) => tokens.iter().for_each(|token| self.raise(token.register(pane.precision))),
            Store::Dense(registers) => (0..).zip(registers).for_each(|(at, rank)| self.raise((at, *rank))),
        }
    }

    #[inline]
    fn raise(&mut self, (register, rank): (usize, u8)) {
        let both = &mut self.registers[register];
        // Seldom, so the branch is foreseen and nothing waits for the memory.
        if both.back < rank {
            let before = both.highest();
            both.back = rank;
            if before < rank {
                self.histogram[usize::from(before)] -= 1;
                self.histogram[usize::from(rank)] += 1;
            }
        }
    }

    /// Flips: these panes, newest first, are the front, and the back is empty.
    pub(super) fn flip<'a>(&mut self, panes: impl Iterator<Item = Option<&'a HyperLogLog>>) {
        self.registers.fill(Both::default());
        self.log.clear();
        self.marks.clear();
        for pane in panes {
            self.marks.push(self.log.len() as u32);
            match pane.map(|pane| (&pane.store, pane.precision)) {
                Some((Store::Sparse(tokens), precision)) => {
                    self.deepen(tokens.iter().map(|token| token.register(precision)))
                }
                Some((Store::Dense(registers), _)) => self.deepen((0..).zip(registers.iter().copied())),
                None => {}
            }
        }
        self.histogram = histogram(&self.merged());
    }

    /// Adds to the front what an older pane has, and logs what that overwrites.
    fn deepen(&mut self, pane: impl Iterator<Item = (usize, u8)>) {
        for (register, rank) in pane {
            let front = &mut self.registers[register].front;
            if *front < rank {
                self.log.push(logged(register, *front));
                *front = rank;
            }
        }
    }

    /// Takes the oldest pane out of the front.
    pub(super) fn expire(&mut self) {
        let mark = self.marks.pop().unwrap_or(0) as usize;
        for &entry in self.log.get(mark..).unwrap_or_default().iter().rev() {
            let (register, value) = unlogged(entry);
            if let Some(both) = self.registers.get_mut(register) {
                let before = both.highest();
                // The old value was the lower one, whatever a damaged log says.
                both.front = both.front.min(value);
                self.histogram[usize::from(before)] -= 1;
                self.histogram[usize::from(both.highest())] += 1;
            }
        }
        self.log.truncate(mark);
    }
}
