//! `cargo bench -p streamgauge-benches --bench membership`
//!
//! Filters for 100,000 and for 10,000,000 items at 1 %: the first fits the second-level cache, the second does not. All
//! get the same 64-bit hashes, computed before.

use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

use streamgauge::sketches::{Bloom, ClassicBloom, Hashed, Membership, Merge, PortableHash, ScalableBloom};
use streamgauge_benches::race::{Race, time};

/// A hasher for what is a hash already.
#[derive(Clone, Copy, Default)]
struct PassThrough(u64);

impl BuildHasher for PassThrough {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for PassThrough {
    fn write(&mut self, _: &[u8]) {
        unreachable!("hashes are u64")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Fast = fastbloom::BloomFilter<PassThrough>;

const RATE: f64 = 0.01;

fn hashes(range: std::ops::Range<u64>) -> Vec<u64> {
    range.map(|i| i.portable_hash(1)).collect()
}

/// Of a filter that says yes or no: how many yes.
fn count(hashes: &[u64], contains: impl Fn(u64) -> bool) -> usize {
    hashes.iter().filter(|&&hash| contains(hash)).count()
}

fn main() {
    for n in [100_000_u64, 10_000_000] {
        let (present, absent) = (hashes(0..n), hashes(n..2 * n));
        // Small filters are filled several times a round, or there would be nothing to time.
        let times = (2_000_000 / n).max(1) as usize;
        let operations = times * n as usize;

        let bloom = Bloom::for_items(n, RATE).expect("a filter of this size is allowed");
        let classic = ClassicBloom::for_items(n, RATE).expect("a filter of this size is allowed");
        let scalable = ScalableBloom::for_items(n, RATE).expect("a filter of this size is allowed");
        let sbbf = sbbf_rs_safe::Filter::new(11, n as usize);
        let fast: Fast = fastbloom::BloomFilter::with_false_pos(RATE).hasher(PassThrough(0)).expected_items(n as usize);

        // Clones have touched their memory before the clock runs.
        macro_rules! insert {
            ($empty:expr, |$filter:ident| $work:expr) => {
                || {
                    let mut filters = vec![$empty.clone(); times];
                    time(|| {
                        for $filter in &mut filters {
                            $work;
                        }
                        black_box(&filters);
                    })
                }
            };
        }
        Race::new(format!("insert, {n} items"), operations)
            .goal(1.0)
            .run("Bloom", insert!(bloom, |f| f.absorb_hashes(&present)))
            .run(
                "sbbf-rs-safe",
                insert!(sbbf, |f| present.iter().for_each(|&h| {
                    f.insert_hash(h);
                })),
            )
            .run("(Bloom, one by one)", insert!(bloom, |f| present.iter().for_each(|&h| f.absorb_hash(h))))
            .finish();
        Race::new(format!("insert, {n} items"), operations)
            .goal(0.5)
            .run("Bloom", insert!(bloom, |f| f.absorb_hashes(&present)))
            .run(
                "fastbloom",
                insert!(fast, |f| present.iter().for_each(|&h| {
                    f.insert_hash(h);
                })),
            )
            .run("(Bloom, one by one)", insert!(bloom, |f| present.iter().for_each(|&h| f.absorb_hash(h))))
            .run("(ClassicBloom)", insert!(classic, |f| f.absorb_hashes(&present)))
            .run("(ScalableBloom)", insert!(scalable, |f| f.absorb_hashes(&present)))
            .finish();

        let (mut bloom, mut classic, mut scalable, mut sbbf, mut fast) = (bloom, classic, scalable, sbbf, fast);
        bloom.absorb_hashes(&present);
        classic.absorb_hashes(&present);
        scalable.absorb_hashes(&present);
        for &hash in &present {
            sbbf.insert_hash(hash);
            fast.insert_hash(hash);
        }
        for (what, asked) in [("absent", &absent), ("present", &present)] {
            let repeat = |one: &mut dyn FnMut() -> usize| {
                time(|| {
                    for _ in 0..times {
                        black_box(one());
                    }
                })
            };
            // As a stream asks: a batch at a time, and something is done with the answers.
            let mut found = Vec::with_capacity(1_024);
            let mut batches = || {
                repeat(&mut || {
                    let batches = asked.chunks(1_024).map(|batch| {
                        found.clear();
                        bloom.contains_hashes(batch, &mut found);
                        found.iter().filter(|found| **found).count()
                    });
                    batches.sum()
                })
            };
            Race::new(format!("ask, {n} items, all {what}"), operations)
                .goal(1.0)
                .run("Bloom", &mut batches)
                .run("sbbf-rs-safe", || repeat(&mut || count(asked, |h| sbbf.contains_hash(h))))
                .run("(Bloom, one by one)", || repeat(&mut || count(asked, |h| bloom.contains_hash(h))))
                .finish();
            Race::new(format!("ask, {n} items, all {what}"), operations)
                .goal(0.5)
                .run("Bloom", &mut batches)
                .run("fastbloom", || repeat(&mut || count(asked, |h| fast.contains_hash(h))))
                .run("(Bloom, one by one)", || repeat(&mut || count(asked, |h| bloom.contains_hash(h))))
                .run("(ClassicBloom)", || repeat(&mut || count(asked, |h| classic.contains_hash(h))))
                .run("(ScalableBloom)", || repeat(&mut || count(asked, |h| scalable.contains_hash(h))))
                .finish();
        }

        let (mut ours, mut theirs) = (bloom.clone(), fast.clone());
        Race::new(format!("union of two filters of {n} items"), 1)
            .run("Bloom", || time(|| ours.merge(&bloom).expect("filters of the same size")))
            .run("fastbloom", || time(|| theirs.union(&fast)))
            .finish();
    }
}
