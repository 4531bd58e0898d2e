//! Keeps a fraction of the records, and gives each its weight.

use std::sync::Arc;

use streamgauge_sketches::{Table, Weight};

use super::Sampled;
use super::allocation::Allocation;
use crate::batch::{BatchRun, CHUNK, Input, Partitions};
use crate::dstream::{Draw, Node, Numbers, Shared};
use crate::error::Error;
use crate::source::Record;

/// Thins a stream by its strata. `stratum` gives the hash of a record's stratum; strata of one hash are one.
pub(super) struct Thin<T, F> {
    pub(super) name: Arc<str>,
    pub(super) parent: Arc<Shared<T>>,
    pub(super) draw: Draw,
    pub(super) stratum: F,
    pub(super) floor: f64,
}

impl<T: Record, F: Fn(&T) -> u64 + Send + Sync> Node<Sampled<T>> for Thin<T, F> {
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.parent.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<Sampled<T>>)) -> Result<(), Error> {
        let fraction = batch.fraction().max(self.floor);
        let mut rows = Vec::new();
        let (mut offered, mut kept) = (0, 0);
        let mut out = |rows: &mut Vec<Sampled<T>>| {
            kept += rows.len() as u64;
            if !rows.is_empty() {
                out(rows);
                rows.clear();
            }
        };
        if fraction >= 1.0 {
            self.parent.run(batch, partition, &mut |chunk| {
                offered += chunk.len() as u64;
                rows.extend(chunk.drain(..).map(|record| Sampled::new(record, Weight::ONE)));
                out(&mut rows);
            })?;
        } else {
            let mut block = Block {
                records: Vec::with_capacity(CHUNK),
                strata: Vec::with_capacity(CHUNK),
                sizes: Table::default(),
                numbers: self.draw.numbers(batch.time, partition),
                fraction,
            };
            // Blocks are of one size whatever the chunks are: strata that are rare in a block are kept whole, and in a
            // block of few records all are rare.
            self.parent.run(batch, partition, &mut |chunk| {
                offered += chunk.len() as u64;
                for record in chunk.drain(..) {
                    block.push((self.stratum)(&record), record);
                    if block.records.len() == CHUNK {
                        block.thin(&mut rows);
                        out(&mut rows);
                    }
                }
            })?;
            block.thin(&mut rows);
            out(&mut rows);
        }
        batch.count_shed(&self.name, offered, kept);
        Ok(())
    }
}

/// Records that are thinned together.
struct Block<T> {
    records: Vec<T>,
    /// By record.
    strata: Vec<u64>,
    /// How many records of a stratum there are.
    sizes: Table<u64, u32>,
    numbers: Numbers,
    fraction: f64,
}

impl<T> Block<T> {
    #[inline]
    fn push(&mut self, stratum: u64, record: T) {
        *self.sizes.entry(&stratum, || 0) += 1;
        self.strata.push(stratum);
        self.records.push(record);
    }

    /// Moves those that are kept out, and drops the others.
    fn thin(&mut self, kept: &mut Vec<Sampled<T>>) {
        let sizes = self.sizes.entries().iter().map(|(_, size)| *size);
        let allocation = Allocation::of(sizes, self.fraction);
        for (stratum, record) in self.strata.drain(..).zip(self.records.drain(..)) {
            let weight = allocation.weight(self.sizes.get(&stratum).copied().unwrap_or(1));
            // By the weight as it is stored, so that the two are one by the other exactly. A record of weight one uses
            // a number up too: which others are kept does not depend on it.
            if self.numbers.next() * weight.get() < 1.0 {
                kept.push(Sampled::new(record, weight));
            }
        }
        self.sizes.clear();
    }
}
