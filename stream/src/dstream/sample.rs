//! Random samples of rows.

use std::sync::Arc;

use streamgauge_sketches::OwnedKey;

use super::{DStream, Node, Shared};
use crate::batch::exchange::key_hash;
use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::source::Record;
use crate::time::Time;

/// What the random numbers of an operator depend on, but for the batch and the partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64, operator: &str, number: u64) -> Self {
        Self(key_hash(&(seed, operator, number)))
    }

    pub(crate) fn numbers(self, time: Time, partition: usize) -> Numbers {
        Numbers(key_hash(&(self.0, time.millis() as u64, partition)))
    }
}

/// SplitMix64.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// A number of 0..1.
    #[inline]
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Each row with the probability that a function says.
pub(crate) struct Sample<T, F> {
    pub(crate) parent: Arc<Shared<T>>,
    pub(crate) draw: Draw,
    pub(crate) fraction: F,
}

impl<T: Record, F: Fn(&T) -> f64 + Send + Sync> Node<T> for Sample<T, F> {
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.parent.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let mut numbers = self.draw.numbers(batch.time, partition);
        self.parent.run(batch, partition, &mut |rows| {
            rows.retain(|row| {
                let fraction = (self.fraction)(row);
                assert!((0.0..=1.0).contains(&fraction), "the fraction of a sample is {fraction}; it must be in 0..=1");
                numbers.next() < fraction
            });
            if !rows.is_empty() {
                out(rows);
            }
        })
    }
}

impl<T: Record> DStream<T> {
    /// Each row with this probability, in 0..=1.
    ///
    /// Which rows depends on the job's seed, the operator's name, the time of the batch and the partition: the same
    /// whenever the job is run. For a sample of a fixed size that keeps its weights, summarize by a
    /// [reservoir](streamgauge_sketches::Reservoir).
    pub fn sample(&self, fraction: f64) -> DStream<T> {
        let name = self.graph.name(None, "sample");
        if !(0.0..=1.0).contains(&fraction) {
            self.graph.problem(format!("{name}: the fraction is {fraction}; give one in 0..=1"));
        }
        self.sampled("sample", &name, move |_| fraction)
    }

    fn sampled(
        &self,
        kind: &'static str,
        name: &str,
        fraction: impl Fn(&T) -> f64 + Send + Sync + 'static,
    ) -> DStream<T> {
        let operator = self.graph.named_operator(name, kind, [self.operator()]);
        let draw = Draw::new(self.graph.seed(), name, 0);
        DStream::new(self.graph.clone(), operator, Sample { parent: self.read_by_one_more(), draw, fraction })
    }
}

impl<K: OwnedKey, V: Record> DStream<(K, V)> {
    /// Each row with a probability, in 0..=1, that depends on its key. One outside of that fails the batch.
    pub fn sample_by_key(&self, fraction: impl Fn(&K) -> f64 + Send + Sync + 'static) -> DStream<(K, V)> {
        let name = self.graph.name(None, "sample_by_key");
        self.sampled("sample_by_key", &name, move |(key, _)| fraction(key))
    }
}
