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
        let mut out = |rows: &mut Vec<Sampled<T>>| {
            if !rows.is_empty() {
                out(rows);
                rows.clear();
            }
        };
        if fraction >= 1.0 {
            self.parent.run(batch, partition, &mut |chunk| {
                rows.extend(chunk.drain(..).map(|record| Sampled::new(record, Weight::ONE)));
                out(&mut rows);
            })?;
        } else {
            let mut block = Block {
                records: Vec::with_capacity(CHUNK),
                strata: Vec::with_capacity(CHUNK),
                sizes: Table::default(),
                coins: Vec::with_capacity(CHUNK),
                numbers: self.draw.numbers(batch.time, partition),
                fraction,
            };
            // Blocks are of one size whatever the chunks are: strata that are rare in a block are kept whole.
            self.parent.run(batch, partition, &mut |chunk| {
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
        Ok(())
    }
}

/// Records that are thinned together.
struct Block<T> {
    records: Vec<T>,
    /// By record.
    strata: Vec<u64>,
    sizes: Table<u64, Stratum>,
    /// By record: a number of 0..1.
    coins: Vec<f64>,
    numbers: Numbers,
    fraction: f64,
}

/// The records of a stratum in a block.
struct Stratum {
    size: u32,
    /// Those are kept whose coin is below this,
    below: f64,
    /// and this one.
    first: usize,
    weight: Weight,
}

impl Stratum {
    fn none() -> Self {
        Self { size: 0, below: 1.0, first: usize::MAX, weight: Weight::ONE }
    }

    /// What is kept of it. If one is kept in any case, it is that of the lowest coin: each is that with the same
    /// probability, and so is kept by its coin, or, if none of n is, in one case of n.
    fn settle(&mut self, fraction: f64, one_at_least: bool) {
        let none = if one_at_least { (1.0 - fraction).powi(self.size.min(1 << 20) as i32) } else { 0.0 };
        self.weight = Weight::of_fraction(fraction + none / f64::from(self.size));
        // By the weight as it is stored, so that the two are one by the other exactly.
        self.below = if one_at_least && self.weight > Weight::ONE { fraction } else { 1.0 / self.weight.get() };
    }
}

impl<T> Block<T> {
    #[inline]
    fn push(&mut self, stratum: u64, record: T) {
        self.sizes.entry(&stratum, Stratum::none).size += 1;
        self.strata.push(stratum);
        self.records.push(record);
    }

    /// Moves those that are kept out, and drops the others.
    fn thin(&mut self, kept: &mut Vec<Sampled<T>>) {
        let sizes = self.sizes.entries().iter().map(|(_, stratum)| stratum.size);
        let allocation = Allocation::of(sizes, self.fraction);
        // A stratum of which nothing is left would leave no trace: what is shown of it would look exact. So one record is
        // kept of each, as long as that is not more than half of what a full block keeps.
        let one_at_least = self.sizes.len() as f64 <= self.fraction * CHUNK as f64 / 2.0;
        for (_, stratum) in self.sizes.iter_mut() {
            stratum.settle(allocation.fraction(stratum.size), one_at_least);
        }
        // A record of weight one uses a number up too: which others are kept does not depend on it.
        self.coins.clear();
        self.coins.extend(self.strata.iter().map(|_| self.numbers.next()));
        if one_at_least {
            for (at, stratum) in self.strata.iter().enumerate() {
                let first = &mut self.sizes.entry(stratum, Stratum::none).first;
                if self.coins.get(*first).is_none_or(|lowest| self.coins[at] < *lowest) {
                    *first = at;
                }
            }
        }
        for (at, (stratum, record)) in self.strata.drain(..).zip(self.records.drain(..)).enumerate() {
            if let Some(stratum) = self.sizes.get(&stratum)
                && (self.coins[at] < stratum.below || at == stratum.first)
            {
                kept.push(Sampled::new(record, stratum.weight));
            }
        }
        self.sizes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    /// Blocks of strata of these sizes, thinned again and again: of no stratum nothing is left, and the weights of each
    /// add up to its size on average.
    #[test]
    fn of_every_stratum_a_record_is_left_and_the_weights_add_up() {
        const TRIALS: usize = 20_000;
        let draw = Draw::new(7, "shed", 0);
        for (sizes, fraction) in [(&[3_u64, 3, 3, 3, 1][..], 0.1), (&[900, 90, 12, 8, 5], 0.05), (&[40, 2, 2], 0.02)] {
            let (mut sums, mut squares) = (vec![0.0; sizes.len()], vec![0.0; sizes.len()]);
            let mut block = Block {
                records: Vec::new(),
                strata: Vec::new(),
                sizes: Table::default(),
                coins: Vec::new(),
                numbers: draw.numbers(Time::from_secs(1), 0),
                fraction,
            };
            for _ in 0..TRIALS {
                for (stratum, size) in (0..).zip(sizes) {
                    (0..*size).for_each(|_| block.push(stratum, stratum));
                }
                let mut kept = Vec::new();
                block.thin(&mut kept);
                let mut weights = vec![0.0; sizes.len()];
                kept.iter().for_each(|row| weights[*row.record() as usize] += row.weight().get());
                for (at, weight) in weights.into_iter().enumerate() {
                    assert!(weight >= 1.0, "nothing of a stratum of {}", sizes[at]);
                    sums[at] += weight;
                    squares[at] += weight * weight;
                }
            }
            for (at, size) in sizes.iter().enumerate() {
                let mean = sums[at] / TRIALS as f64;
                let error = ((squares[at] / TRIALS as f64 - mean * mean).max(0.0) / TRIALS as f64).sqrt();
                assert!((mean - *size as f64).abs() <= 4.0 * error + 1e-4 * *size as f64, "{mean} of {size}");
            }
        }
    }
}
