//! Models that are learned from streams.

#![allow(clippy::unwrap_used)]

mod fit;
mod keyed;
mod model;
mod recovery;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Spec, Summary};

/// A summary that does not merge, and that no two orders of records leave the same, nor two ways to cut them into
/// batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trail {
    seen: u64,
    chain: u64,
    batches: u64,
}

impl Trail {
    fn add(&mut self, number: u64) {
        self.seen += 1;
        self.chain = self.chain.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number + 1);
    }

    /// What has learned these batches.
    fn of<'a>(batches: impl IntoIterator<Item = &'a [u64]>) -> Self {
        let mut trail = Self::default();
        for batch in batches {
            batch.iter().for_each(|number| trail.add(*number));
            trail.end_batch();
        }
        trail
    }
}

impl Summary for Trail {
    type Reading = Self;

    const NAME: &'static str = "Trail";

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn end_batch(&mut self) {
        self.batches += 1;
        self.chain = self.chain.rotate_left(7) ^ 1;
    }
}

/// The trail of what a function takes from the records.
fn trail<T: 'static>(
    on: On<Identity<T>>,
    number: impl Fn(&T) -> u64 + Send + Sync + 'static,
) -> impl Spec<Item = T, State = Trail> {
    on.feed(Trail::default(), move |trail: &mut Trail, record: &T| trail.add(number(record)))
}

/// Batches of numbers, some of them empty.
fn batches() -> Vec<Vec<u64>> {
    let sizes = [7, 0, 40, 1, 0, 0, 3_000, 12, 5];
    let mut next = 0..;
    sizes.iter().map(|size| next.by_ref().take(*size).map(|i: u64| i * i % 1_009).collect()).collect()
}
